/* Shares of the roof in a record's profile. */
#ifndef CLM_SUITE_ROOF_SHARE_H
#define CLM_SUITE_ROOF_SHARE_H

#include "ocl/ocl.h"

#include <jansson.h>

/* Adds `roof` {bound, least_ns, share, implausible} to every call of record.profile and to its sums
 * (where `bound` is the one of most of the time): null with `roof_reason` beside the profile when the
 * device's roofs are not measured. Nothing when there is no profile. */
void clm_roof_shares_add(const clm_device *device, json_t *record);

#endif
