/* A profile as JSON, in records. */
#ifndef CLM_MODEL_PROFILE_RECORD_H
#define CLM_MODEL_PROFILE_RECORD_H

#include "nn/profile.h"

#include <jansson.h>

/* {timer, why, replays, samples, wall_ns{...}, kernel_ns, overhead, calls[{operator, pass, operands,
 * variant, tunables, launches, ns{...}, flops, bytes, footprint_bytes, gflops, gbytes}], forward,
 * backward}; the last two sum up the calls below and from `forward` on: {ns, flops, bytes, launches,
 * gflops, gbytes}, null where there are none. New reference. Shares of roofs are added by who knows
 * them. */
json_t *clm_profile_json(const clm_profile *profile, size_t forward);

/* {median, min, q1, q3, n}; null members where they are not known. New reference. */
json_t *clm_summary_json(const clm_summary *summary);
json_t *clm_number_json(double x); /* null when it is not finite */

#endif
