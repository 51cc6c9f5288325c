/* GMoE layers beyond the golden tensors: one expert, sparse dispatch, the balance loss. All in
 * double, by the operators' references, so that no device is needed. */
#include "unit.h"

#include "cl/adam/adam.h"
#include "model/gmoe.h"
#include "model/small_inputs.h"

#include <math.h>
#include <string.h>

enum { EXPERTS = 4, WIDTH = SMALL_FEATURES, STEPS = 50 };

/* A recorded layer; in training with all gradients of sum(y * cotangent) + balance and a step. */
typedef struct layer {
    clm_tape *tape;
    clm_parameters *parameters;
    clm_tensor *x, *y;
    clm_gating gate;
} layer;

static const clm_gmoe plain = {
    .width = WIDTH, .layers = 1, .experts = 1, .hop1 = 1, .top_k = 1, .mean = true};

static float noise_of(int i) { return 3 * small_feature(i, 60); }

static clm_gmoe_graph graph_of(clm_tape *tape, const clm_task_inputs *in, int experts)
{
    clm_gmoe_graph graph = {.nodes = in->nodes, .live = in->live, .hop = {in->hop[0], in->hop[0]}};
    float *value = clm_alloc_array(clm_tape_scope(tape), (size_t)(in->nodes * (experts + 1)), 4),
          *factor = value + in->nodes * experts;
    for (int i = 0; i < in->nodes * experts; i++)
        value[i] = noise_of(i);
    for (int n = 0; n < in->nodes; n++) {
        int degree = 1;
        for (int e = 0; e < SMALL_EDGES; e++)
            degree += small_src[e] == n;
        factor[n] = 1 / sqrtf((float)degree);
    }
    graph.hop[0].factor = graph.hop[1].factor =
        clm_input_f32(tape, "factor", factor, CLM_DIMS(in->nodes));
    graph.noise = clm_input_f32(tape, "noise", value, CLM_DIMS(in->nodes, experts));
    return graph;
}

static void record_step(clm_scope *scope, layer *l)
{
    float *c = clm_alloc_array(scope, (size_t)clm_elements(l->y), sizeof *c);
    for (int i = 0; i < SMALL_NODES * WIDTH; i++) /* rows past the live ones have no use */
        c[i] = small_feature(i, 50) + 0.1F;
    clm_tensor *of[2] = {l->y, l->gate.use.balance},
               *cotangent[2] = {clm_input_f32(l->tape, "dy", c, l->y->rank, l->y->dim),
                                clm_input_f32(l->tape, "dbalance", (float[]){1}, CLM_DIMS(1))};
    clm_tape_backward_from(l->tape, of[1] ? 2 : 1, of, cotangent);
    clm_adam(l->tape, l->parameters, 0);
}

/* Running statistics that are not those of a first step. */
static void set_statistics(clm_parameters *p)
{
    for (size_t i = 0; i < clm_parameters_count(p); i++)
        for (int64_t e = 0; e < clm_elements(clm_parameter_tensor(p, (int)i)); e++)
            if (clm_parameter_is_statistic(p, (int)i))
                clm_parameter_values(p, (int)i)[e] = 0.5F + 0.1F * (float)(e % 7);
}

static layer record(clm_scope *scope, const clm_gmoe *gmoe, bool training)
{
    layer l = {.parameters = clm_parameters_new(scope, 7)};
    l.tape = clm_tape_new(scope, NULL, l.parameters, 5);
    clm_tape_set_training(l.tape, training);
    const clm_task_inputs in = small_inputs(l.tape, (small_form){.spare = 3});
    const clm_gmoe_graph graph = graph_of(l.tape, &in, gmoe->experts);
    l.x = in.dense;
    clm_want_gradient(l.tape, l.x);
    l.y = clm_gmoe_layer(l.tape, l.parameters, "", gmoe, &graph, l.x, 0, &l.gate, NULL);
    assert_non_null(l.y);
    clm_keep(l.tape, l.y);
    if (training) record_step(scope, &l);
    set_statistics(l.parameters);
    assert_ok(clm_tape_reference_begin(l.tape));
    clm_tape_reference_run(l.tape, 0, 0.05F);
    return l;
}

static void assert_same(const char *what, const double *got, const double *expected, int64_t n)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (got[i] - expected[i]) * (got[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    if (!(sqrt(difference) <= 1e-9 * sqrt(norm) + 1e-12))
        fail_msg("%s differs by %g of %g", what, sqrt(difference), sqrt(norm));
}

static double value(const layer *l, const char *name, int64_t i)
{
    for (size_t p = 0; p < clm_parameters_count(l->parameters); p++)
        if (!strcmp(clm_parameter_name(l->parameters, (int)p), name))
            return (double)clm_parameter_values(l->parameters, (int)p)[i];
    fail_msg("no parameter %s", name);
    return 0;
}

/* x W + b of a node. */
static void linear(const layer *l, int n, double *to)
{
    for (int o = 0; o < WIDTH; o++) {
        to[o] = value(l, "b", o);
        for (int i = 0; i < WIDTH; i++)
            to[o] += (double)small_feature(n, i) * value(l, "w", i * WIDTH + o);
    }
}

static void one_expert_is_a_gcn_with_batch_norm(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const layer l = record(&scope, &plain, true);
    double h[SMALL_NODES][WIDTH], y[SMALL_NODES][WIDTH] = {{0}}, degree[SMALL_NODES];
    for (int n = 0; n < SMALL_NODES; n++) {
        linear(&l, n, h[n]);
        degree[n] = 1;
        for (int e = 0; e < SMALL_EDGES; e++)
            degree[n] += small_src[e] == n;
    }
    for (int e = 0; e < SMALL_EDGES; e++)
        for (int c = 0; c < WIDTH; c++)
            y[small_dst[e]][c] +=
                fmax(h[small_src[e]][c], 0) / sqrt(degree[small_src[e]] * degree[small_dst[e]]);
    for (int c = 0; c < WIDTH; c++) {
        double mean = 0, variance = 0;
        for (int n = 0; n < SMALL_NODES; n++) {
            y[n][c] += fmax(h[n][c] + value(&l, "root", c), 0) / degree[n];
            mean += y[n][c] / SMALL_NODES;
        }
        for (int n = 0; n < SMALL_NODES; n++)
            variance += (y[n][c] - mean) * (y[n][c] - mean) / SMALL_NODES;
        for (int n = 0; n < SMALL_NODES; n++)
            y[n][c] = (y[n][c] - mean) / sqrt(variance + 1e-5);
    }
    for (int64_t i = 0; i < SMALL_NODES * WIDTH; i++) /* weights and factors are floats */
        if (fabs(((double *)l.y->host)[i] - y[i / WIDTH][i % WIDTH]) > 1e-5)
            fail_msg("element %d is %g instead of %g", (int)i, ((double *)l.y->host)[i],
                     y[i / WIDTH][i % WIDTH]);
    clm_scope_end(&scope);
}

/* All outputs and gradients of both, with the same initial weights. */
static void same_layers(bool gin, int hop1, bool mean)
{
    clm_scope scope = {0};
    clm_gmoe gmoe = {.width = WIDTH,
                     .layers = 1,
                     .experts = EXPERTS,
                     .hop1 = hop1,
                     .top_k = EXPERTS,
                     .gin = gin,
                     .mean = mean};
    const layer dense = record(&scope, &gmoe, true);
    gmoe.sparse = gmoe.norm_routed = true;
    const layer sparse = record(&scope, &gmoe, true);
    assert_same("y", sparse.y->host, dense.y->host, SMALL_NODES * WIDTH);
    assert_same("balance", sparse.gate.use.balance->host, dense.gate.use.balance->host, 1);
    assert_same("dx", clm_gradient_of(sparse.tape, sparse.x)->host,
                clm_gradient_of(dense.tape, dense.x)->host, SMALL_NODES * WIDTH);
    clm_scope_end(&scope);
}

static void sparse_with_every_expert_is_dense(void **state)
{
    (void)state;
    for (int hop1 = 0; hop1 <= EXPERTS; hop1 += EXPERTS / 2)
        for (int gin = 0; gin < 2; gin++)
            same_layers(gin, hop1, hop1 > 0);
}

static void assert_same_arena(const char *what, clm_tensor *(*of)(clm_parameters *), const layer *a,
                              const layer *b)
{
    const clm_tensor *x = of(a->parameters), *y = of(b->parameters);
    assert_int_equal(clm_elements(x), clm_elements(y));
    assert_same(what, x->host, y->host, clm_elements(x));
}

static void routed_norms_make_dense_sparse(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        clm_scope scope = {0};
        const bool training = i & 1;
        clm_gmoe gmoe = {.width = WIDTH,
                         .layers = 1,
                         .experts = EXPERTS,
                         .hop1 = i & 2 ? EXPERTS : 1,
                         .top_k = 2,
                         .gin = i & 4,
                         .norm_routed = true};
        const layer dense = record(&scope, &gmoe, training);
        gmoe.sparse = true;
        const layer sparse = record(&scope, &gmoe, training);
        assert_same("y", dense.y->host, sparse.y->host, SMALL_NODES * WIDTH);
        if (training) {
            assert_same("dx", clm_gradient_of(dense.tape, dense.x)->host,
                        clm_gradient_of(sparse.tape, sparse.x)->host, SMALL_NODES * WIDTH);
            assert_same_arena("gradients", clm_gradients_arena, &dense, &sparse);
            assert_same_arena("weights after a step", clm_parameters_arena, &dense, &sparse);
            assert_same_arena("running statistics", clm_statistics_arena, &dense, &sparse);
        }
        clm_scope_end(&scope);
    }
}

/* Squared coefficient of variation of the importance, which is kept for looking. */
static double unevenness(const layer *l)
{
    const double *importance = l->gate.use.importance->host;
    double mean = 0, variance = 0;
    for (int e = 0; e < EXPERTS; e++)
        mean += importance[e] / EXPERTS;
    for (int e = 0; e < EXPERTS; e++)
        variance += (importance[e] - mean) * (importance[e] - mean) / (EXPERTS - 1);
    return variance / (mean * mean);
}

static void balance_loss_evens_out_importance(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_gmoe gmoe = {
        .width = WIDTH, .layers = 1, .experts = EXPERTS, .hop1 = EXPERTS, .top_k = 2};
    layer l = {.parameters = clm_parameters_new(&scope, 7)};
    l.tape = clm_tape_new(&scope, NULL, l.parameters, 5);
    clm_tape_set_training(l.tape, true);
    const clm_task_inputs in = small_inputs(l.tape, (small_form){0});
    const clm_gmoe_graph graph = graph_of(l.tape, &in, EXPERTS);
    l.y = clm_gmoe_layer(l.tape, l.parameters, "", &gmoe, &graph, in.dense, 0, &l.gate, NULL);
    clm_keep(l.tape, l.gate.use.importance);
    clm_tape_backward(l.tape, l.gate.use.balance);
    clm_adam(l.tape, l.parameters, 0);
    assert_ok(clm_tape_reference_begin(l.tape));
    clm_tape_reference_run(l.tape, 0, 0.05F);
    const double before = unevenness(&l);
    for (int step = 1; step < STEPS; step++)
        clm_tape_reference_run(l.tape, step, 0.05F);
    if (!(unevenness(&l) < before / 4))
        fail_msg("cv^2 of importance was %g and is %g", before, unevenness(&l));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_expert_is_a_gcn_with_batch_norm),
        cmocka_unit_test(sparse_with_every_expert_is_dense),
        cmocka_unit_test(routed_norms_make_dense_sparse),
        cmocka_unit_test(balance_loss_evens_out_importance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
