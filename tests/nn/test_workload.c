/* Workloads: what a routing and a graph are, and that every operator can be measured. */
#include "unit.h"

#include "nn/workload.h"

#include <string.h>

static clm_workload drawn(clm_scope *scope, clm_routing_kind routing, int64_t experts,
                          int64_t top_k)
{
    clm_workload w = clm_workload_default();
    w.routing = routing;
    w.experts = experts;
    w.top_k = top_k;
    assert_ok(clm_workload_draw(scope, &w));
    return w;
}

/* Property: the experts of a node differ, lie in [0, E), and are counted in `loads`. */
static void check_keys(const clm_workload *w)
{
    int64_t count[256] = {0};
    for (int64_t n = 0; n < w->nodes; n++)
        for (int64_t j = 0; j < w->top_k; j++) {
            const int32_t key = w->key[n * w->top_k + j];
            assert_in_range(key, 0, w->experts - 1);
            for (int64_t i = 0; i < j; i++)
                assert_int_not_equal(key, w->key[n * w->top_k + i]);
            count[key]++;
        }
    for (int64_t e = 0; e < w->experts; e++)
        assert_int_equal(count[e], w->loads[e]);
}

static void routing(void **state)
{
    (void)state;
    clm_scope scope = {0};
    for (int64_t k = 1; k <= 4; k *= 2) {
        clm_workload w = drawn(&scope, CLM_ROUTING_UNIFORM, 16, k);
        check_keys(&w);
        /* 10^4 k pairs on 16 experts: five standard deviations of the largest are 20 % */
        assert_true(clm_workload_imbalance(&w) < 1.2);

        w = drawn(&scope, CLM_ROUTING_ZIPF, 16, k);
        check_keys(&w);
        for (int e = 0; e < 8; e++) /* loads fall; those of neighbours may drown in chance */
            assert_true(w.loads[2 * e + 1] < w.loads[e]);
        if (k == 1) { /* expert 0 has 1 of H(16) = 3.3807 shares */
            assert_true(w.loads[0] > 10000 / 3.3807 * 0.95 && w.loads[0] < 10000 / 3.3807 * 1.05);
            assert_true(w.loads[1] > w.loads[0] * 0.45 && w.loads[1] < w.loads[0] * 0.55);
        }

        w = drawn(&scope, CLM_ROUTING_ONE_HOT, 16, k);
        check_keys(&w);
        for (int e = 0; e < 16; e++)
            assert_int_equal(w.loads[e], e < k ? 10000 : 0);

        w = drawn(&scope, CLM_ROUTING_EMPTY_EXPERT, 16, k);
        check_keys(&w);
        assert_int_equal(w.loads[0], 0);
        assert_true(w.loads[1] > 0 && clm_workload_imbalance(&w) < 1.3);
    }
    clm_scope_end(&scope);
}

/* Property: each run of nodes follows its own loads. */
static void trained(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_trained_load load = {2, (const double[]){30, 10},
                                   (const double[]){3, 1, 0, 0, 0, 0, 1, 1}};
    clm_workload w = clm_workload_default();
    w.routing = CLM_ROUTING_TRAINED;
    w.trained = &load;
    w.experts = 4;
    w.top_k = 1;
    assert_ok(clm_workload_draw(&scope, &w));
    check_keys(&w);
    assert_int_equal(w.loads[0] + w.loads[1], 7500);
    assert_true(w.loads[0] > 5300 && w.loads[0] < 5950);
    assert_true(w.loads[2] > 1100 && w.loads[2] < 1400);
    w.top_k = 3; /* no type uses three experts */
    assert_int_equal(clm_workload_draw(&scope, &w), CLM_FAIL);
    clm_scope_end(&scope);
}

/* Property: kind, sizes and seed decide the keys, and the hash tells keys apart. */
static void hash(void **state)
{
    (void)state;
    clm_scope scope = {0};
    char hex[3][65];
    for (uint32_t i = 0; i < 3; i++) {
        clm_workload w = clm_workload_default();
        w.seed = i / 2;
        assert_ok(clm_workload_draw(&scope, &w));
        clm_workload_hash(&w, hex[i]);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    clm_scope_end(&scope);
}

/* Property: edges join the types of their relation, targets are in order, and both orders name
 * every edge once; a power law has a hub, a uniform graph none. */
static void graphs(void **state)
{
    (void)state;
    clm_scope scope = {0};
    for (int kind = CLM_GRAPH_UNIFORM; kind <= CLM_GRAPH_POWER_LAW; kind++) {
        clm_workload w = clm_workload_default();
        w.graph = (clm_graph_kind)kind;
        assert_ok(clm_workload_draw(&scope, &w));
        const clm_typed_edges *g = &w.edge;
        assert_int_equal(g->edge_ptr[g->nodes], w.edges);
        assert_int_equal(g->source_ptr[g->rows], w.edges);
        int32_t *seen = clm_alloc_array(&scope, (size_t)w.edges, sizeof *seen), most = 0;
        for (int32_t n = 0; n < g->nodes; n++) {
            const int32_t degree = g->edge_ptr[n + 1] - g->edge_ptr[n];
            most = degree > most ? degree : most;
            for (int32_t e = g->edge_ptr[n]; e < g->edge_ptr[n + 1]; e++)
                assert_int_equal(g->target[e], n);
        }
        for (int32_t row = 0; row < g->rows; row++)
            for (int32_t i = g->source_ptr[row]; i < g->source_ptr[row + 1]; i++) {
                assert_int_equal(g->source[g->source_edge[i]], row);
                assert_int_equal(g->source_target[i], g->target[g->source_edge[i]]);
                seen[g->source_edge[i]]++;
            }
        for (int64_t e = 0; e < w.edges; e++) {
            assert_int_equal(seen[e], 1);
            int32_t relation = 0, row = g->source[e];
            while (row >= g->type_first[g->source_type[relation] + 1] -
                              g->type_first[g->source_type[relation]]) {
                row -= g->type_first[g->source_type[relation] + 1] -
                       g->type_first[g->source_type[relation]];
                relation++;
            }
            const int32_t type = (relation + 1) % g->types;
            assert_in_range(g->target[e], g->type_first[type], g->type_first[type + 1] - 1);
        }
        if (kind == CLM_GRAPH_UNIFORM)
            assert_true(most < 60); /* mean 10 or 20 by type */
        else
            assert_true(most > 500);
    }
    clm_scope_end(&scope);
}

static void refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_workload w = clm_workload_default();
    w.top_k = 17;
    assert_int_equal(clm_workload_draw(&scope, &w), CLM_FAIL);
    w = clm_workload_default();
    w.heads = 5;
    assert_int_equal(clm_workload_draw(&scope, &w), CLM_FAIL);
    w = clm_workload_default();
    w.nodes = 2;
    assert_int_equal(clm_workload_draw(&scope, &w), CLM_FAIL);
    clm_scope_end(&scope);
}

static clm_workload small(clm_scope *scope)
{
    clm_workload w = clm_workload_default();
    w.nodes = 50;
    w.edges = 200;
    assert_ok(clm_workload_draw(scope, &w));
    return w;
}

/* Property: every operator is on the tape of some bench, in training or inference. */
static void every_operator(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_workload w = small(&scope);
    bool reached[256] = {false};
    clm_bench bench;
    for (size_t b = 0; clm_bench_at(b, &bench); b++)
        for (int training = 0; training < 2; training++) {
            clm_tape *tape = clm_tape_new(&scope, NULL, clm_parameters_new(&scope, 0), 0);
            clm_bench_record(tape, &bench, &w, training);
            assert_ok(clm_tape_reference_begin(tape)); /* nothing was refused while recording */
            assert_in_range(clm_tape_forward_calls(tape), training, clm_tape_calls(tape));
            for (size_t c = 0; c < clm_tape_calls(tape); c++)
                for (size_t i = 0; clm_op_at(i); i++)
                    reached[i] |= clm_op_at(i) == clm_tape_call(tape, c)->op;
        }
    for (size_t i = 0; clm_op_at(i); i++)
        if (!reached[i]) fail_msg("no bench reaches %s", clm_op_at(i)->name);
    assert_false(clm_bench_find("nothing", &bench));
    assert_true(clm_bench_find("expert_ffn", &bench));
    clm_scope_end(&scope);
}

/* Property: on a tape of lower precision a bench's rows are stored so from the start: what is timed is
 * the operator in that precision, not in f32 and not with a conversion before it. */
static void precisions(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_workload w = small(&scope);
    clm_bench bench;
    for (size_t b = 0; clm_bench_at(b, &bench); b++)
        for (clm_type type = CLM_BF16; type <= CLM_F16; type++) {
            clm_tape *tape = clm_tape_new(&scope, NULL, clm_parameters_new(&scope, 0), 0);
            clm_tape_set_precision(tape, type);
            clm_bench_record(tape, &bench, &w, true);
            assert_ok(clm_tape_reference_begin(tape));
            for (size_t c = 0; c < clm_tape_calls(tape); c++) {
                const clm_call *call = clm_tape_call(tape, c);
                for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
                    if (call->op->operand[o].type == CLM_REAL && call->arg[o] &&
                        call->arg[o]->type != type)
                        fail_msg("%s of %s is in %s: %s", call->op->name, bench.name,
                                 clm_type_name(call->arg[o]->type), call->op->operand[o].name);
            }
        }
    clm_scope_end(&scope);
}

/* Property: an input takes floats whatever its storage, and the yardstick sees them rounded. */
static void stored(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_tape *tape = clm_tape_new(&scope, NULL, NULL, 0);
    clm_tape_set_precision(tape, CLM_BF16);
    const float x[] = {1, 1.00390625f + 1e-6f, -3}; /* just over half a step above 1: 2^-8 */
    clm_tensor *t = clm_input_real(tape, "x", x, CLM_DIMS(3));
    assert_ok(clm_tape_reference_begin(tape));
    const double *host = t->host;
    assert_true(host[0] == 1 && host[1] == 1.0078125 && host[2] == -3);
    assert_ok(clm_tensor_write(t, (const float[]){2, 4, 8}));
    assert_ok(clm_tape_reference_begin(tape));
    assert_true(host[0] == 2 && host[1] == 4 && host[2] == 8);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing),    cmocka_unit_test(trained), cmocka_unit_test(hash),
        cmocka_unit_test(graphs),     cmocka_unit_test(refused), cmocka_unit_test(every_operator),
        cmocka_unit_test(precisions), cmocka_unit_test(stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
