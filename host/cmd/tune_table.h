/* What a search found, as a table. */
#ifndef CLM_CMD_TUNE_TABLE_H
#define CLM_CMD_TUNE_TABLE_H

#include "op/tuning.h"

/* A class that the search met, and what its calls take in a replay. */
typedef struct clm_met {
    const char *op, *shape;
    double ns;
} clm_met;

/* Prints operator, class, share of the time, default, tuned, ratio with interval and choice of each
 * class, then a line for each operator. */
void clm_tune_print(clm_scope *scope, const clm_tuning *tuning, const clm_met *met, size_t count);

#endif
