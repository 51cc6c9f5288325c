#include "cl/gather_sum/gather_sum.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <stdio.h>

enum { X, OFFSETS, INDEX, SCALE, INIT, Y };

extern const clm_source clm_source_gather_sum;
static const clm_op gather_sum;

clm_tensor *clm_gather_sum(clm_tape *tape, clm_tensor *x, clm_tensor *offsets, clm_tensor *index,
                           clm_tensor *scale, clm_tensor *init)
{
    if (x == NULL || offsets == NULL || index == NULL) return NULL;
    const int64_t shape[] = {offsets->dim[0] - 1, x->dim[1]};
    clm_tensor *y = clm_activation(tape, "gather_sum", x->type, 2, shape);
    clm_record(tape, &(clm_call){.op = &gather_sum,
                                 .arg = {x, offsets, index, scale, init, y},
                                 .grad = clm_no_grad});
    return y;
}

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X), *scale = clm_f64(call, SCALE), *init = clm_f64(call, INIT);
    const int32_t *offsets = clm_i32(call, OFFSETS), *index = clm_i32(call, INDEX);
    double *y = clm_f64(call, Y);
    const int64_t rows = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    for (int64_t n = 0; n < rows; n++)
        for (int64_t c = 0; c < d; c++) {
            double sum = init != NULL ? init[n * d + c] : 0;
            for (int32_t s = offsets[n]; s < offsets[n + 1]; s++)
                if (index[s] >= 0) sum += (scale != NULL ? scale[s] : 1) * x[index[s] * d + c];
            y[n * d + c] = sum;
        }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double s = (double)clm_dim(call, 'S'), x = (double)clm_dim(call, 'X');
    const bool scaled = call->arg[SCALE] != NULL, started = call->arg[INIT] != NULL;
    return (clm_cost){.flops = (scaled ? 2 : 1) * s * d,
                      .bytes = (x * d + (started ? 2 : 1) * n * d) * clm_real_bytes(call) +
                               4 * ((scaled ? 2 : 1) * s + n)};
}

static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel, clm_panels row,
                         clm_range range)
{
    char options[128];
    snprintf(options, sizeof options,
             "-DD=%d -DVEC=%d -DCOUNT=%d -DCOLUMNS=%d -DPANELS=%d -DHAS_SCALE=%d -DHAS_INIT=%d",
             row.columns * row.panels, row.vec, row.count, row.columns, row.panels,
             call->arg[SCALE] != NULL, call->arg[INIT] != NULL);
    return clm_launch(plan, call, kernel, options, range,
                      CLM_ARGS(clm_t(call->arg[X]), clm_t(call->arg[OFFSETS]),
                               clm_t(call->arg[INDEX]), clm_t(call->arg[SCALE]),
                               clm_t(call->arg[INIT]), clm_t(call->arg[Y]),
                               clm_i(clm_dim(call, 'N'))));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const clm_panels row = clm_cut_row(clm_dim(call, 'D'), clm_tune(plan, "WIDTH"), 16);
    const size_t work = (size_t)clm_tune(plan, "WORK");
    const size_t all = clm_round_up(clm_dim(call, 'N') + clm_dim(call, 'S'), work);
    return launch(plan, call, "gather_sum_f32_cpu", row, (clm_range){{all / work}, {1}});
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    const clm_panels row = clm_cut_row(clm_dim(call, 'D'), clm_tune(plan, "WIDTH"), 1);
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    return launch(plan, call, "gather_sum_f32_plain", row,
                  (clm_range){{clm_round_up(clm_dim(call, 'N') * row.panels, group)}, {group}});
}

/* Segments of 0 .. 2 * mean slots, some of them empty. */
static void offsets_example(clm_example *example, int operand, int64_t n, int mean, int64_t *slots)
{
    int32_t *offsets = clm_example_memory(example, (size_t)(n + 1) * sizeof *offsets);
    offsets[0] = 0;
    for (int64_t i = 0; i < n; i++)
        offsets[i + 1] = offsets[i] + clm_example_random(example, 2 * mean + 1);
    if (offsets[n] == 0) offsets[n] = 1;
    *slots = offsets[n];
    clm_example_i32(example, operand, offsets, CLM_DIMS(n + 1));
}

static bool example(clm_example *example, int index)
{
    static const struct {
        int64_t x, n, d;
        int mean;
        bool scale, init;
    } size[] = {
        {3, 2, 4, 2, true, true},        {5, 7, 16, 1, true, false},
        {4, 5, 1, 1, false, true},       {1, 1, 24, 4, true, true},
        {101, 211, 64, 4, true, true},   {31, 1000, 32, 0, true, false},
        {97, 64, 150, 3, false, false},  {50, 33, 128, 90, true, true},
        {40, 65, 300, 3, true, true},    {40, 31, 512, 3, false, true},
        {2000, 911, 64, 4, true, false},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const int64_t x = size[index].x, n = size[index].n, d = size[index].d;
    int64_t slots;
    clm_example_normal(example, X, 1, CLM_DIMS(x, d));
    offsets_example(example, OFFSETS, n, size[index].mean, &slots);
    clm_example_rows(example, INDEX, (int32_t)x, CLM_DIMS(slots));
    if (size[index].scale) clm_example_normal(example, SCALE, 1, CLM_DIMS(slots));
    if (size[index].init) clm_example_normal(example, INIT, 1, CLM_DIMS(n, d));
    clm_example_out(example, Y, CLM_DIMS(n, d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    /* the combination of the experts' rows */
    clm_tensor *x =
        clm_bench_constant(tape, "x", CLM_REAL, 1, CLM_DIMS(w->nodes * w->top_k, w->width));
    clm_tensor *y =
        clm_gather_sum(tape, x, clm_bench_segments(tape, "first pair", w->nodes, w->top_k),
                       clm_bench_sorted(tape, w).slot, clm_bench_gates(tape, w), NULL);
    if (y) clm_keep(tape, y);
}

static const clm_op gather_sum = {
    .name = "gather_sum",
    .about = "sums of rows that an index names, by segments",
    .source = &clm_source_gather_sum,
    .operand = {{"x", CLM_IN, CLM_REAL, "X D", false, NULL},
                {"offsets", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"index", CLM_IN, CLM_I32, "S", false, NULL},
                {"scale", CLM_IN, CLM_F32, "S", true, NULL},
                {"init", CLM_IN, CLM_REAL, "N D", true, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, "init"}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},
                             {"AHEAD", 0, {4, 8, 12, 16, 24}, clm_pick_ahead},
                             {"WORK", 256, {64, 128, 256, 512, 1024}, NULL}},
                 .prepare = prepare_cpu},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"WIDTH", 4, {1, 4}, NULL}, {"GROUP", 128, {64, 128, 256}, NULL}},
                 .prepare = prepare_plain},
                {.name = "plain",
                 .classes = CLM_ANY_DEVICE,
                 .tunable = {{"WIDTH", 1, {1, 4}, NULL}, {"GROUP", 64, {32, 64, 128}, NULL}},
                 .prepare = prepare_plain}},
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_gather_sum[] = {&gather_sum, NULL};
