#include "cl/pair_dot/pair_dot.h"

#include "cl/dispatch/dispatch.h"
#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_pair_dot;
static const clm_op pair_dot, pair_dot_backward;

/* `hub`: every pair has node 0. */
static const struct {
    int64_t a, b, pairs, d;
    bool hub;
} sizes[] = {{1, 1, 1, 1, false},         {3, 5, 7, 4, false},
             {40, 2, 33, 24, false},      {500, 300, 65, 64, false},
             {97, 1000, 1021, 128, true}, {2000, 3000, 20000, 64, false}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

/* --- forward --- */

enum { A, B, U, V, SCORE };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t pairs = clm_dim(call, 'P');
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "pair_dot_f32", "",
                      clm_lanes_range(pairs, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      CLM_ARGS(clm_t(x[A]), clm_t(x[B]), clm_t(x[U]), clm_t(x[V]), clm_i(pairs),
                               clm_i(clm_dim(call, 'D')), clm_t(x[SCORE])));
}

static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    for (int64_t i = 0; i < clm_dim(call, 'P'); i++) {
        const double *a = clm_f64(call, A) + clm_i32(call, U)[i] * d;
        const double *b = clm_f64(call, B) + clm_i32(call, V)[i] * d;
        double sum = 0;
        for (int64_t c = 0; c < d; c++)
            sum += a[c] * b[c];
        clm_f64(call, SCORE)[i] = sum;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double pairs = (double)clm_dim(call, 'P'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 2 * pairs * d,
                      .bytes = 2 * pairs * d * clm_real_bytes(call) + 4 * 3 * pairs};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t a = sizes[index].a, b = sizes[index].b, pairs = sizes[index].pairs;
    clm_example_normal(e, A, 1, CLM_DIMS(a, sizes[index].d));
    clm_example_normal(e, B, 1, CLM_DIMS(b, sizes[index].d));
    clm_example_below(e, U, sizes[index].hub ? 1 : (int32_t)a, CLM_DIMS(pairs));
    clm_example_below(e, V, (int32_t)b, CLM_DIMS(pairs));
    clm_example_out(e, SCORE, CLM_DIMS(pairs));
    return true;
}

/* --- backward --- */

enum { DSCORE, OTHER, INDEX, OFFSETS, ORDER, DA };

/* Gradient of the rows `x` that `key` chose, where `index` chose rows of `other`. */
static void grad_side(clm_tape *tape, clm_tensor *dscore, clm_tensor *x, clm_tensor *key,
                      clm_tensor *other, clm_tensor *index)
{
    if (!clm_needs_gradient(tape, x)) return;
    const clm_dispatched sorted = clm_dispatch(tape, key, x->dim[0], 1, clm_elements(key));
    clm_call back = {.op = &pair_dot_backward,
                     .arg = {dscore, other, index, sorted.offsets, sorted.order}};
    back.arg[DA] = clm_activation(tape, "dpair_dot", x->type, x->rank, x->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DA]);
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    clm_tensor *dscore = clm_gradient_of(tape, x[SCORE]);
    grad_side(tape, dscore, x[A], x[U], x[B], x[V]);
    grad_side(tape, dscore, x[B], x[V], x[A], x[U]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'A');
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "pair_dot_backward_f32", "",
                      clm_lanes_range(nodes, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      CLM_ARGS(clm_t(x[DSCORE]), clm_t(x[OTHER]), clm_t(x[INDEX]),
                               clm_t(x[OFFSETS]), clm_t(x[ORDER]), clm_i(nodes),
                               clm_i(clm_dim(call, 'D')), clm_t(x[DA])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    const int32_t *offsets = clm_i32(call, OFFSETS);
    for (int64_t n = 0; n < clm_dim(call, 'A'); n++) {
        double *da = clm_f64(call, DA) + n * d;
        for (int64_t c = 0; c < d; c++)
            da[c] = 0;
        for (int32_t s = offsets[n]; s < offsets[n + 1]; s++) {
            const int32_t pair = clm_i32(call, ORDER)[s];
            const double *other = clm_f64(call, OTHER) + clm_i32(call, INDEX)[pair] * d;
            for (int64_t c = 0; c < d; c++)
                da[c] += clm_f64(call, DSCORE)[pair] * other[c];
        }
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double pairs = (double)clm_dim(call, 'P'), d = (double)clm_dim(call, 'D');
    const double nodes = (double)clm_dim(call, 'A');
    return (clm_cost){.flops = 2 * pairs * d,
                      .bytes =
                          (pairs * d + nodes * d) * clm_real_bytes(call) + 4 * (3 * pairs + nodes)};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t a = sizes[index].a, b = sizes[index].b, pairs = sizes[index].pairs;
    int32_t *offsets = clm_example_memory(e, sizeof(int32_t) * (size_t)(a + 1));
    int32_t *key = clm_example_memory(e, sizeof(int32_t) * (size_t)pairs);
    int32_t *order = clm_example_memory(e, sizeof(int32_t) * (size_t)pairs);
    for (int64_t i = 0; i < pairs; i++) {
        key[i] = sizes[index].hub ? 0 : clm_example_random(e, (int32_t)a);
        offsets[key[i] + 1]++;
    }
    for (int64_t n = 0; n < a; n++)
        offsets[n + 1] += offsets[n];
    int32_t *next = clm_example_memory(e, sizeof(int32_t) * (size_t)a);
    for (int32_t i = 0; i < pairs; i++)
        order[offsets[key[i]] + next[key[i]]++] = i;
    clm_example_normal(e, DSCORE, 1, CLM_DIMS(pairs));
    clm_example_normal(e, OTHER, 1, CLM_DIMS(b, sizes[index].d));
    clm_example_below(e, INDEX, (int32_t)b, CLM_DIMS(pairs));
    clm_example_i32(e, OFFSETS, offsets, CLM_DIMS(a + 1));
    clm_example_i32(e, ORDER, order, CLM_DIMS(pairs));
    clm_example_out(e, DA, CLM_DIMS(a, sizes[index].d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const int32_t n = (int32_t)w->nodes;
    clm_tensor *a = clm_bench_rows(tape, "a", 1, CLM_DIMS(n, w->width));
    clm_tensor *b = clm_bench_rows(tape, "b", 1, CLM_DIMS(n, w->width));
    clm_tensor *score = clm_pair_dot(tape, a, b, clm_bench_below(tape, "u", n, n),
                                     clm_bench_below(tape, "v", n, n));
    if (score) clm_keep(tape, score);
}

static const clm_op pair_dot = {
    .name = "pair_dot",
    .about = "inner products of pairs of rows",
    .source = &clm_source_pair_dot,
    .operand = {{"a", CLM_IN, CLM_REAL, "A D", false, NULL},
                {"b", CLM_IN, CLM_REAL, "B D", false, NULL},
                {"u", CLM_IN, CLM_I32, "P", false, NULL},
                {"v", CLM_IN, CLM_I32, "P", false, NULL},
                {"score", CLM_OUT, CLM_F32, "P", false, NULL}},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op pair_dot_backward = {
    .name = "pair_dot_backward",
    .about = "gradient of pair_dot in one of its sides",
    .source = &clm_source_pair_dot,
    .operand = {{"dscore", CLM_IN, CLM_F32, "P", false, NULL},
                {"other", CLM_IN, CLM_REAL, "B D", false, NULL},
                {"index", CLM_IN, CLM_I32, "P", false, NULL},
                {"offsets", CLM_IN, CLM_I32, "A+1", false, NULL},
                {"order", CLM_IN, CLM_I32, "P", false, NULL},
                {"da", CLM_OUT, CLM_REAL, "A D", false, NULL}},
    /* plain spreads columns: llvmpipe (Mesa 22.3) ends a work-item's loops after 65536 rounds in
     * all, which one work-item for a row of a node with many pairs exceeds. */
    .variant = {{"cpu",
                 CLM_CPU,
                 0,
                 {CLM_VEC_OF_DEVICE, CLM_LANES(1, 1), CLM_TEAMS(32, 1, 8, 32)},
                 NULL,
                 prepare_backward},
                {"gpu",
                 CLM_GPU,
                 0,
                 {CLM_VEC(4), CLM_LANES(16, 8, 16, 32), CLM_TEAMS(4, 2, 4, 8)},
                 NULL,
                 prepare_backward},
                {"plain",
                 CLM_ANY_DEVICE,
                 0,
                 {CLM_VEC(1), CLM_LANES(16, 16), CLM_TEAMS(4, 4)},
                 NULL,
                 prepare_backward}},
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_pair_dot[] = {&pair_dot, &pair_dot_backward, NULL};

clm_tensor *clm_pair_dot(clm_tape *tape, clm_tensor *a, clm_tensor *b, clm_tensor *u, clm_tensor *v)
{
    if (!a || !b || !u || !v) return NULL;
    clm_call call = {.op = &pair_dot, .arg = {a, b, u, v}};
    call.arg[SCORE] = clm_activation(tape, "score", CLM_F32, u->rank, u->dim);
    clm_record(tape, &call);
    return call.arg[SCORE];
}
