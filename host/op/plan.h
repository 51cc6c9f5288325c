/* Plan: the prepared launches of a list of calls. The tape has one; verification and benchmarks
 * make one for a single call. */
#ifndef CLM_OP_PLAN_H
#define CLM_OP_PLAN_H

#include "op/op.h"

clm_plan *clm_plan_new(clm_scope *scope, clm_context *context);

/* Prepares a call with `variant`, or, when null, with the first one that is meant for the device
 * and fits. CLM_SKIP with the reason when the variant cannot compute it here. */
clm_status clm_plan_add(clm_plan *plan, const clm_call *call, const clm_variant *variant);

/* Why a variant cannot compute a call on a device; null when it can. The class of the device does
 * not count: a gpu variant must be right on a CPU too. */
const char *clm_variant_misfit(const clm_variant *variant, const clm_call *call,
                               const clm_device *device);

/* Enqueues all launches. */
clm_status clm_plan_run(clm_plan *plan);

size_t clm_plan_launches(const clm_plan *plan);
/* Number of the added call (0, 1, ...) that a launch belongs to. */
size_t clm_plan_launch_call(const clm_plan *plan, size_t launch);

/* Checks operands against the operator: present, types, ranks, equal letters. */
clm_status clm_call_check(const clm_call *call);

#endif
