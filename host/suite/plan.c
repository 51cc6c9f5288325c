/* Expansion of a request: suite or single cell, filters and settings of the command line. */
#include "suite/plan.h"

#include "base/text.h"
#include "model/model.h"
#include "ocl/ocl.h"
#include "suite/lane.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    clm_scope *scope;
    const clm_request *request;
    const clm_suite *suite; /* null: no suite */
    const clm_device *devices;
    size_t device_count;
    bool *set_used, *model_used, *data_used,
        *seeds_used; /* of the request's lists: whether any cell fitted */
    clm_run_plan *plan;
    size_t room;
} builder;

static size_t length(const char *const *list)
{
    size_t n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* Whether a filter, if there is one, lets a name pass; notes in `used` what of it does. */
static bool wanted(const char *const *filter, bool *used, const char *name)
{
    bool passes = filter == NULL;
    for (size_t i = 0; i < length(filter); i++)
        if (strcmp(filter[i], name) == 0) passes = used[i] = true;
    return passes;
}

/* --- settings of the command line --- */

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

/* Applies --set: without a suite every model must have each parameter, with one it may not. */
static clm_status apply_request(builder *b, clm_config *config)
{
    for (size_t i = 0; i < length(b->request->set); i++) {
        const char *key, *value;
        CLM_TRY(split(b->scope, b->request->set[i], &key, &value));
        if (b->suite != NULL && !clm_config_has(config, key)) continue;
        CLM_TRY(clm_config_set(config, key, value));
        b->set_used[i] = true;
    }
    return CLM_OK;
}

/* Whether --set replaces what the suite says. */
static bool overridden(const builder *b, const char *parameter)
{
    const size_t name = strlen(parameter);
    for (size_t i = 0; i < length(b->request->set); i++)
        if (strncmp(b->request->set[i], parameter, name) == 0 && b->request->set[i][name] == '=')
            return true;
    return false;
}

/* Whatever the command line names must fit something: a typing mistake must not go by silently. */
static clm_status check_all_used(const builder *b)
{
    const struct {
        const char *const *list;
        const bool *used;
        const char *option, *has;
    } filter[] = {{b->request->model, b->model_used, "model", "of that model, label or group"},
                  {b->request->data, b->data_used, "data", "on that data set"}};
    for (int f = 0; f < 2; f++)
        for (size_t i = 0; i < length(filter[f].list); i++)
            if (!filter[f].used[i]) {
                clm_fail(CLM_ERROR_USAGE, "--%s %s: suite %s has no cell %s", filter[f].option,
                         filter[f].list[i], b->suite->name, filter[f].has);
                clm_error_advice("`clmoe run %s --dry-run` lists its cells", b->request->suite);
                return CLM_FAIL;
            }
    for (size_t i = 0; i < length(b->request->set); i++)
        if (!b->set_used[i]) {
            clm_fail(CLM_ERROR_USAGE, "--set %s: no model of this run has that parameter",
                     b->request->set[i]);
            clm_error_advice("`clmoe list models` shows the parameters of every model");
            return CLM_FAIL;
        }
    return CLM_OK;
}

static clm_status check_seeds_used(const builder *b)
{
    for (size_t i = 0; i < length(b->request->seeds); i++)
        if (!b->seeds_used[i]) {
            clm_fail(CLM_ERROR_USAGE, "--seeds %s: this run has no cell on that data set",
                     b->request->seeds[i]);
            clm_error_advice("--seeds N, or DATA=N with a data set of this run");
            return CLM_FAIL;
        }
    return CLM_OK;
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

/* Number of seeds on a data set: the last --seeds that fits, else what the suite says, else 1. */
static clm_status seeds_of(const builder *b, const char *data, int *count)
{
    const clm_suite_per_data *on = b->suite != NULL ? clm_suite_on(b->suite, data) : NULL;
    *count = on != NULL && on->seeds > 0 ? on->seeds : b->suite != NULL ? b->suite->seeds : 1;
    for (size_t i = 0; i < length(b->request->seeds); i++) {
        const char *text = b->request->seeds[i], *equals = strrchr(text, '=');
        const size_t name = equals != NULL ? (size_t)(equals - text) : 0;
        int value = 1;
        CLM_TRY(parse_count("--seeds", equals != NULL ? equals + 1 : text, &value));
        if (equals != NULL && (strncmp(text, data, name) != 0 || data[name] != '\0')) continue;
        *count = value;
        b->seeds_used[i] = true;
    }
    return CLM_OK;
}

/* --- cells --- */

static clm_run_cell *append(builder *b)
{
    clm_run_plan *plan = b->plan;
    if (plan->cells == b->room) {
        const size_t room = b->room == 0 ? 64 : 2 * b->room;
        clm_run_cell *larger = clm_alloc_array(b->scope, room, sizeof *larger);
        if (plan->cells > 0) memcpy(larger, plan->cell, plan->cells * sizeof *larger);
        plan->cell = larger;
        b->room = room;
    }
    return &plan->cell[plan->cells++];
}

static bool planned(const clm_run_plan *plan, const char *setting)
{
    for (size_t i = 0; i < plan->cells; i++)
        if (strcmp(plan->cell[i].setting, setting) == 0) return true;
    return false;
}

/* One cell with all its seeds in one lane on one device; `from` null: no suite. */
static clm_status add_seeds(builder *b, const clm_suite_cell *from, const char *label,
                            const char *data, const char *device, const char *lane,
                            const clm_config *config)
{
    const char *setting = clm_setting(b->scope, device, lane, data, config);
    if (planned(b->plan, setting)) /* --set can make cells of a sweep equal */
        return CLM_OK;
    int seeds;
    CLM_TRY(seeds_of(b, data, &seeds));
    const int first = clm_config_has(config, "seed") ? clm_config_int(config, "seed") : 0;
    for (int i = 0; i < seeds; i++) {
        clm_config *own = clm_config_copy(b->scope, config);
        if (clm_config_has(config, "seed"))
            CLM_TRY(clm_config_set(own, "seed", clm_text(b->scope, "%d", first + i)));
        *append(b) = (clm_run_cell){
            .label = label,
            .against = from != NULL ? from->against : NULL,
            .groups = from != NULL ? from->groups : (clm_names){0},
            .model = clm_config_model(config)->name,
            .data = data,
            .device = device,
            .lane = lane,
            .seed = first + i,
            .config = own,
            .setting = setting,
        };
    }
    return CLM_OK;
}

/* One cell in every lane on every selected device, or on none where the model needs none. */
static clm_status add_cell(builder *b, const clm_suite_cell *from, const char *label,
                           const char *data, clm_config *config)
{
    if (!clm_config_model(config)->needs_device)
        return add_seeds(b, from, label, data, NULL, NULL, config);
    if (b->devices == NULL)
        CLM_TRY(clm_devices_select(b->scope, b->request->device, &b->devices, &b->device_count));
    const char *const *lanes = b->request->lane;
    if (lanes == NULL && b->suite != NULL && b->suite->lane.count > 0)
        lanes = (const char *const *)b->suite->lane.name;
    const size_t count = lanes == b->request->lane ? length(lanes) : b->suite->lane.count;
    for (size_t i = 0; i < b->device_count; i++)
        for (size_t l = 0; l < (count > 0 ? count : 1); l++)
            CLM_TRY(add_seeds(b, from, label, data, b->devices[i].id,
                              count > 0 ? lanes[l] : clm_lanes[0], config));
    return CLM_OK;
}

/* --- suites --- */

/* Sets a parameter from a place in the suite. */
static clm_status set_or_blame(const builder *b, clm_config *config, size_t parameter,
                               const char *value, const char *node)
{
    if (clm_config_set(config, b->suite->parameter[parameter], value) == CLM_OK) return CLM_OK;
    return clm_suite_blame(b->suite, node);
}

/* What is set for many cells: parameters that a model lacks are passed over. */
static clm_status apply_common(const builder *b, clm_config *config, char *const *set,
                               const char *node)
{
    for (size_t i = 0; set != NULL && b->suite->parameter[i] != NULL; i++)
        if (set[i] != NULL && clm_config_has(config, b->suite->parameter[i]))
            CLM_TRY(set_or_blame(b, config, i, set[i],
                                 clm_text(b->scope, "%s/set/%s", node, b->suite->parameter[i])));
    return CLM_OK;
}

static clm_status apply_per_data(const builder *b, clm_config *config, const char *data)
{
    const clm_suite_per_data *on = clm_suite_on(b->suite, data);
    if (on == NULL) return CLM_OK;
    return apply_common(b, config, on->set,
                        clm_text(b->scope, "/per_data/%td", on - b->suite->per_data.entry));
}

static clm_status apply_set(const builder *b, clm_config *config, unsigned index,
                            const char **label)
{
    const clm_suite_cell *cell = &b->suite->cells.cell[index];
    for (size_t i = 0; cell->set != NULL && b->suite->parameter[i] != NULL; i++) {
        if (cell->set[i] == NULL) continue;
        CLM_TRY(
            set_or_blame(b, config, i, cell->set[i],
                         clm_text(b->scope, "/cells/%u/set/%s", index, b->suite->parameter[i])));
        if (cell->label == NULL && !overridden(b, b->suite->parameter[i]))
            *label = clm_text(b->scope, "%s %s=%s", *label, b->suite->parameter[i], cell->set[i]);
    }
    return CLM_OK;
}

/* Sets the swept parameters of combination `number`, the last one varying fastest. */
static clm_status apply_sweep(const builder *b, clm_config *config, unsigned index, size_t number,
                              const char **label)
{
    const clm_names *sweep = b->suite->cells.cell[index].sweep;
    size_t divisor = 1;
    for (size_t i = 0; sweep != NULL && b->suite->parameter[i] != NULL; i++)
        divisor *= sweep[i].count > 0 ? sweep[i].count : 1;
    for (size_t i = 0; sweep != NULL && b->suite->parameter[i] != NULL; i++) {
        if (sweep[i].count == 0) continue;
        divisor /= sweep[i].count;
        const size_t choice = number / divisor % sweep[i].count;
        const char *value = sweep[i].name[choice];
        CLM_TRY(set_or_blame(
            b, config, i, value,
            clm_text(b->scope, "/cells/%u/sweep/%s/%zu", index, b->suite->parameter[i], choice)));
        if (!overridden(b, b->suite->parameter[i]))
            *label = clm_text(b->scope, "%s %s=%s", *label, b->suite->parameter[i], value);
    }
    return CLM_OK;
}

static size_t combinations(const builder *b, unsigned index)
{
    const clm_names *sweep = b->suite->cells.cell[index].sweep;
    size_t n = 1;
    for (size_t i = 0; sweep != NULL && b->suite->parameter[i] != NULL; i++)
        n *= sweep[i].count > 0 ? sweep[i].count : 1;
    return n;
}

/* One combination of a cell on one data set. */
static clm_status expand_on(builder *b, unsigned index, size_t number, const char *data)
{
    const clm_suite_cell *cell = &b->suite->cells.cell[index];
    const char *label = cell->label != NULL ? cell->label : cell->model;
    clm_config *config = clm_config_new(b->scope, clm_model_find(cell->model));
    clm_config_on_data(config, data);
    CLM_TRY(apply_common(b, config, b->suite->set, ""));
    CLM_TRY(apply_per_data(b, config, data));
    CLM_TRY(apply_set(b, config, index, &label));
    CLM_TRY(apply_sweep(b, config, index, number, &label));
    /* What the suite alone makes must hold, so that the suite is to blame where it does not. */
    if (clm_config_resolve(clm_config_copy(b->scope, config)) != CLM_OK)
        return clm_suite_blame(b->suite, clm_text(b->scope, "/cells/%u/model", index));
    CLM_TRY(apply_request(b, config));
    CLM_TRY(clm_config_resolve(config));
    const char *const *model = b->request->model;
    bool asked = wanted(model, b->model_used, cell->model);
    asked |= wanted(model, b->model_used, label);
    for (unsigned i = 0; i < cell->groups.count; i++)
        asked |= wanted(model, b->model_used, cell->groups.name[i]);
    asked &= wanted(b->request->data, b->data_used, data);
    return asked ? add_cell(b, cell, label, data, config) : CLM_OK;
}

static clm_status expand_cell(builder *b, unsigned index)
{
    const clm_suite_cell *cell = &b->suite->cells.cell[index];
    const clm_names *data = cell->data.count > 0 ? &cell->data : &b->suite->data;
    for (size_t number = 0; number < combinations(b, index); number++) {
        if (data->count == 0) CLM_TRY(expand_on(b, index, number, CLM_NO_DATA));
        for (unsigned i = 0; i < data->count; i++)
            CLM_TRY(expand_on(b, index, number, data->name[i]));
    }
    return CLM_OK;
}

static clm_status expand_suite(builder *b)
{
    CLM_TRY(clm_suite_load(b->scope, b->request->suite, &b->suite));
    b->plan->suite = b->suite->name;
    b->plan->published = b->suite->published;
    b->plan->figures = b->suite->figures;
    b->plan->timeout_s = b->suite->timeout_s;
    for (unsigned i = 0; i < b->suite->cells.count; i++)
        CLM_TRY(expand_cell(b, i));
    CLM_TRY(check_all_used(b));
    if (b->plan->cells > 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "suite %s has no cell for that --model and --data", b->suite->name);
    clm_error_advice("`clmoe run %s --dry-run` lists its cells", b->request->suite);
    return CLM_FAIL;
}

/* --- one model on one data set --- */

static clm_status expand_model(builder *b, const clm_model *model, const char *data)
{
    clm_config *config = clm_config_new(b->scope, model);
    clm_config_on_data(config, data);
    CLM_TRY(apply_request(b, config));
    CLM_TRY(clm_config_resolve(config));
    return add_cell(b, NULL, model->name, data, config);
}

static clm_status expand_single(builder *b)
{
    b->plan->timeout_s = 24 * 3600;
    for (size_t m = 0; m < length(b->request->model); m++) {
        const clm_model *model;
        CLM_TRY(clm_model_named(b->scope, b->request->model[m], &model));
        if (length(b->request->data) == 0) CLM_TRY(expand_model(b, model, CLM_NO_DATA));
        for (size_t i = 0; i < length(b->request->data); i++)
            CLM_TRY(expand_model(b, model, b->request->data[i]));
    }
    return CLM_OK;
}

/* Keeps every shards-th cell: neighbours are alike, so that shards take alike. */
static clm_status keep_shard(clm_run_plan *plan, int shard, int shards)
{
    if ((size_t)shard > plan->cells) {
        clm_fail(CLM_ERROR_USAGE, "shard %d of %d has nothing to do: there are %zu cells", shard,
                 shards, plan->cells);
        clm_error_advice("use at most %zu shards", plan->cells);
        return CLM_FAIL;
    }
    size_t kept = 0;
    for (size_t i = 0; i < plan->cells; i++)
        if (i % (size_t)shards == (size_t)shard - 1) plan->cell[kept++] = plan->cell[i];
    plan->cells = kept;
    return CLM_OK;
}

clm_status clm_run_plan_make(clm_scope *scope, const clm_request *request,
                             const clm_run_plan **plan)
{
    builder b = {.scope = scope, .request = request};
    b.plan = clm_alloc(scope, sizeof *b.plan);
    for (size_t l = 0; l < length(request->lane); l++)
        CLM_TRY(clm_lane_check(request->lane[l]));
    b.set_used = clm_alloc_array(scope, length(request->set) + 1, sizeof *b.set_used);
    b.model_used = clm_alloc_array(scope, length(request->model) + 1, sizeof *b.model_used);
    b.seeds_used = clm_alloc_array(scope, length(request->seeds) + 1, sizeof *b.seeds_used);
    b.data_used = clm_alloc_array(scope, length(request->data) + 1, sizeof *b.data_used);
    CLM_TRY(request->suite != NULL ? expand_suite(&b) : expand_single(&b));
    CLM_TRY(check_seeds_used(&b));
    if (request->shards > 0) CLM_TRY(keep_shard(b.plan, request->shard, request->shards));
    if (request->timeout_s > 0) b.plan->timeout_s = request->timeout_s;
    b.plan->data_dir = request->data_dir;
    b.plan->binaries = request->binaries;
    b.plan->profile = request->profile;
    *plan = b.plan;
    return CLM_OK;
}
