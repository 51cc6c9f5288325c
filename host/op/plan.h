/* Plan: the prepared launches of a list of calls. The tape has one; verification and benchmarks
 * make one for a single call. */
#ifndef CLM_OP_PLAN_H
#define CLM_OP_PLAN_H

#include "op/tuning.h"

clm_plan *clm_plan_new(clm_scope *scope, clm_context *context);

/* Calls that are added from now on are computed as `tuning` says of their shapes; null, as at
 * first: by default. */
void clm_plan_set_tuning(clm_plan *plan, clm_tuning *tuning);

/* Prepares a call as `choice` says; null: as the plan's tuning says, or else with the first variant
 * that is meant for the device and fits. CLM_SKIP with the reason when the variant cannot compute
 * it here. */
clm_status clm_plan_add(clm_plan *plan, const clm_call *call, const clm_choice *choice);

/* How an added call (0, 1, ...) is computed. */
const clm_choice *clm_plan_choice(const clm_plan *plan, size_t call);

/* Enqueues all launches, or those of the calls first ... end - 1. */
clm_status clm_plan_run(clm_plan *plan);
clm_status clm_plan_run_calls(clm_plan *plan, size_t first, size_t end);

size_t clm_plan_launches(const clm_plan *plan);
/* Number of the added call (0, 1, ...) that a launch belongs to. */
size_t clm_plan_launch_call(const clm_plan *plan, size_t launch);

/* Checks operands against the operator: present, types, ranks, equal letters. */
clm_status clm_call_check(const clm_call *call);

#endif
