/* operator: one operator, or several that belong together, at a workload. Nothing is learnt: the
 * calls are recorded as a model would, replayed and timed; `seed` draws operands, routing and
 * graph, so that cells with several seeds are several processes with fresh allocations. */
#include "base/text.h"
#include "model/her_parameters.h"
#include "model/model.h"
#include "model/profile_record.h"
#include "model/routing_text.h"

#include <math.h>
#include <string.h>

/* --- parameters --- */

static const clm_parameter_spec
    op_spec = {.name = "op",
               .about = "what is measured",
               .type = CLM_WORD,
               .value = "expert_ffn",
               .choice = (const char *const[]){"an operator (clmoe list operators)", NULL}},
    nodes_spec = {"nodes", "rows N", CLM_INTEGER, "10000", 1, 1e8, NULL},
    edges_spec = {"edges", "edges M of the drawn graph", CLM_INTEGER, "=10*nodes", 1, 2e9, NULL},
    types_spec = {"types", "node types T of the drawn graph", CLM_INTEGER, "3", 1, 1000, NULL},
    relations_spec = {"relations", "relations R of the drawn graph", CLM_INTEGER, "4", 1, 1000,
                      NULL},
    routing_spec = {.name = "routing",
                    .about = "how nodes are spread over experts",
                    .type = CLM_WORD,
                    .value = "uniform",
                    .choice = clm_routing_forms},
    graph_spec = {.name = "graph",
                  .about = "how edges are drawn where no data set gives them",
                  .type = CLM_CHOICE,
                  .value = "uniform",
                  .choice = (const char *const[]){"uniform", "power_law", NULL}},
    variant_spec = {.name = "variant",
                    .about = "of operators that have it",
                    .type = CLM_WORD,
                    .value = "default",
                    .choice = (const char *const[]){"default", "cpu", "gpu", "plain", "...", NULL}},
    pass_spec = {.name = "pass",
                 .about = "what is timed; forward alone is inference",
                 .type = CLM_CHOICE,
                 .value = "both",
                 .choice = (const char *const[]){"forward", "backward", "both", NULL}},
    cache_spec = {.name = "cache",
                  .about = "operands where the last replay left them, or other ones each time",
                  .type = CLM_CHOICE,
                  .value = "hot",
                  .choice = (const char *const[]){"hot", "cold", NULL}};

static const clm_parameter_spec *const parameters[] = {&op_spec,
                                                       &nodes_spec,
                                                       &clm_parameter_width,
                                                       &clm_parameter_expert_width,
                                                       &clm_parameter_experts,
                                                       &clm_parameter_top_k,
                                                       &clm_parameter_heads,
                                                       &edges_spec,
                                                       &types_spec,
                                                       &relations_spec,
                                                       &routing_spec,
                                                       &graph_spec,
                                                       &variant_spec,
                                                       &pass_spec,
                                                       &cache_spec,
                                                       &clm_parameter_precision,
                                                       &clm_parameter_seed,
                                                       NULL};

static clm_status check_bench(const char *name)
{
    clm_bench bench;
    if (clm_bench_find(name, &bench)) return CLM_OK;
    clm_scope scope = {0};
    size_t n = 0;
    while (clm_bench_at(n, &bench))
        n++;
    const char **names = clm_alloc_array(&scope, n + 1, sizeof *names);
    for (size_t i = 0; clm_bench_at(i, &bench); i++)
        names[i] = bench.name;
    const char *near = clm_did_you_mean(name, names);
    clm_fail(CLM_ERROR_USAGE, "there is no operator '%s' to measure%s%s%s", name,
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    clm_error_advice("`clmoe list operators` shows them; a backward pass is measured with its "
                     "operator (pass=backward)");
    clm_scope_end(&scope);
    return CLM_FAIL;
}

/* Whether any operator has a variant of that name. */
static clm_status check_variant(const char *name)
{
    const clm_op *op;
    if (strcmp(name, "default") == 0) return CLM_OK;
    for (size_t i = 0; (op = clm_op_at(i)) != NULL; i++)
        for (const clm_variant *v = op->variant; v->name; v++)
            if (strcmp(v->name, name) == 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "no operator has a variant '%s'", name);
    clm_error_advice("`clmoe verify --tiny --op OPERATOR` shows those of an operator");
    return CLM_FAIL;
}

static clm_status check(const clm_config *config)
{
    clm_workload w;
    const char *file;
    CLM_TRY(check_bench(clm_config_choice(config, "op")));
    CLM_TRY(check_variant(clm_config_choice(config, "variant")));
    CLM_TRY(clm_routing_parse(clm_config_choice(config, "routing"), &w, &file));
    return clm_check_mixture(config);
}

/* --- the workload --- */

/* The data set's graph as it is. */
static clm_status take_graph(clm_scope *scope, const clm_dataset *data, clm_workload *w)
{
    const clm_graph *g = &data->graph;
    clm_adjacency a;
    CLM_TRY(clm_adjacency_new(scope, data, NULL, (clm_adjacency_choice){0}, &a));
    int32_t *first = clm_alloc_array(scope, (size_t)g->types + 1, sizeof *first);
    for (int32_t t = 0; t < g->types; t++)
        first[t + 1] = g->type[t].first + g->type[t].count;
    w->graph = CLM_GRAPH_GIVEN;
    w->nodes = a.nodes;
    w->edges = a.edges;
    w->types = g->types;
    w->relations = a.relations;
    w->edge = (clm_typed_edges){.nodes = a.nodes,
                                .rows = a.rows,
                                .edges = a.edges,
                                .segments = a.segments,
                                .types = g->types,
                                .relations = a.relations,
                                .type_first = first,
                                .source_type = a.source_type,
                                .row_first = a.row_first,
                                .row_node = a.row_node,
                                .segment_ptr = a.segment_ptr,
                                .edge_ptr = a.edge_ptr,
                                .source = a.source,
                                .target = a.target,
                                .source_ptr = a.source_ptr,
                                .source_edge = a.source_edge,
                                .source_target = a.source_target};
    return CLM_OK;
}

static clm_status make_workload(clm_scope *scope, const clm_cell *cell, clm_workload *w)
{
    const clm_config *c = cell->config;
    const char *file;
    *w = (clm_workload){.nodes = clm_config_int(c, "nodes"),
                        .width = clm_config_int(c, "width"),
                        .inner = clm_config_int(c, "expert_width"),
                        .experts = clm_config_int(c, "experts"),
                        .top_k = clm_config_int(c, "top_k"),
                        .heads = clm_config_int(c, "heads"),
                        .edges = clm_config_int(c, "edges"),
                        .types = clm_config_int(c, "types"),
                        .relations = clm_config_int(c, "relations"),
                        .seed = (uint32_t)clm_config_int(c, "seed"),
                        .exponent = 1,
                        .graph = clm_config_is(c, "graph", "power_law") ? CLM_GRAPH_POWER_LAW
                                                                        : CLM_GRAPH_UNIFORM};
    CLM_TRY(clm_routing_parse(clm_config_choice(c, "routing"), w, &file));
    if (w->routing == CLM_ROUTING_TRAINED) CLM_TRY(clm_routing_load(scope, file, w));
    if (cell->dataset) CLM_TRY(take_graph(scope, cell->dataset, w));
    return clm_workload_draw(scope, w);
}

/* --- tapes --- */

/* Rotating sets of operands exceed four times the caches, but no more than so many: small operands
 * are found in some cache whatever is done. */
enum { MOST_SETS = 64, CACHES = 4, LEAST_ROTATED = 256 << 20 };

typedef struct sets {
    clm_tape *tape[MOST_SETS];
    int count;
    size_t forward; /* calls of the forward pass */
    uint64_t bytes; /* of all together */
} sets;

static clm_status record(clm_scope *scope, const clm_cell *cell, const clm_workload *w,
                         const clm_bench *bench, sets *s)
{
    const char *variant = clm_config_choice(cell->config, "variant");
    const bool backward = !clm_config_is(cell->config, "pass", "forward");
    clm_parameters *p = clm_parameters_new(scope, w->seed);
    clm_tape *tape = clm_tape_new(scope, cell->context, p, w->seed);
    clm_tape_set_precision(tape, clm_storage_type(cell->config));
    clm_bench_record(tape, bench, w, backward);
    clm_tape_set_tuning(tape, cell->tuning);
    if (strcmp(variant, "default") != 0) clm_tape_set_variant(tape, variant);
    CLM_TRY(clm_tape_layout(tape));
    const uint64_t weights = clm_parameters_bytes(p, backward);
    if (s->count == 0 && cell->planned) cell->planned(cell->user, weights, clm_tape_bytes(tape));
    CLM_TRY(clm_tape_plan(tape));
    if (s->count == 0 && cell->taped) cell->taped(cell->user, tape);
    s->forward = clm_tape_forward_calls(tape);
    s->tape[s->count++] = tape;
    s->bytes += weights + clm_tape_bytes(tape);
    return CLM_OK;
}

static clm_status record_sets(clm_scope *scope, const clm_cell *cell, const clm_workload *w,
                              const clm_bench *bench, sets *s)
{
    const clm_device *device = clm_context_device(cell->context);
    const uint64_t rotated =
        CACHES * device->cache_bytes > LEAST_ROTATED ? CACHES * device->cache_bytes : LEAST_ROTATED;
    CLM_TRY(record(scope, cell, w, bench, s));
    if (clm_tape_calls(s->tape[0]) == 0)
        return clm_skip("%s has nothing to do in inference", bench->name);
    if (clm_config_is(cell->config, "pass", "backward") && clm_tape_calls(s->tape[0]) == s->forward)
        return clm_skip("nothing flows back through %s", bench->name);
    while (clm_config_is(cell->config, "cache", "cold") && s->count < MOST_SETS &&
           (s->count < 2 || s->bytes < rotated))
        CLM_TRY(record(scope, cell, w, bench, s));
    return CLM_OK;
}

/* --- the record --- */

static json_t *workload_json(const clm_cell *cell, const clm_workload *w)
{
    static const char *const graphs[] = {"uniform", "power_law", "given"};
    char hash[65];
    clm_workload_hash(w, hash);
    json_t *loads = json_array();
    for (int64_t e = 0; e < w->experts; e++)
        json_array_append_new(loads, json_integer(w->loads[e]));
    json_object_set_new(
        cell->record, "routing",
        json_pack("{s:o,s:f}", "load", loads, "imbalance", clm_workload_imbalance(w)));
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s}", "nodes",
                     (json_int_t)w->nodes, "width", (json_int_t)w->width, "expert_width",
                     (json_int_t)w->inner, "experts", (json_int_t)w->experts, "top_k",
                     (json_int_t)w->top_k, "heads", (json_int_t)w->heads, "edges",
                     (json_int_t)w->edges, "types", (json_int_t)w->types, "relations",
                     (json_int_t)w->relations, "rows", (json_int_t)w->edge.rows, "graph",
                     w->graph == CLM_GRAPH_GIVEN ? cell->data : graphs[w->graph], "routing",
                     clm_config_choice(cell->config, "routing"), "keys_sha256", hash);
}

static void write_record(const clm_cell *cell, const clm_workload *w, const clm_profile *profile,
                         const sets *s, double setup_ns)
{
    const uint64_t cache = clm_context_device(cell->context)->cache_bytes;
    const size_t first = clm_config_is(cell->config, "pass", "backward") ? s->forward : 0;
    json_t *record = cell->record, *made = clm_profile_json(profile, s->forward, first);
    const json_t *total = json_object_get(made, "total");
    json_object_set_new(record, "workload", workload_json(cell, w));
    json_object_set_new(made, "cache",
                        json_pack("{s:s,s:i,s:I,s:o}", "state",
                                  clm_config_choice(cell->config, "cache"), "sets", s->count,
                                  "bytes", (json_int_t)s->bytes, "exceeds_cache",
                                  cache ? json_boolean(s->bytes > 2 * cache) : json_null()));
    json_object_set_new(record, "profile", made);
    json_object_set_new(record, "rate",
                        json_pack("{s:O}", "gflops", json_object_get(total, "gflops")));
    json_object_set_new(record, "time_ns",
                        json_pack("{s:O,s:f,s:f}", "kernel", json_object_get(total, "ns"), "build",
                                  clm_context_build_ns(cell->context), "setup", setup_ns));
    json_object_set_new(record, "memory_bytes",
                        json_pack("{s:I,s:I}", "planned", (json_int_t)s->bytes, "device",
                                  (json_int_t)clm_context_peak_bytes(cell->context)));
}

static clm_status run(clm_scope *scope, const clm_cell *cell)
{
    const double start = clm_now_ns();
    const clm_profile_options options = clm_profile_default();
    clm_workload w;
    clm_bench bench;
    clm_profile profile;
    sets s = {.count = 0};
    CLM_TRY(make_workload(scope, cell, &w));
    clm_bench_find(clm_config_choice(cell->config, "op"), &bench);
    CLM_TRY(record_sets(scope, cell, &w, &bench, &s));
    CLM_TRY(clm_bench_check(s.tape[0]));
    const double setup_ns = clm_now_ns() - start - clm_context_build_ns(cell->context);
    CLM_TRY(clm_profile_tapes(scope, s.tape, s.count, &options, &profile));
    write_record(cell, &w, &profile, &s, setup_ns);
    return CLM_OK;
}

static clm_status plan(clm_scope *scope, const clm_cell *cell)
{
    clm_workload w;
    clm_bench bench;
    sets s = {.count = 0};
    CLM_TRY(make_workload(scope, cell, &w));
    clm_bench_find(clm_config_choice(cell->config, "op"), &bench);
    return record_sets(scope, cell, &w, &bench, &s);
}

const clm_model clm_model_operator = {
    .name = "operator",
    .about = "one operator, forward and backward, at sizes, precision, routing and graph of choice",
    .parameters = parameters,
    .check = check,
    .run = run,
    .plan = plan,
    .needs_device = true,
    .data_optional = true,
};
