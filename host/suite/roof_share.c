#include "suite/roof_share.h"

#include "bench/roofs.h"

#include <math.h>
#include <string.h>

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static json_t *roof_json(const char *bound, double least_ns, double ns)
{
    if (!isfinite(least_ns) || !isfinite(ns) || !(ns > 0)) return json_null();
    return json_pack("{s:s?,s:f,s:f,s:b}", "bound", bound, "least_ns", least_ns, "share",
                     least_ns / ns, "implausible", least_ns / ns > CLM_IMPLAUSIBLE_SHARE);
}

/* Bytes come from where all operands in use fit: with rotating sets, those of all. Events tell the
 * time of kernels alone, in which no launch is counted. */
static clm_roof roof_of(const clm_roofs *roofs, const json_t *profile, const json_t *call)
{
    const json_t *cache = json_object_get(profile, "cache");
    const bool cold = strcmp(text(cache, "state"), "cold") == 0;
    const bool events = strcmp(text(profile, "timer"), "events") == 0;
    const char *precision = text(call, "precision");
    const clm_work work = {.flops = number(call, "flops"),
                           .exps = fmax(number(call, "exps"), 0), /* older records have none */
                           .bytes = number(call, "bytes"),
                           .footprint_bytes =
                               cold ? number(cache, "bytes") : number(call, "footprint_bytes"),
                           .launches = events ? 0 : number(call, "launches"),
                           .in_place = json_is_true(json_object_get(call, "in_place")),
                           .precision = precision[0] != '\0' ? precision : NULL};
    return clm_roof_of(roofs, &work);
}

/* Sum over the calls of a pass ("" : of all). */
static json_t *roof_of_pass(const clm_roofs *roofs, const json_t *profile, const char *pass)
{
    static const char *const bounds[] = {"compute", "bandwidth", "launch"};
    double least = 0, ns = 0, by_bound[3] = {0};
    const json_t *call;
    size_t i, most = 0;
    json_array_foreach(json_object_get(profile, "calls"), i, call)
    {
        if (pass[0] != '\0' && strcmp(text(call, "pass"), pass) != 0) continue;
        const clm_roof roof = roof_of(roofs, profile, call);
        const double took = number(json_object_get(call, "ns"), "median");
        least += roof.bound != NULL ? roof.least_ns : NAN;
        ns += took;
        for (size_t b = 0; b < 3; b++)
            if (roof.bound != NULL && strcmp(roof.bound, bounds[b]) == 0) by_bound[b] += took;
    }
    for (size_t b = 1; b < 3; b++)
        if (by_bound[b] > by_bound[most]) most = b;
    return roof_json(bounds[most], least, ns);
}

static void add(const clm_roofs *roofs, json_t *profile, json_t *record)
{
    const bool only_backward =
        strcmp(text(json_object_get(record, "params"), "pass"), "backward") == 0;
    const struct {
        const char *sum, *pass;
    } sums[] = {{"forward", "forward"},
                {"backward", "backward"},
                {"total", only_backward ? "backward" : ""}};
    json_t *call;
    size_t i;
    json_array_foreach(json_object_get(profile, "calls"), i, call)
    {
        const clm_roof roof = roof_of(roofs, profile, call);
        json_object_set_new(call, "roof",
                            roof_json(roof.bound, roof.bound != NULL ? roof.least_ns : NAN,
                                      number(json_object_get(call, "ns"), "median")));
    }
    for (size_t s = 0; s < 3; s++)
        if (json_is_object(json_object_get(profile, sums[s].sum)))
            json_object_set_new(json_object_get(profile, sums[s].sum), "roof",
                                roof_of_pass(roofs, profile, sums[s].pass));
}

void clm_roof_shares_add(const clm_device *device, json_t *record)
{
    static const char *const profiles[] = {"profile", "inference_profile"};
    clm_scope scope = {0};
    const clm_roofs *roofs = clm_roofs_load(&scope, device);
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        json_t *profile = json_object_get(record, profiles[i]);
        if (!json_is_object(profile)) continue;
        add(roofs, profile, record);
        json_object_set_new(profile, "roof_reason",
                            roofs != NULL ? json_null()
                                          : json_string("roofs are not measured: clmoe peak"));
    }
    clm_scope_end(&scope);
}
