#include "cl/draw_pairs/draw_pairs.h"

#include "base/philox.h"
#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_draw_pairs;
static const clm_op draw_pairs;

enum { POS_U, POS_V, STEP, U, V };
enum { FIRST_U, COUNT_U, FIRST_V, COUNT_V }; /* attributes */

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t positives = clm_dim(call, 'B');
    clm_tensor *const *x = call->arg;
    const double *a = call->attribute;
    return clm_launch(plan, call, "draw_pairs_i32", "", clm_vector_range(2 * positives, 1),
                      CLM_ARGS(clm_t(x[POS_U]), clm_t(x[POS_V]), clm_t(x[STEP]), clm_i(positives),
                               clm_i((int64_t)a[FIRST_U]), clm_i((int64_t)a[COUNT_U]),
                               clm_i((int64_t)a[FIRST_V]), clm_i((int64_t)a[COUNT_V]), clm_t(x[U]),
                               clm_t(x[V])));
}

static void reference(const clm_call *call)
{
    const int64_t positives = clm_dim(call, 'B');
    const int32_t *step = clm_i32(call, STEP);
    const double *a = call->attribute;
    int32_t *u = clm_i32(call, U), *v = clm_i32(call, V);
    for (int64_t i = 0; i < positives; i++) {
        u[i] = clm_i32(call, POS_U)[i];
        v[i] = clm_i32(call, POS_V)[i];
        const clm_philox draw =
            clm_philox_draw((uint32_t)i, (uint32_t)step[CLM_STEP_INDEX], CLM_STREAM_NEGATIVES, 0,
                            (uint32_t)step[CLM_STEP_SEED]);
        u[positives + i] =
            (int32_t)a[FIRST_U] + (int32_t)clm_uniform_below(draw.word[0], (uint32_t)a[COUNT_U]);
        v[positives + i] =
            (int32_t)a[FIRST_V] + (int32_t)clm_uniform_below(draw.word[1], (uint32_t)a[COUNT_V]);
    }
}

static clm_cost cost(const clm_call *call)
{
    return (clm_cost){.bytes = 24 * (double)clm_dim(call, 'B')};
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t positives;
        int32_t first_u, count_u, first_v, count_v, seed;
    } item[] = {{1, 0, 1, 1, 1, 0},
                {17, 3, 5, 8, 100, 1},
                {65, 0, 64, 0, 64, -1},
                {10007, 100, 100003, 100200, 0x7fff0000, 2}};
    if (index >= (int)(sizeof item / sizeof *item)) return false;
    const int64_t n = item[index].positives;
    clm_example_below(e, POS_U, 1000, CLM_DIMS(n));
    clm_example_below(e, POS_V, 1000, CLM_DIMS(n));
    clm_example_i32(e, STEP, (const int32_t[CLM_STEP_WORDS]){index, item[index].seed},
                    CLM_DIMS(CLM_STEP_WORDS));
    clm_example_out(e, U, CLM_DIMS(2 * n));
    clm_example_out(e, V, CLM_DIMS(2 * n));
    double *a = clm_example_call(e)->attribute;
    a[FIRST_U] = item[index].first_u;
    a[COUNT_U] = item[index].count_u;
    a[FIRST_V] = item[index].first_v;
    a[COUNT_V] = item[index].count_v;
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    const int32_t n = (int32_t)w->nodes;
    const clm_pairs made = clm_draw_pairs(tape, clm_bench_below(tape, "starts", n, n),
                                          clm_bench_below(tape, "ends", n, n), 0, n, 0, n);
    if (made.u) clm_keep(tape, made.u);
}

static const clm_op draw_pairs = {
    .name = "draw_pairs",
    .about = "positive pairs and freshly drawn negative ones",
    .source = &clm_source_draw_pairs,
    .operand = {{"pos_u", CLM_IN, CLM_I32, "B", false, NULL},
                {"pos_v", CLM_IN, CLM_I32, "B", false, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"u", CLM_OUT, CLM_I32, "P", false, NULL},
                {"v", CLM_OUT, CLM_I32, "P", false, NULL}},
    .attribute = {"first_u", "count_u", "first_v", "count_v"},
    .variant = {{.name = "cpu", .classes = CLM_CPU, .prepare = prepare},
                {.name = "gpu", .classes = CLM_GPU, .prepare = prepare},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare}},
    .reference = reference,
    .cost = cost,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_draw_pairs[] = {&draw_pairs, NULL};

clm_pairs clm_draw_pairs(clm_tape *tape, clm_tensor *pos_u, clm_tensor *pos_v, int first_u,
                         int count_u, int first_v, int count_v)
{
    if (!pos_u || !pos_v) return (clm_pairs){0};
    const int64_t pairs = 2 * clm_elements(pos_u);
    clm_call call = {.op = &draw_pairs, .arg = {pos_u, pos_v, clm_tape_step(tape)}};
    call.attribute[FIRST_U] = first_u;
    call.attribute[COUNT_U] = count_u;
    call.attribute[FIRST_V] = first_v;
    call.attribute[COUNT_V] = count_v;
    call.arg[U] = clm_activation(tape, "u", CLM_I32, CLM_DIMS(pairs));
    call.arg[V] = clm_activation(tape, "v", CLM_I32, CLM_DIMS(pairs));
    clm_record(tape, &call);
    return (clm_pairs){call.arg[U], call.arg[V]};
}
