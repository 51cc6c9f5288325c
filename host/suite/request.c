#include "suite/request.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

clm_request_use clm_request_use_new(clm_scope *scope, const clm_request *request)
{
    clm_request_use use = {.request = request};
    const struct {
        const char *const *list;
        bool **used;
    } lists[] = {{request->model, &use.model},
                 {request->data, &use.data},
                 {request->set, &use.set},
                 {request->seeds, &use.seeds}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        *lists[i].used =
            clm_alloc_array(scope, clm_list_length(lists[i].list) + 1, sizeof **lists[i].used);
    return use;
}

/* Whether a filter, if there is one, lets a name pass; notes in `used` what of it does. */
static bool wanted(const char *const *filter, bool *used, const char *name)
{
    bool passes = filter == NULL;
    for (size_t i = 0; i < clm_list_length(filter); i++)
        if (strcmp(filter[i], name) == 0) passes = used[i] = true;
    return passes;
}

bool clm_request_wants(clm_request_use *use, const char *model, const char *label,
                       const clm_names *groups, const char *data)
{
    bool asked = wanted(use->request->model, use->model, model);
    asked |= wanted(use->request->model, use->model, label);
    for (unsigned i = 0; i < groups->count; i++)
        asked |= wanted(use->request->model, use->model, groups->name[i]);
    asked &= wanted(use->request->data, use->data, data);
    return asked;
}

/* Splits "key=value"; error when there is no '='. */
static clm_status split(clm_scope *scope, const char *text, const char **key, const char **value)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        clm_fail(CLM_ERROR_USAGE, "--set %s: expected key=value", text);
        clm_error_advice("for example --set epochs=20");
        return CLM_FAIL;
    }
    *key = clm_text(scope, "%.*s", (int)(equals - text), text);
    *value = equals + 1;
    return CLM_OK;
}

clm_status clm_request_apply(clm_scope *scope, clm_request_use *use, clm_config *config)
{
    for (size_t i = 0; i < clm_list_length(use->request->set); i++) {
        const char *key, *value;
        CLM_TRY(split(scope, use->request->set[i], &key, &value));
        if (use->request->suite != NULL && !clm_config_has(config, key)) continue;
        CLM_TRY(clm_config_set(config, key, value));
        use->set[i] = true;
    }
    return CLM_OK;
}

bool clm_request_sets(const clm_request *request, const char *parameter)
{
    const size_t name = strlen(parameter);
    for (size_t i = 0; i < clm_list_length(request->set); i++)
        if (strncmp(request->set[i], parameter, name) == 0 && request->set[i][name] == '=')
            return true;
    return false;
}

static clm_status parse_count(const char *option, const char *text, int *count)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > 1000)
        return clm_fail(CLM_ERROR_USAGE, "%s %s: expected a number between 1 and 1000", option,
                        text);
    *count = (int)value;
    return CLM_OK;
}

clm_status clm_request_seeds(clm_request_use *use, const char *data, int *count)
{
    for (size_t i = 0; i < clm_list_length(use->request->seeds); i++) {
        const char *text = use->request->seeds[i], *equals = strrchr(text, '=');
        const size_t name = equals != NULL ? (size_t)(equals - text) : 0;
        int value = 1;
        CLM_TRY(parse_count("--seeds", equals != NULL ? equals + 1 : text, &value));
        if (equals != NULL && (strncmp(text, data, name) != 0 || data[name] != '\0')) continue;
        *count = value;
        use->seeds[i] = true;
    }
    return CLM_OK;
}

/* The first element that no cell fitted; null: none. */
static const char *unused(const char *const *list, const bool *used)
{
    for (size_t i = 0; i < clm_list_length(list); i++)
        if (!used[i]) return list[i];
    return NULL;
}

static clm_status check_cells(const clm_request_use *use, const clm_run_plan *plan)
{
    const clm_request *r = use->request;
    const char *model = unused(r->model, use->model), *data = unused(r->data, use->data);
    if (model != NULL)
        clm_fail(CLM_ERROR_USAGE, "--model %s: suite %s has no cell of that model, label or group",
                 model, plan->suite);
    else if (data != NULL)
        clm_fail(CLM_ERROR_USAGE, "--data %s: suite %s has no cell on that data set", data,
                 plan->suite);
    else if (plan->cells == 0)
        clm_fail(CLM_ERROR_USAGE, "suite %s has no cell for that --model and --data", plan->suite);
    else
        return CLM_OK;
    clm_error_advice("`clmoe run %s --dry-run` lists its cells", r->suite);
    return CLM_FAIL;
}

clm_status clm_request_check(const clm_request_use *use, const clm_run_plan *plan)
{
    if (use->request->suite != NULL) CLM_TRY(check_cells(use, plan));
    const char *set = unused(use->request->set, use->set),
               *seeds = unused(use->request->seeds, use->seeds);
    if (set != NULL) {
        clm_fail(CLM_ERROR_USAGE, "--set %s: no model of this run has that parameter", set);
        clm_error_advice("`clmoe list models` shows the parameters of every model");
        return CLM_FAIL;
    }
    if (seeds == NULL) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "--seeds %s: this run has no cell on that data set", seeds);
    clm_error_advice("--seeds N, or DATA=N with a data set of this run");
    return CLM_FAIL;
}
