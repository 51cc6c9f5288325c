#include "report/trace.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static json_t *name_event(const char *what, int pid, int tid, const char *name)
{
    return json_pack("{s:s,s:s,s:i,s:i,s:{s:s}}", "ph", "M", "name", what, "pid", pid, "tid", tid,
                     "args", "name", name);
}

/* Microseconds, as the format wants them. */
static json_t *event(const json_t *call, const json_t *launch, int pid, int tid)
{
    const double queued = json_number_value(json_array_get(launch, 1)) / 1e3,
                 start = json_number_value(json_array_get(launch, 2)) / 1e3,
                 end = json_number_value(json_array_get(launch, 3)) / 1e3;
    return json_pack("{s:s,s:O,s:O,s:i,s:i,s:f,s:f,s:{s:O,s:O,s:O,s:f}}", "ph", "X", "name",
                     json_object_get(call, "operator"), "cat", json_object_get(call, "pass"), "pid",
                     pid, "tid", tid, "ts", start, "dur", end - start, "args", "operands",
                     json_object_get(call, "operands"), "variant", json_object_get(call, "variant"),
                     "tunables", json_object_get(call, "tunables"), "waited_us", start - queued);
}

static void add_profile(json_t *events, const json_t *profile, int pid, int tid, const char *name)
{
    const json_t *launches = json_object_get(profile, "launches"), *launch;
    size_t i;
    if (json_array_size(launches) == 0) return;
    json_array_append_new(events, name_event("thread_name", pid, tid, name));
    json_array_foreach(launches, i, launch)
    {
        const size_t number = (size_t)json_integer_value(json_array_get(launch, 0));
        const json_t *call = json_array_get(json_object_get(profile, "calls"), number);
        json_array_append_new(events, event(call, launch, pid, tid));
    }
}

clm_status clm_trace_write(clm_scope *scope, const clm_rows *rows, const char *path)
{
    json_t *events = json_array();
    for (size_t r = 0; r < rows->count; r++) {
        const clm_row *row = &rows->row[r];
        const json_t *record = row->planned > 0 ? row->record[0] : NULL;
        const json_t *inference = json_object_get(record, "inference_profile");
        const size_t before = json_array_size(events);
        add_profile(events, json_object_get(record, "profile"), (int)r + 1, 1,
                    json_is_object(inference) ? "training step" : "operator");
        add_profile(events, inference, (int)r + 1, 2, "inference");
        if (json_array_size(events) > before)
            json_array_append_new(events, name_event("process_name", (int)r + 1, 0,
                                                     clm_text(scope, "%s on %s, %s", row->label,
                                                              row->data, row->device)));
    }
    int code = 0;
    json_t *trace = json_pack("{s:s,s:o}", "displayTimeUnit", "ms", "traceEvents", events);
    if (json_array_size(events) > 0)
        code = json_dump_file(trace, path, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(trace);
    if (code == 0) return CLM_OK;
    return clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(errno));
}
