#include "suite/record.h"

#include "base/text.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* Digits of reals: every number that people write reads back the same, and 0.3 looks like 0.3. */
enum { RECORD_SCHEMA = 1, DIGITS = 15, MOST_MEMBERS = 8 };

static const struct {
    const char *group, *members[MOST_MEMBERS];
} groups[] = {
    {"metrics", {"epoch"}},
    {"time_ns", {"train_step", "inference", "kernel", "transfer", "build", "setup"}},
    {"rate", {"nodes", "edges", "gflops"}},
    {"graph", {"nodes", "edges"}},
    {"memory_bytes", {"planned", "device"}},
    {"routing", {"load", "imbalance", "entropy"}},
};

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

json_t *clm_record_new(const clm_run_plan *plan, const clm_run_cell *cell)
{
    json_t *record = json_pack(
        "{s:i,s:o,s:s,s:s,s:o,s:o,s:n,s:i,s:o,s:s,s:n}", "schema", RECORD_SCHEMA, "suite",
        text_or_null(plan->suite), "model", cell->model, "data", cell->data, "device",
        text_or_null(cell->device), "lane", text_or_null(cell->lane), "tuning", "seed", cell->seed,
        "params", clm_config_json(cell->config, false), "status", "failed", "reason");
    json_object_set_new(record, "metrics", json_object());
    json_object_set_new(record, "curve", json_array());
    for (size_t g = 1; g < sizeof groups / sizeof *groups; g++)
        json_object_set_new(record, groups[g].group, json_object());
    json_object_set_new(record, "environment", json_object());
    return record;
}

/* Null for what a group lacks, with the reason beside it. */
static void complete(json_t *record, const char *group, const char *const *members,
                     const char *reason)
{
    json_t *object = json_object_get(record, group);
    if (!json_is_object(object)) {
        json_object_set_new(record, group, json_object());
        object = json_object_get(record, group);
    }
    for (size_t i = 0; i < MOST_MEMBERS && members[i] != NULL; i++)
        if (json_object_get(object, members[i]) == NULL)
            json_object_set_new(object, members[i], json_null());
    bool unknown = false;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) unknown = unknown || json_is_null(value);
    if (unknown && json_object_get(object, "reason") == NULL)
        json_object_set_new(object, "reason", json_string(reason));
}

/* Both splits of the metric that was measured. */
static void complete_metric(json_t *object)
{
    static const char *const splits[] = {"test", "val"};
    const clm_metric *metric = clm_metric_of(object);
    for (size_t i = 0; metric != NULL && i < 2; i++)
        clm_metric_write(metric, object, splits[i], clm_metric_read(metric, object, splits[i]));
}

void clm_record_finish(json_t *record, const char *status, const char *reason)
{
    char why[128];
    (void)snprintf(why, sizeof why, "%s did not measure it",
                   json_string_value(json_object_get(record, "model")));
    json_object_set_new(record, "status", json_string(status));
    json_object_set_new(record, "reason", text_or_null(reason));
    complete_metric(json_object_get(record, "metrics"));
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        complete(record, groups[g].group, groups[g].members,
                 strcmp(status, "ok") == 0 || reason == NULL ? why : status);
}

static const char *status_of(clm_status status, clm_error_kind kind)
{
    if (status == CLM_SKIP) return "unsupported";
    switch (kind) {
    case CLM_ERROR_TOO_LARGE: return "skipped";
    case CLM_ERROR_OOM: return "oom";
    case CLM_ERROR_WRONG: return "wrong";
    default: return "failed";
    }
}

void clm_record_fail(json_t *record, clm_status status, const clm_error *error)
{
    char reason[4096];
    int n = snprintf(reason, sizeof reason, "%s", error->what);
    const struct {
        const char *word, *text;
    } parts[] = {{"while", error->during}, {"at", error->at}, {"try", error->advice}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].text[0] != '\0' && n >= 0 && (size_t)n < sizeof reason)
            n += snprintf(reason + n, sizeof reason - (size_t)n, "\n  %-7s %s", parts[i].word,
                          parts[i].text);
    clm_record_finish(record, status_of(status, error->kind), reason);
}

char *clm_record_text(const json_t *record)
{
    return json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
}

const char *clm_record_setting(clm_scope *scope, const json_t *record)
{
    json_t *params = json_copy(json_object_get(record, "params"));
    json_object_del(params, "seed");
    const char *device = json_string_value(json_object_get(record, "device"));
    const char *setting =
        clm_setting_text(scope, device, json_string_value(json_object_get(record, "lane")),
                         json_string_value(json_object_get(record, "data")),
                         json_string_value(json_object_get(record, "model")), params);
    json_decref(params);
    return setting;
}

const json_t *clm_record_find(clm_scope *scope, const json_t *lines, const clm_run_cell *cell)
{
    for (size_t i = json_array_size(lines); i-- > 0;) {
        const json_t *record = json_array_get(lines, i);
        if (json_integer_value(json_object_get(record, "seed")) == cell->seed &&
            strcmp(clm_record_setting(scope, record), cell->setting) == 0)
            return record;
    }
    return NULL;
}
