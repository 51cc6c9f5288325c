/* Lane: by which rule the calls of a cell get their variants and tunables. Numbers of different lanes
 * answer different questions, so that every record names its own. */
#ifndef CLM_SUITE_LANE_H
#define CLM_SUITE_LANE_H

#include "op/tuning.h"

#include <jansson.h>

extern const char *const clm_lanes[]; /* portable first; ends with null */

/* Error (USAGE) with a suggestion when there is no such lane. */
clm_status clm_lane_check(const char *lane);

/* What the tapes of a cell carry in this lane on this device: null in lane portable. CLM_SKIP in
 * lane tuned when the device is not tuned, with the advice to do so, and in lane vendor when no
 * library is installed. */
clm_status clm_lane_open(clm_scope *scope, const char *lane, const clm_device *device,
                         clm_tuning **tuning);

/* A tuning in a record {file, sha256, seconds, entries, ignored, warning}, in lane vendor {library};
 * null without one. New reference. */
json_t *clm_lane_record(const clm_tuning *tuning);

#endif
