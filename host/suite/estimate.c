#include "suite/estimate.h"

#include "base/text.h"
#include "data/graph.h"
#include "model/model.h"
#include "suite/record.h"

#include <dirent.h>
#include <string.h>

/* What an earlier run says about one setting. */
typedef struct memory {
    const char *setting, *model, *data, *device;
    double epochs, seconds;
} memory;

typedef struct memories {
    clm_scope *scope;
    memory *entry;
    size_t count, room;
} memories;

static double epochs_of(const json_t *params)
{
    const json_t *epochs = json_object_get(params, "epochs");
    return json_is_number(epochs) ? json_number_value(epochs) : 0;
}

static const char *text_of(clm_scope *scope, const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return clm_text(scope, "%s", text != NULL ? text : "");
}

static void remember(memories *m, const json_t *record)
{
    const json_t *seconds =
        json_object_get(json_object_get(record, "environment"), "worker_seconds");
    const char *status = json_string_value(json_object_get(record, "status"));
    if (!json_is_number(seconds) || status == NULL || strcmp(status, "ok") != 0) return;
    if (m->count == m->room) {
        const size_t room = m->room == 0 ? 64 : 2 * m->room;
        memory *larger = clm_alloc_array(m->scope, room, sizeof *larger);
        if (m->count > 0) memcpy(larger, m->entry, m->count * sizeof *larger);
        m->entry = larger;
        m->room = room;
    }
    m->entry[m->count++] = (memory){
        .setting = clm_record_setting(m->scope, record),
        .model = text_of(m->scope, record, "model"),
        .data = text_of(m->scope, record, "data"),
        .device = text_of(m->scope, record, "device"),
        .epochs = epochs_of(json_object_get(record, "params")),
        .seconds = json_number_value(seconds),
    };
}

/* Every readable record of every run below `runs`; what cannot be read is no memory. */
static void recall(memories *m, const char *runs)
{
    DIR *directory = runs != NULL ? opendir(runs) : NULL;
    if (directory == NULL) return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const json_t *lines;
        if (entry->d_name[0] == '.' ||
            clm_records_lines(m->scope, clm_text(m->scope, "%s/%s", runs, entry->d_name), &lines) !=
                CLM_OK)
            continue;
        for (size_t i = 0; i < json_array_size(lines); i++)
            remember(m, json_array_get(lines, i));
    }
    (void)closedir(directory);
}

static bool from_memory(const memories *m, const clm_run_cell *cell, clm_estimate *estimate)
{
    const char *device = cell->device != NULL ? cell->device : "";
    const bool trains = clm_config_has(cell->config, "epochs");
    double same = 0, similar = 0;
    size_t same_count = 0, similar_count = 0;
    for (size_t i = 0; i < m->count; i++) {
        const memory *e = &m->entry[i];
        if (strcmp(e->setting, cell->setting) == 0) {
            same += e->seconds;
            same_count++;
        } else if (strcmp(e->model, cell->model) == 0 && strcmp(e->data, cell->data) == 0 &&
                   strcmp(e->device, device) == 0 && e->epochs > 0 && trains) {
            similar += e->seconds * clm_config_int(cell->config, "epochs") / e->epochs;
            similar_count++;
        }
    }
    if (same_count > 0)
        *estimate = (clm_estimate){same / (double)same_count, CLM_FROM_SAME};
    else if (similar_count > 0)
        *estimate = (clm_estimate){similar / (double)similar_count, CLM_FROM_SIMILAR};
    return same_count + similar_count > 0;
}

static double parameter(const clm_config *config, const char *name, double otherwise)
{
    return clm_config_has(config, name) ? clm_config_int(config, name) : otherwise;
}

/* Operations of a layer's forward pass on every node and edge: attention with a feed-forward mixture
 * behind it, or else a mixture of convolutions that all run. */
static double layer_flops(const clm_graph *graph, const clm_config *config)
{
    double edges = 0;
    for (int32_t r = 0; r < graph->relations; r++)
        edges += graph->relation[r].count;
    const double d = parameter(config, "width", 64), k = parameter(config, "top_k", 0),
                 w = parameter(config, "expert_width", 0), e = parameter(config, "experts", 1);
    if (clm_config_has(config, "heads"))
        return graph->nodes * (8 * d * d + 4 * k * d * w) + edges * 8 * d;
    return e * (graph->nodes * 4 * d * d + edges * 4 * d);
}

/* Forward and backward (three times the forward) at a modest 50 GFLOP/s, and two seconds to start;
 * good for an order of magnitude. */
static double from_size(const clm_graph *graph, const clm_config *config)
{
    const double epochs = parameter(config, "epochs", 0),
                 features = (double)graph->row_ptr[graph->nodes];
    const double flops = 2 * features * parameter(config, "width", 64) +
                         parameter(config, "layers", 0) * layer_flops(graph, config);
    return (epochs > 0 ? 2 : 0.5) + epochs * 3 * flops / 50e9;
}

/* Of an operator without a data set: starting, building, warming up, samples. */
enum { SECONDS_OF_A_BENCH = 2 };

/* Estimates of all cells on one data set, from `first` on. */
static clm_status estimate_data(clm_scope *scope, const clm_run_plan *plan, const memories *m,
                                size_t first, clm_estimate *estimates)
{
    const clm_dataset *dataset;
    const clm_model *model = clm_model_find(plan->cell[first].model);
    CLM_TRY(clm_model_data(scope, model, plan->cell[first].data, plan->data_dir, &dataset));
    for (size_t i = first; i < plan->cells; i++) {
        const clm_run_cell *cell = &plan->cell[i];
        if (strcmp(cell->data, plan->cell[first].data) == 0 && !from_memory(m, cell, &estimates[i]))
            estimates[i] = (clm_estimate){dataset != NULL ? from_size(&dataset->graph, cell->config)
                                                          : SECONDS_OF_A_BENCH,
                                          CLM_FROM_SIZE};
    }
    return CLM_OK;
}

clm_status clm_estimates(clm_scope *scope, const clm_run_plan *plan, const char *runs,
                         const clm_estimate **out)
{
    clm_estimate *estimates = clm_alloc_array(scope, plan->cells, sizeof *estimates);
    clm_scope passing = {0}; /* graphs and records are large and not needed afterwards */
    memories m = {.scope = &passing};
    clm_status status = CLM_OK;
    recall(&m, runs);
    for (size_t i = 0; i < plan->cells && status == CLM_OK; i++)
        if (estimates[i].seconds <= 0) {
            clm_scope data = {0};
            status = estimate_data(&data, plan, &m, i, estimates);
            clm_scope_end(&data);
        }
    clm_scope_end(&passing);
    *out = estimates;
    return status;
}
