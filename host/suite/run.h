/* Run: the cells of a plan, one worker process each, one record each. */
#ifndef CLM_SUITE_RUN_H
#define CLM_SUITE_RUN_H

#include "suite/estimate.h"
#include "suite/record.h"

typedef struct clm_run_options {
    clm_records *records;          /* holds what an earlier run has finished */
    const char *folder;            /* for the workers' messages; null: none */
    const clm_estimate *estimates; /* one per cell */
    bool json;                     /* print every record on standard output */
} clm_run_options;

typedef struct clm_run_outcome {
    size_t before, ok, failed, wrong, unable; /* unable: skipped or unsupported */
    bool interrupted;
    json_t *records; /* new reference: array in the order of the plan; null for cells not reached */
} clm_run_outcome;

/* Runs every cell that has no record yet. Ctrl-C (SIGINT), SIGTERM and SIGHUP end the worker and
 * then the run; what is finished is kept. Fails when a record cannot be written or no worker
 * started. */
clm_status clm_run(clm_scope *scope, const clm_run_plan *plan, const clm_run_options *options,
                   clm_run_outcome *outcome);

#endif
