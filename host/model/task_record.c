#include "model/task_record.h"

#include "model/metric.h"
#include "model/profile_record.h"

#include <math.h>
#include <string.h>

void clm_task_result_new(clm_scope *scope, const clm_task_tapes *tapes, clm_task_result *r)
{
    const clm_routing *routing = &tapes->seen.routing;
    r->val = r->test = r->last = NAN;
    if (tapes->trained.rows) r->rows = clm_alloc(scope, clm_tensor_bytes(tapes->trained.rows) + 4);
    if (!routing->topk) return;
    r->experts = routing->probability->dim[1];
    r->top_k = routing->topk->dim[1];
    r->load = clm_alloc_array(scope, (size_t)r->experts, sizeof *r->load);
    r->topk = clm_alloc(scope, clm_tensor_bytes(routing->topk));
    r->probability = clm_alloc(scope, clm_tensor_bytes(routing->probability));
}

void clm_task_routing_clear(clm_task_result *r)
{
    r->nodes = 0;
    r->entropy = 0;
    if (r->load) memset(r->load, 0, (size_t)r->experts * sizeof *r->load);
}

clm_status clm_task_routing_add(void *user, const clm_task_tapes *tapes)
{
    clm_task_result *r = user;
    const clm_routing *routing = &tapes->seen.routing;
    if (!r->load) return CLM_OK;
    int32_t live[2] = {0, (int32_t)routing->topk->dim[0]};
    if (tapes->live) CLM_TRY(clm_tensor_read(tapes->score, tapes->live, live));
    CLM_TRY(clm_tensor_read(tapes->score, routing->topk, r->topk));
    CLM_TRY(clm_tensor_read(tapes->score, routing->probability, r->probability));
    for (int64_t i = 0; i < live[1] * r->top_k; i++)
        r->load[r->topk[i]]++;
    for (int64_t i = 0; i < live[1] * r->experts; i++)
        if (r->probability[i] > 0) r->entropy -= r->probability[i] * log(r->probability[i]);
    r->nodes += live[1];
    return CLM_OK;
}

clm_status clm_task_rows_add(const clm_task_tapes *tapes, clm_task_result *r)
{
    const clm_tensor *end[2] = {tapes->trained.rows, tapes->trained.needed};
    double *const sum[2] = {&r->routed, &r->read};
    for (int i = 0; r->rows && i < 2; i++) {
        CLM_TRY(clm_tensor_read(tapes->train, end[i], r->rows));
        *sum[i] += r->rows[end[i]->dim[0] - 1];
    }
    r->epochs++;
    return CLM_OK;
}

static json_t *routing(const clm_graph *graph, const clm_task_tapes *tapes,
                       const clm_task_result *r)
{
    if (!r->load || r->nodes == 0) return json_null();
    json_t *load = json_array();
    int64_t most = 0;
    for (int64_t e = 0; e < r->experts; e++) {
        json_array_append_new(load, json_integer(r->load[e]));
        if (r->load[e] > most) most = r->load[e];
    }
    const double nodes = (double)r->nodes, e = (double)r->experts;
    json_t *json = json_pack("{s:o,s:f,s:{s:f}}", "load", load, "imbalance",
                             (double)most * e / (nodes * (double)r->top_k), "entropy",
                             graph->type[0].name, r->entropy / nodes / log(e));
    if (r->rows && r->epochs > 0)
        json_object_set_new(json, "rows",
                            json_pack("{s:f,s:f,s:f}", "routed", r->routed / r->epochs, "read",
                                      r->read / r->epochs, "dense", tapes->work.nodes * e));
    return json;
}

void clm_task_record(const clm_cell *cell, const clm_task_tapes *tapes, const clm_task_result *r)
{
    const clm_graph *graph = &cell->dataset->graph;
    const clm_metric *metric = clm_metric_of_task(graph->task);
    json_t *metrics = json_pack("{s:i}", "epoch", r->training.epoch);
    clm_metric_write(metric, metrics, "test", r->test);
    clm_metric_write(metric, metrics, "val", r->val);
    clm_metric_write(metric, metrics, "last", r->last);
    json_object_set_new(cell->record, "metrics", metrics);
    clm_training_record(cell, tapes->train, &r->training, tapes->work);
    json_object_set_new(cell->record, "routing", routing(graph, tapes, r));
}
