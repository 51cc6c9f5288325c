#include "model/link_record.h"

#include "model/profile_record.h"

#include <math.h>

void clm_link_routing_new(clm_scope *scope, const clm_cell *cell, const clm_link_tapes *tapes,
                          clm_link_result *r)
{
    const clm_tensor *probability = tapes->seen.routing.probability;
    if (!probability) return;
    (void)cell;
    r->experts = (int32_t)probability->dim[1];
    r->top_k = (int32_t)tapes->seen.routing.topk->dim[1];
    r->probability = clm_alloc(scope, clm_tensor_bytes(probability));
    r->topk = clm_alloc(scope, clm_tensor_bytes(tapes->seen.routing.topk));
}

clm_status clm_link_read_routing(clm_link_tapes *tapes, clm_link_result *r)
{
    if (!r->probability) return CLM_OK;
    CLM_TRY(clm_tensor_read(tapes->test, tapes->seen.routing.probability, r->probability));
    return clm_tensor_read(tapes->test, tapes->seen.routing.topk, r->topk);
}

/* Entropy of the router over its maximum, per node type: mean over nodes (a) and of the mean (b),
 * for the paper does not say which; share of nodes whose two likeliest experts have 0.8. */
static json_t *type_routing(const clm_node_type *type, const clm_link_result *r)
{
    double mean_entropy = 0, entropy_of_mean = 0, covered = 0;
    json_t *mean = json_array();
    for (int e = 0; e < r->experts; e++) {
        double sum = 0;
        for (int32_t i = type->first; i < type->first + type->count; i++)
            sum += r->probability[(int64_t)i * r->experts + e];
        sum /= type->count ? type->count : 1;
        if (sum > 0) entropy_of_mean -= sum * log(sum);
        json_array_append_new(mean, json_real(sum));
    }
    for (int32_t i = type->first; i < type->first + type->count; i++) {
        const float *p = r->probability + (int64_t)i * r->experts;
        double first = 0, second = 0;
        for (int e = 0; e < r->experts; e++) {
            if (p[e] > 0) mean_entropy -= p[e] * log(p[e]);
            second = p[e] > first ? first : fmax(second, p[e]);
            first = fmax(first, p[e]);
        }
        covered += first + second >= 0.8;
    }
    const double most = r->experts > 1 ? log(r->experts) : 1, n = type->count ? type->count : 1;
    return json_pack("{s:s,s:f,s:f,s:f,s:o}", "type", type->name, "entropy",
                     mean_entropy / n / most, "entropy_of_mean", entropy_of_mean / most,
                     "top2_coverage", covered / n, "probability", mean);
}

static json_t *routing(const clm_graph *graph, const clm_link_result *r)
{
    if (!r->probability) return json_null();
    json_t *load = json_array(), *types = json_array(), *by_type = json_array();
    json_t *entropy = json_object();
    double most = 0;
    for (int t = 0; t <= graph->types; t++) { /* the last round counts all types */
        const int32_t first = t < graph->types ? graph->type[t].first : 0;
        const int32_t end = t < graph->types ? first + graph->type[t].count : graph->nodes;
        json_t *counts = t < graph->types ? json_array() : load;
        for (int e = 0; e < r->experts; e++) {
            json_int_t count = 0;
            for (int64_t i = (int64_t)first * r->top_k; i < (int64_t)end * r->top_k; i++)
                count += r->topk[i] == e;
            json_array_append_new(counts, json_integer(count));
            if (t == graph->types) most = fmax(most, (double)count);
        }
        if (t == graph->types) break;
        json_array_append_new(by_type, counts);
        json_t *type = type_routing(&graph->type[t], r);
        json_object_set(entropy, graph->type[t].name, json_object_get(type, "entropy"));
        json_array_append_new(types, type);
    }
    const double mean = (double)graph->nodes * r->top_k / r->experts;
    return json_pack("{s:o,s:f,s:o,s:o,s:o}", "load", load, "imbalance", most / mean, "entropy",
                     entropy, "load_by_type", by_type, "types", types);
}

void clm_link_record(const clm_cell *cell, const clm_link_tapes *tapes, const clm_link_result *r)
{
    json_object_set_new(cell->record, "metrics",
                        json_pack("{s:o,s:o,s:o,s:i}", "auc_test", clm_number_json(r->auc_test),
                                  "auc_val", clm_number_json(r->auc_val), "ap_test",
                                  clm_number_json(r->ap_test), "epoch", r->training.epoch));
    clm_training_record(
        cell, tapes->train, &r->training,
        (clm_training_work){cell->dataset->graph.nodes, (double)tapes->train_edges, 1});
    json_object_set_new(cell->record, "routing", routing(&cell->dataset->graph, r));
}
