/* A profile as JSON, in records. */
#ifndef CLM_MODEL_PROFILE_RECORD_H
#define CLM_MODEL_PROFILE_RECORD_H

#include "nn/profile.h"

#include <jansson.h>

/* {timer, why, replays, samples, wall_ns{...}, overhead, calls[{operator, pass, operands, variant,
 * tunables, launches, ns{...}, flops, bytes, footprint_bytes, gflops, gbytes}], forward, backward,
 * total}; the last three sum up calls, {ns, flops, bytes, launches, gflops, gbytes}: those before
 * `forward`, those from there on, and those from `first` on; null where there are none; launches [[call, queued, start, end]]
 * in ns, of one replay, null where events are not times. New reference. Shares of roofs are added by who knows them (suite/roof_share.h). */
json_t *clm_profile_json(const clm_profile *profile, size_t forward, size_t first);

/* {median, min, q1, q3, n}; null members where they are not known. New reference. */
json_t *clm_summary_json(const clm_summary *summary);
json_t *clm_number_json(double x); /* null when it is not finite */

#endif
