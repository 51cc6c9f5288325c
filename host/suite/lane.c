#include "suite/lane.h"

#include "base/text.h"

#include <string.h>

const char *const clm_lanes[] = {"portable", "tuned", "vendor", NULL};

clm_status clm_lane_check(const char *lane)
{
    for (size_t i = 0; clm_lanes[i] != NULL; i++)
        if (strcmp(lane, clm_lanes[i]) == 0) return CLM_OK;
    const char *near = clm_did_you_mean(lane, clm_lanes);
    clm_fail(CLM_ERROR_USAGE, "there is no lane '%s'%s%s%s", lane,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("portable: default tunables; tuned: those that `clmoe tune` found; vendor: "
                     "libraries where they can");
    return CLM_FAIL;
}

clm_status clm_lane_open(clm_scope *scope, const char *lane, const clm_device *device,
                         clm_tuning **tuning)
{
    *tuning = NULL;
    if (strcmp(lane, "vendor") == 0) {
        CLM_TRY(clm_clblast_check());
        *tuning = clm_tuning_vendor(scope, device);
        return CLM_OK;
    }
    return strcmp(lane, "tuned") == 0 ? clm_tuning_load(scope, device, tuning) : CLM_OK;
}

json_t *clm_lane_record(const clm_tuning *tuning)
{
    if (tuning == NULL) return json_null();
    const clm_tuning_facts facts = clm_tuning_about(tuning);
    if (facts.vendor)
        return json_pack("{s:o}", "library", json_sprintf("CLBlast %s", clm_clblast_version()));
    return json_pack("{s:s?,s:s?,s:f,s:I,s:I,s:s?}", "file", facts.path, "sha256", facts.sha256,
                     "seconds", facts.seconds, "entries", (json_int_t)facts.entries, "ignored",
                     (json_int_t)facts.ignored, "warning", facts.warning);
}
