/* Names of folders of runs. */
#ifndef CLM_CMD_RUN_FOLDER_H
#define CLM_CMD_RUN_FOLDER_H

#include "suite/plan.h"

/* results/<suite or model-data>-<date>-<time>, with the shard, and a number where it exists. */
const char *clm_run_folder(clm_scope *scope, const clm_run_plan *plan, const clm_request *request);

/* The folder that holds runs: the one around `run`, or results when run is null. */
const char *clm_runs_folder(clm_scope *scope, const char *run);

#endif
