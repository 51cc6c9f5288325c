#include "model/link_record.h"

#include "base/statistics.h"
#include "model/profile_record.h"

#include <math.h>

void clm_link_curve_add(clm_link_result *r, int epoch, double ns, double loss, double auc_val)
{
    r->curve[r->points++] = (clm_link_point){epoch, ns * 1e-9, loss, auc_val};
}

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

static clm_status profile(clm_scope *scope, const clm_cell *cell, clm_tape *tape, clm_profile **out)
{
    clm_profile_options options = clm_profile_default();
    options.step_index = clm_config_int(cell->config, "epochs");
    *out = clm_alloc(scope, sizeof **out);
    return clm_profile_tapes(scope, &tape, 1, &options, *out);
}

/* Once, by the events that come with the launches. */
static clm_status kernel_time(const clm_cell *cell, clm_link_tapes *tapes, clm_link_result *r)
{
    const size_t calls = clm_tape_calls(tapes->train);
    clm_scope scope = {0};
    double *ns = clm_alloc_array(&scope, calls, sizeof *ns);
    clm_events_start(cell->context);
    clm_status status = clm_tape_run(tapes->train, clm_config_int(cell->config, "epochs"), 0);
    if (status == CLM_OK) status = clm_tape_call_ns(tapes->train, ns);
    clm_events_stop(cell->context);
    const bool real = !(clm_context_device(cell->context)->quirks & CLM_QUIRK_FAKE_EVENTS);
    r->kernel_ns = status == CLM_OK && real ? 0 : NAN;
    for (size_t i = 0; i < calls; i++)
        r->kernel_ns += ns[i];
    clm_scope_end(&scope);
    return status;
}

clm_status clm_link_profile(clm_scope *scope, const clm_cell *cell, clm_link_tapes *tapes,
                            clm_link_result *r)
{
    CLM_TRY(kernel_time(cell, tapes, r));
    const double start = clm_now_ns();
    CLM_TRY(clm_tape_upload_inputs(tapes->train));
    r->transfer_ns = clm_now_ns() - start;
    if (!cell->profile) return CLM_OK;
    CLM_TRY(profile(scope, cell, tapes->train, &r->step_profile));
    return profile(scope, cell, tapes->infer, &r->inference_profile);
}

static json_t *times(const double *ns, size_t n)
{
    const clm_summary s = clm_summarise(ns, n);
    return clm_summary_json(&s);
}

static json_t *curve(const clm_link_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->points; i++) {
        const clm_link_point *p = &r->curve[i];
        json_array_append_new(list, json_pack("{s:i,s:o,s:o,s:o}", "epoch", p->epoch, "seconds",
                                              clm_number_json(p->seconds), "loss",
                                              clm_number_json(p->loss), "auc_val",
                                              clm_number_json(p->auc_val)));
    }
    return list;
}

static double flops(const clm_tape *tape)
{
    double sum = 0;
    for (size_t i = 0; i < clm_tape_calls(tape); i++) {
        const clm_call *call = clm_tape_call(tape, i);
        if (call->op->cost) sum += call->op->cost(call).flops;
    }
    return sum;
}

static json_t *rate(const clm_cell *cell, const clm_link_tapes *tapes, const clm_link_result *r)
{
    const double ns = clm_summarise(r->step_ns, r->steps).median;
    return json_pack("{s:o,s:o,s:o}", "nodes",
                     clm_number_json(cell->dataset->graph.nodes / ns * 1e9), "edges",
                     clm_number_json((double)tapes->train_edges / ns * 1e9), "gflops",
                     clm_number_json(flops(tapes->train) / ns));
}

/* Entropy of the router over its maximum, per node type: mean over nodes (a) and of the mean (b);
 * share of nodes whose two likeliest experts have 0.8 (systems.md B.8). */
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
    json_t *record = cell->record;
    json_object_set_new(record, "metrics",
                        json_pack("{s:o,s:o,s:o,s:i}", "auc_test", clm_number_json(r->auc_test),
                                  "auc_val", clm_number_json(r->auc_val), "ap_test",
                                  clm_number_json(r->ap_test), "epoch", r->epoch));
    json_object_set_new(record, "curve", curve(r));
    json_object_set_new(
        record, "time_ns",
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "train_step", times(r->step_ns, r->steps),
                  "inference", times(r->inference_ns, r->inferences), "kernel",
                  clm_number_json(r->kernel_ns), "transfer", clm_number_json(r->transfer_ns),
                  "build", clm_number_json(r->build_ns), "setup", clm_number_json(r->setup_ns)));
    json_object_set_new(record, "rate", rate(cell, tapes, r));
    const uint64_t planned =
        clm_tape_bytes(tapes->train) + clm_parameters_bytes(tapes->parameters, true);
    json_object_set_new(record, "memory_bytes",
                        json_pack("{s:I,s:I}", "planned", (json_int_t)planned, "device",
                                  (json_int_t)clm_context_peak_bytes(cell->context)));
    json_object_set_new(record, "routing", routing(&cell->dataset->graph, r));
    if (r->step_profile)
        json_object_set_new(
            record, "profile",
            clm_profile_json(r->step_profile, clm_tape_forward_calls(tapes->train), 0));
    if (r->inference_profile)
        json_object_set_new(record, "inference_profile",
                            clm_profile_json(r->inference_profile, r->inference_profile->calls, 0));
}
