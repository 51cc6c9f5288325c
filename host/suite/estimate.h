/* Estimate: how long cells will take, from the records of earlier runs, else from the size of the
 * graph; for --dry-run and for the time left. */
#ifndef CLM_SUITE_ESTIMATE_H
#define CLM_SUITE_ESTIMATE_H

#include "suite/plan.h"

typedef enum clm_estimate_source {
    CLM_FROM_SAME,    /* mean of earlier records of the same cell, any seed */
    CLM_FROM_SIMILAR, /* same model, data and device, scaled by epochs */
    CLM_FROM_SIZE,    /* a rough count of operations */
} clm_estimate_source;

typedef struct clm_estimate {
    double seconds;
    clm_estimate_source source;
} clm_estimate;

/* One estimate per cell of the plan. `runs`: folder of runs to learn from (results). Loads every
 * data set of the plan once: an error of the data, before anything has run, is returned. */
clm_status clm_estimates(clm_scope *scope, const clm_run_plan *plan, const char *runs,
                         const clm_estimate **estimates);

#endif
