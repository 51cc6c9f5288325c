#include "cl/row_dot/row_dot.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <assert.h>

extern const clm_source clm_source_row_dot;

enum { A, A_INDEX, B, B_INDEX, OUT };
enum { DIVIDE };

static const clm_op row_dot;

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    const int64_t pairs = clm_dim(call, 'S');
    const int64_t parts = 16 * (int64_t)clm_plan_device(plan)->compute_units;
    const int64_t block = (pairs + parts - 1) / parts;
    return clm_launch(plan, call, "row_dot_f32_cpu", "",
                      (clm_range){{(size_t)((pairs + block - 1) / block)}, {1}},
                      CLM_ARGS(clm_t(x[A]), clm_t(x[A_INDEX]), clm_t(x[B]), clm_t(x[B_INDEX]),
                               clm_t(x[OUT]), clm_i(pairs), clm_i(block),
                               clm_i((int64_t)call->attribute[DIVIDE]), clm_i(clm_dim(call, 'D'))));
}

static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel, int lanes)
{
    clm_tensor *const *x = call->arg;
    const int64_t pairs = clm_dim(call, 'S');
    return clm_launch(plan, call, kernel, "", (clm_range){{clm_round_up(pairs * lanes, 64)}, {64}},
                      CLM_ARGS(clm_t(x[A]), clm_t(x[A_INDEX]), clm_t(x[B]), clm_t(x[B_INDEX]),
                               clm_t(x[OUT]), clm_i(pairs), clm_i((int64_t)call->attribute[DIVIDE]),
                               clm_i(clm_dim(call, 'D'))));
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "row_dot_f32_gpu", 8);
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "row_dot_f32_plain", 1);
}

static const char *misfit_gpu(const clm_call *call, const clm_device *device)
{
    (void)call;
    return device->max_work_group < 64 ? "work-groups of 64 work-items are too large" : NULL;
}

static void reference(const clm_call *call)
{
    const int64_t pairs = clm_dim(call, 'S'), d = clm_dim(call, 'D');
    const int32_t *a_index = clm_i32(call, A_INDEX), *b_index = clm_i32(call, B_INDEX);
    for (int64_t s = 0; s < pairs; s++) {
        const int64_t ai = a_index ? a_index[s] : s / (int64_t)call->attribute[DIVIDE];
        const int64_t bi = b_index ? b_index[s] : s;
        double sum = 0;
        for (int64_t c = 0; c < d && bi >= 0; c++)
            sum += clm_f64(call, A)[ai * d + c] * clm_f64(call, B)[bi * d + c];
        clm_f64(call, OUT)[s] = sum;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double pairs = (double)clm_dim(call, 'S'), d = (double)clm_dim(call, 'D');
    const double rows = (double)clm_dim(call, 'A') + (double)clm_dim(call, 'B');
    const int indices = (call->arg[A_INDEX] != NULL) + (call->arg[B_INDEX] != NULL);
    return (clm_cost){2 * pairs * d, rows * d * clm_real_bytes(call) + 4 * pairs * (1 + indices)};
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int32_t a, b, pairs, d, divide;
        bool a_index, b_index;
    } list[] = {
        {1, 1, 1, 1, 1, false, false},           {3, 7, 6, 4, 2, false, true},
        {5, 9, 17, 24, 1, true, true},           {67, 201, 201, 16, 3, false, false},
        {31, 40, 1009, 33, 1, true, true},       {1000, 4000, 4000, 64, 4, false, true},
        {2000, 2000, 2000, 128, 1, true, false}, {11616, 46464, 46464, 64, 4, false, true},
    };
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const int64_t pairs = list[index].pairs, d = list[index].d;
    clm_example_call(e)->attribute[DIVIDE] = list[index].divide;
    clm_example_normal(e, A, 1, CLM_DIMS(list[index].a, d));
    clm_example_normal(e, B, 1, CLM_DIMS(list[index].b, d));
    if (list[index].a_index) clm_example_below(e, A_INDEX, list[index].a, CLM_DIMS(pairs));
    if (list[index].b_index) clm_example_rows(e, B_INDEX, list[index].b, CLM_DIMS(pairs));
    clm_example_out(e, OUT, CLM_DIMS(pairs / list[index].divide, list[index].divide));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    /* as for the gradients of gates: a row of dy and that of each of its experts */
    const int64_t pairs = w->nodes * w->top_k;
    clm_tensor *dy = clm_bench_constant(tape, "dy", CLM_REAL, 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *out =
        clm_bench_constant(tape, "expert_out", CLM_REAL, 1, CLM_DIMS(pairs, w->width));
    clm_tensor *y = clm_row_dot(tape, dy, NULL, (int)w->top_k, out, clm_bench_sorted(tape, w).slot,
                                pairs, CLM_DIMS(w->nodes, w->top_k));
    if (y) clm_keep(tape, y);
}

static const clm_op row_dot = {
    .name = "row_dot",
    .about = "dot products of pairs of rows",
    .source = &clm_source_row_dot,
    .operand = {{"a", CLM_IN, CLM_REAL, "A D", false, NULL},
                {"a_index", CLM_IN, CLM_I32, "S", true, NULL},
                {"b", CLM_IN, CLM_REAL, "B D", false, NULL},
                {"b_index", CLM_IN, CLM_I32, "S", true, NULL},
                {"out", CLM_OUT, CLM_F32, "S", false, NULL}},
    .attribute = {"divide"},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"VEC", 16, {4, 8, 16}, clm_pick_lanes},
                             {"AHEAD", 0, {4, 8, 12, 16, 24}, clm_pick_ahead}},
                 .prepare = prepare_cpu},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"VEC", 4, {1, 4}, NULL}},
                 .misfit = misfit_gpu,
                 .prepare = prepare_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_row_dot[] = {&row_dot, NULL};

clm_tensor *clm_row_dot(clm_tape *tape, clm_tensor *a, clm_tensor *a_index, int divide,
                        clm_tensor *b, clm_tensor *b_index, int64_t rows, int rank,
                        const int64_t *dim)
{
    if (!a || !b) return NULL;
    clm_tensor *out = clm_activation(tape, "dots", CLM_F32, rank, dim);
    if (!out) return NULL;
    assert(clm_elements(out) == rows);
    clm_record(
        tape,
        &(clm_call){.op = &row_dot, .arg = {a, a_index, b, b_index, out}, .attribute = {divide}});
    return out;
}
