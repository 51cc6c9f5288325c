#include "cl/transpose/transpose.h"

#include "nn/workload.h"

#include <stdio.h>

enum { W, WT };

extern const clm_source clm_source_transpose;
static const clm_op transpose;

clm_tensor *clm_transpose(clm_tape *tape, clm_tensor *w)
{
    if (!w) return NULL;
    clm_tensor *wt =
        clm_activation(tape, "transpose", w->type, CLM_DIMS(w->dim[0], w->dim[2], w->dim[1]));
    clm_record(tape, &(clm_call){.op = &transpose, .arg = {w, wt}});
    return wt;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    if (clm_needs_gradient(tape, call->arg[W]))
        clm_gradient_add(tape, call->arg[W],
                         clm_transpose(tape, clm_gradient_of(tape, call->arg[WT])));
}

static void reference(const clm_call *call)
{
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K'),
                  columns = clm_dim(call, 'N');
    const double *w = clm_f64(call, W);
    double *wt = clm_f64(call, WT);
    for (int64_t g = 0; g < groups; g++)
        for (int64_t k = 0; k < depth; k++)
            for (int64_t n = 0; n < columns; n++)
                wt[(g * columns + n) * depth + k] = w[(g * depth + k) * columns + n];
}

static clm_cost cost(const clm_call *call)
{
    return (clm_cost){.bytes = 2 * (double)clm_tensor_bytes(call->arg[W])};
}

static clm_status prepare_tiles(clm_plan *plan, const clm_call *call, const char *kernel,
                                const char *options, bool one_item, size_t height)
{
    const int64_t depth = clm_dim(call, 'K'), columns = clm_dim(call, 'N');
    const size_t tile = (size_t)clm_tune(plan, "TILE"), groups = (size_t)clm_dim(call, 'G');
    const size_t wide = clm_round_up(columns, tile) / tile, high = clm_round_up(depth, tile) / tile;
    const clm_range range =
        one_item ? (clm_range){{wide, high, groups}, {1, 1, 1}}
                 : (clm_range){{wide * tile, high * height, groups}, {tile, height, 1}};
    return clm_launch(
        plan, call, kernel, options, range,
        CLM_ARGS(clm_t(call->arg[W]), clm_t(call->arg[WT]), clm_i(depth), clm_i(columns)));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    return prepare_tiles(plan, call, "transpose_f32_cpu", "-DTURN_CPU", true, 1);
}

static clm_status prepare_gpu(clm_plan *plan, const clm_call *call)
{
    return prepare_tiles(plan, call, "transpose_f32_gpu", "-DTURN_GPU", false, 8);
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K'),
                  columns = clm_dim(call, 'N');
    return clm_launch(plan, call, "transpose_f32_plain", "-DTURN_PLAIN",
                      (clm_range){{clm_round_up(groups * depth * columns, 64)}, {64}},
                      CLM_ARGS(clm_t(call->arg[W]), clm_t(call->arg[WT]), clm_i(groups),
                               clm_i(depth), clm_i(columns)));
}

static bool example(clm_example *example, int index)
{
    static const int64_t size[][3] = {{1, 1, 1},   {2, 3, 5},    {1, 17, 4},    {3, 24, 16},
                                      {5, 33, 31}, {4, 64, 128}, {16, 128, 64}, {1, 211, 97}};
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const int64_t *s = size[index];
    clm_example_normal(example, W, 1, CLM_DIMS(s[0], s[1], s[2]));
    clm_example_out(example, WT, CLM_DIMS(s[0], s[2], s[1]));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "w", 1, CLM_DIMS(w->experts, w->width, w->inner));
    clm_tensor *y = clm_transpose(tape, x);
    if (y) clm_keep(tape, y);
}

static const clm_op transpose = {
    .name = "transpose",
    .about = "swaps the last two dimensions",
    .source = &clm_source_transpose,
    .operand = {{"w", CLM_IN, CLM_REAL, "G K N", false, NULL},
                {"wt", CLM_OUT, CLM_REAL, "G N K", false, NULL}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"TILE", 32, {16, 32, 64}, NULL}},
                 .prepare = prepare_cpu},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"TILE", 16, {16, 32}, NULL}},
                 .prepare = prepare_gpu},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 0,
    .wrong = 0,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_transpose[] = {&transpose, NULL};
