/* Ablations: rows that a suite puts into one group, ranked as the paper ranks them or not. */
#ifndef CLM_REPORT_ABLATION_H
#define CLM_REPORT_ABLATION_H

#include "report/rows.h"

#include <stdio.h>

typedef struct clm_ablation {
    const char *group;
    const clm_row **row; /* on one data set, device and lane: those of the first */
    size_t count;
    size_t pairs;                         /* of rows whose published scores differ, both measured */
    size_t kept;                          /* of these: the same one is the better one here */
    const clm_row *best_published, *best; /* among the rows of such pairs; null: no pair */
} clm_ablation;

/* Every group on every data set, device and lane that has two rows or more there. */
void clm_ablations(clm_scope *scope, const clm_rows *rows, const clm_ablation **ablation,
                   size_t *count);

/* A line for each that has a pair: whether the published order is kept. */
void clm_ablations_print(clm_scope *scope, const clm_rows *rows, FILE *out);

/* One line per row of each: scores, published scores, verdict. No file where there is none. */
clm_status clm_csv_ablations(clm_scope *scope, const clm_rows *rows, const char *path);

#endif
