/* Expansion of a request into cells: a suite's, or those of a single model. */
#include "suite/plan.h"

#include "base/text.h"
#include "model/model.h"
#include "ocl/ocl.h"
#include "suite/lane.h"
#include "suite/request.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    clm_scope *scope;
    const clm_request *request;
    clm_request_use use;
    const clm_suite *suite; /* null: no suite */
    const clm_device *devices;
    size_t device_count;
    clm_run_plan *plan;
    size_t room;
} builder;

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
    const clm_suite_per_data *on = b->suite != NULL ? clm_suite_on(b->suite, data) : NULL;
    int seeds = on != NULL && on->seeds > 0 ? on->seeds : b->suite != NULL ? b->suite->seeds : 1;
    CLM_TRY(clm_request_seeds(&b->use, data, &seeds));
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
    const size_t count = lanes == b->request->lane ? clm_list_length(lanes) : b->suite->lane.count;
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
        if (cell->label == NULL && !clm_request_sets(b->request, b->suite->parameter[i]))
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
        if (!clm_request_sets(b->request, b->suite->parameter[i]))
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
    CLM_TRY(clm_request_apply(b->scope, &b->use, config));
    CLM_TRY(clm_config_resolve(config));
    const bool asked = clm_request_wants(&b->use, cell->model, label, &cell->groups, data);
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
    return CLM_OK;
}

/* --- one model on one data set --- */

static clm_status expand_model(builder *b, const clm_model *model, const char *data)
{
    clm_config *config = clm_config_new(b->scope, model);
    clm_config_on_data(config, data);
    CLM_TRY(clm_request_apply(b->scope, &b->use, config));
    CLM_TRY(clm_config_resolve(config));
    return add_cell(b, NULL, model->name, data, config);
}

static clm_status expand_single(builder *b)
{
    b->plan->timeout_s = 24 * 3600;
    for (size_t m = 0; m < clm_list_length(b->request->model); m++) {
        const clm_model *model;
        CLM_TRY(clm_model_named(b->scope, b->request->model[m], &model));
        if (clm_list_length(b->request->data) == 0) CLM_TRY(expand_model(b, model, CLM_NO_DATA));
        for (size_t i = 0; i < clm_list_length(b->request->data); i++)
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
    for (size_t l = 0; l < clm_list_length(request->lane); l++)
        CLM_TRY(clm_lane_check(request->lane[l]));
    b.use = clm_request_use_new(scope, request);
    CLM_TRY(request->suite != NULL ? expand_suite(&b) : expand_single(&b));
    CLM_TRY(clm_request_check(&b.use, b.plan));
    if (request->shards > 0) CLM_TRY(keep_shard(b.plan, request->shard, request->shards));
    if (request->timeout_s > 0) b.plan->timeout_s = request->timeout_s;
    b.plan->data_dir = request->data_dir;
    b.plan->binaries = request->binaries;
    b.plan->profile = request->profile;
    *plan = b.plan;
    return CLM_OK;
}
