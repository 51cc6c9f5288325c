/* Roofs as a readable file, <cache>/clmoe/roofs/<device key>.json. */
#include "bench/roofs.h"

#include "base/text.h"
#include "base/user_cache.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 1 };

static const struct {
    const char *name, *unit;
} kinds[CLM_PEAK_KINDS] = {
    [CLM_PEAK_FMA] = {"fma", "Gflop/s"},
    [CLM_PEAK_EXP] = {"exp", "Gexp/s"},
    [CLM_PEAK_READ] = {"read", "GB/s"},
    [CLM_PEAK_COPY] = {"copy", "GB/s"},
    [CLM_PEAK_UPDATE] = {"update", "GB/s"},
    [CLM_PEAK_LAUNCH_LATENCY] = {"launch_latency", "ns"},
    [CLM_PEAK_LAUNCH_INTERVAL] = {"launch_interval", "ns"},
    [CLM_PEAK_TO_DEVICE] = {"to_device", "GB/s"},
    [CLM_PEAK_TO_HOST] = {"to_host", "GB/s"},
    [CLM_PEAK_ATOMIC] = {"atomic", "Gop/s"},
};

const char *clm_peak_name(clm_peak_kind kind) { return kinds[kind].name; }

const char *clm_peak_unit(clm_peak_kind kind) { return kinds[kind].unit; }

/* --- writing --- */

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *peak_json(const clm_peak *peak)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "roof", kinds[peak->kind].name, "of", peak->of,
                               "unit", kinds[peak->kind].unit);
    if (peak->bytes > 0)
        (void)json_object_set_new(object, "bytes", json_integer((json_int_t)peak->bytes));
    (void)json_object_set_new(object, "median", number_or_null(peak->median));
    (void)json_object_set_new(object, "low", number_or_null(peak->low));
    (void)json_object_set_new(object, "high", number_or_null(peak->high));
    (void)json_object_set_new(object, "samples", json_integer((json_int_t)peak->samples));
    (void)json_object_set_new(object, "how", text_or_null(peak->how));
    (void)json_object_set_new(object, "status", json_string(peak->status));
    (void)json_object_set_new(object, "reason", text_or_null(peak->reason));
    return object;
}

json_t *clm_roofs_json(const clm_roofs *roofs)
{
    json_t *object = json_pack("{s:i}", "schema", SCHEMA);
    (void)json_object_set_new(object, "device", text_or_null(roofs->device));
    (void)json_object_set_new(object, "device_key", text_or_null(roofs->key));
    (void)json_object_set_new(object, "measured", text_or_null(roofs->measured));
    (void)json_object_set_new(object, "timer", text_or_null(roofs->timer));
    json_t *list = json_array();
    for (size_t i = 0; i < roofs->count; i++)
        (void)json_array_append_new(list, peak_json(&roofs->peak[i]));
    (void)json_object_set_new(object, "roofs", list);
    (void)json_object_set_new(object, "environment",
                              roofs->environment != NULL ? json_deep_copy(roofs->environment)
                                                         : json_null());
    return object;
}

const char *clm_roofs_path(clm_scope *scope, const char *key)
{
    const char *folder = clm_user_cache(scope, "roofs");
    return folder != NULL ? clm_text(scope, "%s/%s.json", folder, key) : NULL;
}

static clm_status fail_keeping(const char *path, int reason)
{
    clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(reason));
    clm_error_code(reason);
    clm_error_advice("XDG_CACHE_HOME=DIR keeps them elsewhere");
    return CLM_FAIL;
}

clm_status clm_roofs_keep(clm_scope *scope, const clm_roofs *roofs, const char **path)
{
    *path = clm_roofs_path(scope, roofs->key);
    if (*path == NULL) {
        clm_fail(CLM_ERROR_FAILED, "there is no folder to keep the roofs in");
        clm_error_advice("set XDG_CACHE_HOME or HOME to a folder that can be written");
        return CLM_FAIL;
    }
    if (!clm_make_folders(dirname(clm_text(scope, "%s", *path)))) return fail_keeping(*path, errno);
    json_t *object = clm_roofs_json(roofs);
    /* Seven digits, more than any measurement has, so that the file stays readable. */
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
    json_decref(object);
    const bool written = clm_write_whole(*path, text, strlen(text));
    const int reason = errno;
    free(text);
    return written ? CLM_OK : fail_keeping(*path, reason);
}

/* --- reading --- */

static void release(void *object) { json_decref(object); }

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The member's text, which lives as long as the object; null: none. */
static const char *text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool read_peak(const json_t *object, clm_peak *peak)
{
    const char *name = text(object, "roof");
    int kind = 0;
    while (name != NULL && kind < CLM_PEAK_KINDS && strcmp(kinds[kind].name, name) != 0)
        kind++;
    *peak = (clm_peak){.kind = (clm_peak_kind)kind,
                       .of = text(object, "of"),
                       .status = text(object, "status"),
                       .reason = text(object, "reason"),
                       .how = text(object, "how"),
                       .median = number(object, "median"),
                       .low = number(object, "low"),
                       .high = number(object, "high")};
    const double bytes = number(object, "bytes"), samples = number(object, "samples");
    peak->bytes = isnan(bytes) ? 0 : bytes;
    peak->samples = samples > 0 ? (size_t)samples : 0;
    return name != NULL && kind < CLM_PEAK_KINDS && peak->of != NULL && peak->status != NULL;
}

static clm_status fail_reading(const char *path, const char *why)
{
    clm_fail(CLM_ERROR_USAGE, "%s holds no roofs: %s", path, why);
    clm_error_advice("`clmoe peak` measures them again");
    return CLM_FAIL;
}

clm_status clm_roofs_read(clm_scope *scope, const char *path, const clm_roofs **roofs)
{
    json_error_t error;
    json_t *object = json_load_file(path, 0, &error);
    if (object == NULL) return fail_reading(path, error.text);
    clm_scope_defer(scope, release, object);
    const json_t *list = json_object_get(object, "roofs");
    if (number(object, "schema") != SCHEMA || !json_is_array(list) ||
        text(object, "device_key") == NULL)
        return fail_reading(path, "it was written by another version of clmoe");
    clm_roofs *made = clm_alloc(scope, sizeof *made);
    *made = (clm_roofs){.path = clm_text(scope, "%s", path),
                        .key = text(object, "device_key"),
                        .device = text(object, "device"),
                        .measured = text(object, "measured"),
                        .timer = text(object, "timer"),
                        .peak = clm_alloc_array(scope, json_array_size(list), sizeof *made->peak),
                        .count = json_array_size(list),
                        .environment = json_object_get(object, "environment")};
    for (size_t i = 0; i < made->count; i++)
        if (!read_peak(json_array_get(list, i), &made->peak[i]))
            return fail_reading(path, clm_text(scope, "entry %zu is not a roof", i + 1));
    *roofs = made;
    return CLM_OK;
}

const clm_roofs *clm_roofs_load(clm_scope *scope, const clm_device *device)
{
    const char *path = clm_roofs_path(scope, device->key);
    const clm_roofs *roofs = NULL;
    if (path == NULL || clm_roofs_read(scope, path, &roofs) != CLM_OK) return NULL;
    return strcmp(roofs->key, device->key) == 0 ? roofs : NULL;
}
