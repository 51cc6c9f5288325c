/* What of a request fits the cells that it is expanded into: filters, settings, numbers of seeds. All
 * that the command line names must fit something: a typing mistake must not go by silently. */
#ifndef CLM_SUITE_REQUEST_H
#define CLM_SUITE_REQUEST_H

#include "suite/plan.h"

/* A request and, for each element of its lists, whether any cell fitted. */
typedef struct clm_request_use {
    const clm_request *request;
    bool *model, *data, *set, *seeds;
} clm_request_use;

clm_request_use clm_request_use_new(clm_scope *scope, const clm_request *request);

/* Whether the filters --model (a model, label or group) and --data let a cell of a suite pass. */
bool clm_request_wants(clm_request_use *use, const char *model, const char *label,
                       const clm_names *groups, const char *data);

/* Applies --set: without a suite the model must have each parameter, with one it may not. Errors: no
 * '=', a value that the parameter cannot have. */
clm_status clm_request_apply(clm_scope *scope, clm_request_use *use, clm_config *config);

/* Whether --set replaces what a suite says of a parameter. */
bool clm_request_sets(const clm_request *request, const char *parameter);

/* Replaces the number of seeds on a data set by that of the last --seeds that fits. Error: no number
 * between 1 and 1000. */
clm_status clm_request_seeds(clm_request_use *use, const char *data, int *count);

/* Once all cells of the plan are there. Errors: a part of the request that fits none, no cells. */
clm_status clm_request_check(const clm_request_use *use, const clm_run_plan *plan);

#endif
