/* Routing of a workload as people write it: uniform, zipf:1, one-hot, empty-expert, trained,
 * trained:FILE. */
#ifndef CLM_MODEL_ROUTING_TEXT_H
#define CLM_MODEL_ROUTING_TEXT_H

#include "nn/workload.h"

extern const char *const clm_routing_forms[]; /* ends with null */

/* Sets routing and exponent of the workload; *file is where the loads of `trained` stand (null: of
 * those that come with the program), else null. Error (USAGE) with the forms there are. */
clm_status clm_routing_parse(const char *text, clm_workload *workload, const char **file);

/* Sets the loads of `trained` from a file of records (records.jsonl of a run): the first record
 * with as many experts and choices as the workload and with routing. `file` null: a model
 * trained on IMDB, suites/routing/. CLM_SKIP when no record fits, error (USAGE) when there is no
 * file. */
clm_status clm_routing_load(clm_scope *scope, const char *file, clm_workload *workload);

#endif
