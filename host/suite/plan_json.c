/* A plan on disk: plan.json of a run's folder; and a cell as a text to compare. */
#include "suite/plan.h"

#include "base/text.h"
#include "model/model.h"
#include "suite/lane.h"

#include <stdlib.h>

enum { PLAN_SCHEMA = 1 };

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *names_json(const clm_names *names)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < names->count; i++)
        json_array_append_new(list, json_string(names->name[i]));
    return list;
}

json_t *clm_run_plan_json(const clm_run_plan *plan)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < plan->cells; i++) {
        const clm_run_cell *cell = &plan->cell[i];
        json_array_append_new(
            cells, json_pack("{s:s,s:o,s:o,s:s,s:s,s:o,s:o,s:i,s:o}", "label", cell->label,
                             "against", text_or_null(cell->against), "groups",
                             names_json(&cell->groups), "model", cell->model, "data", cell->data,
                             "device", text_or_null(cell->device), "lane", text_or_null(cell->lane),
                             "seed", cell->seed, "params", clm_config_json(cell->config, false)));
    }
    return json_pack("{s:i,s:o,s:o,s:o,s:o,s:b,s:i,s:o,s:o}", "schema", PLAN_SCHEMA, "suite",
                     text_or_null(plan->suite), "published", text_or_null(plan->published),
                     "data_dir", text_or_null(plan->data_dir), "binaries",
                     text_or_null(plan->binaries), "profile", plan->profile, "timeout_s",
                     plan->timeout_s, "figures", names_json(&plan->figures), "cells", cells);
}

/* A parameter's value as text that reads back to the same value. */
static const char *value_text(clm_scope *scope, const json_t *value)
{
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_integer(value))
        return clm_text(scope, "%lld", (long long)json_integer_value(value));
    return clm_text(scope, "%.17g", json_number_value(value));
}

clm_status clm_config_from_json(clm_scope *scope, const char *name, const json_t *params,
                                const clm_config **out)
{
    const clm_model *model;
    CLM_TRY(clm_model_named(scope, name, &model));
    clm_config *config = clm_config_new(scope, model);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)params, key, value)
        CLM_TRY(clm_config_set(config, key, value_text(scope, value)));
    CLM_TRY(clm_config_resolve(config));
    *out = config;
    return CLM_OK;
}

/* A member's text in the scope's own copy, or null. */
static const char *member(clm_scope *scope, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? clm_text(scope, "%s", text) : NULL;
}

/* Names in the scope's own copy; none where the member is missing. */
static clm_names read_names(clm_scope *scope, const json_t *object, const char *key)
{
    const json_t *list = json_object_get(object, key);
    clm_names names = {.count = (unsigned)json_array_size(list)};
    names.name = clm_alloc_array(scope, names.count, sizeof *names.name);
    for (unsigned i = 0; i < names.count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        names.name[i] = clm_text(scope, "%s", name != NULL ? name : "");
    }
    return names;
}

static clm_status read_cell(clm_scope *scope, const json_t *json, clm_run_cell *cell)
{
    cell->label = member(scope, json, "label");
    cell->against = member(scope, json, "against");
    cell->groups = read_names(scope, json, "groups");
    cell->model = member(scope, json, "model");
    cell->data = member(scope, json, "data");
    cell->device = member(scope, json, "device");
    cell->lane = member(scope, json, "lane");
    if (cell->lane == NULL && cell->device != NULL) cell->lane = clm_lanes[0];
    cell->seed = (int)json_integer_value(json_object_get(json, "seed"));
    if (cell->label == NULL || cell->model == NULL || cell->data == NULL)
        return clm_fail(CLM_ERROR_USAGE, "plan.json: a cell without label, model or data");
    CLM_TRY(
        clm_config_from_json(scope, cell->model, json_object_get(json, "params"), &cell->config));
    cell->setting = clm_setting(scope, cell->device, cell->lane, cell->data, cell->config);
    return CLM_OK;
}

clm_status clm_run_plan_from_json(clm_scope *scope, const json_t *json, const clm_run_plan **out)
{
    if (json_integer_value(json_object_get(json, "schema")) != PLAN_SCHEMA) {
        clm_fail(CLM_ERROR_USAGE, "plan.json: not a plan of this version");
        clm_error_advice("start a new run; its records stay readable");
        return CLM_FAIL;
    }
    clm_run_plan *plan = clm_alloc(scope, sizeof *plan);
    plan->suite = member(scope, json, "suite");
    plan->published = member(scope, json, "published");
    plan->data_dir = member(scope, json, "data_dir");
    plan->binaries = member(scope, json, "binaries");
    plan->profile = json_is_true(json_object_get(json, "profile"));
    plan->timeout_s = (int)json_integer_value(json_object_get(json, "timeout_s"));
    plan->figures = read_names(scope, json, "figures");
    const json_t *cells = json_object_get(json, "cells");
    plan->cells = json_array_size(cells);
    plan->cell = clm_alloc_array(scope, plan->cells, sizeof *plan->cell);
    for (size_t i = 0; i < plan->cells; i++)
        CLM_TRY(read_cell(scope, json_array_get(cells, i), &plan->cell[i]));
    *out = plan;
    return CLM_OK;
}

const char *clm_setting_text(clm_scope *scope, const char *device, const char *lane,
                             const char *data, const char *model, const json_t *params)
{
    char *text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    const char *setting = clm_text(scope, "%s|%s|%s|%s|%s", device != NULL ? device : "",
                                   lane != NULL ? lane : "", data, model, text != NULL ? text : "");
    free(text);
    return setting;
}

const char *clm_setting(clm_scope *scope, const char *device, const char *lane, const char *data,
                        const clm_config *config)
{
    json_t *params = clm_config_json(config, false);
    json_object_del(params, "seed");
    const char *setting =
        clm_setting_text(scope, device, lane, data, clm_config_model(config)->name, params);
    json_decref(params);
    return setting;
}
