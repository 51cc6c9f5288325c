/* Options that name one cell: --model, --data, --data-dir, --set, --device, --lane; for commands that run a
 * single cell in their own process (forward, compile). */
#ifndef CLM_CMD_CELL_OPTIONS_H
#define CLM_CMD_CELL_OPTIONS_H

#include "cmd/options.h"
#include "model/model.h"

enum { CLM_MOST_SETS = 64 };

typedef struct clm_cell_options {
    const char *model, *data, *data_dir, *device, *lane;
    const char *set[CLM_MOST_SETS];
    int sets;
} clm_cell_options;

/* To be listed among a command's argp children; its input is a clm_cell_options. */
extern const struct argp clm_cell_argp;
extern const struct argp clm_lane_argp; /* --lane alone, with the same input */

/* Loads, resolves and opens what the options name. Errors say what to do. */
clm_status clm_cell_open(clm_scope *scope, const clm_cell_options *options,
                         const clm_context_options *context, clm_cell *cell);

#endif
