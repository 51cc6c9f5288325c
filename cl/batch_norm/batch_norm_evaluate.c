#include "cl/batch_norm/internal.h"

#include <math.h>

extern const clm_source clm_source_batch_norm;

static const double epsilon = 1e-5;
enum { RELU }; /* attribute */
enum { X, W, B, OFFSETS, MEAN, VARIANCE, Y };

static clm_status launch(clm_plan *plan, const clm_call *call, bool cpu)
{
    clm_tensor *const *a = call->arg;
    return clm_launch_norm_evaluate(plan, &(clm_norm_launch){.cpu = cpu,
                                                             .relu = call->attribute[RELU] != 0,
                                                             .columns = clm_dim(call, 'C'),
                                                             .groups = clm_dim(call, 'G'),
                                                             .x = a[X],
                                                             .w = a[W],
                                                             .b = a[B],
                                                             .offsets = a[OFFSETS],
                                                             .mean_estimate = a[MEAN],
                                                             .variance_estimate = a[VARIANCE],
                                                             .y = a[Y]});
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, false);
}
static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, true);
}

static void reference(const clm_call *call)
{
    const int64_t columns = clm_dim(call, 'C');
    const int32_t *offset = clm_i32(call, OFFSETS);
    for (int64_t g = 0; g < clm_dim(call, 'G'); g++)
        for (int64_t i = offset[g] * columns; i < offset[g + 1] * columns; i++) {
            const int64_t at = g * columns + i % columns;
            const double m = clm_f64(call, MEAN)[at],
                         r = 1 / sqrt(clm_f64(call, VARIANCE)[at] + epsilon),
                         y = (clm_f64(call, X)[i] - m) * r * clm_f64(call, W)[at] +
                             clm_f64(call, B)[at];
            clm_f64(call, Y)[i] = call->attribute[RELU] != 0 && y < 0 ? 0 : y;
        }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)(clm_dim(call, 'R') * clm_dim(call, 'C'));
    return (clm_cost){.flops = 4 * n,
                      .bytes = 2 * n * clm_real_bytes(call) + 16 * (double)clm_dim(call, 'P')};
}

static bool example(clm_example *e, int index)
{
    clm_norm_size size;
    if (!clm_norm_example(e, index, &size)) return false;
    clm_example_normal(e, MEAN, 0.5, CLM_DIMS(size.groups * size.columns));
    clm_norm_example_spread(e, VARIANCE, size.groups * size.columns);
    clm_example_out(e, Y, CLM_DIMS(size.rows, size.columns));
    return true;
}

const clm_op clm_op_batch_norm_evaluate = {
    .name = "batch_norm_evaluate",
    .about = "batch normalisation by the running statistics",
    .paper = "Ioffe and Szegedy 2015, algorithm 2",
    .source = &clm_source_batch_norm,
    .operand = {{"x", CLM_IN, CLM_REAL, "R C", false, NULL},
                {"w", CLM_IN, CLM_F32, "P", false, NULL},
                {"b", CLM_IN, CLM_F32, "P", false, NULL},
                {"offsets", CLM_IN, CLM_I32, "G+1", false, NULL},
                {"mean", CLM_IN, CLM_F32, "P", false, NULL},
                {"variance", CLM_IN, CLM_F32, "P", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "R C", false, "x"}},
    .attribute = {"relu"},
    .variant = CLM_NORM_VARIANTS(prepare_cpu, prepare),
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
};
