#include "cl/batch_norm/batch_norm.h"

#include "base/text.h"
#include "cl/batch_norm/internal.h"
#include "nn/workload.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_batch_norm;
static const clm_op batch_norm, batch_norm_backward;

static const double epsilon = 1e-5, momentum = 0.1;
enum { RELU }; /* attribute */

/* --- examples --- */

/* Groups are of unequal sizes, the second of several has no rows. */
static const clm_norm_size list[] = {
    {1, 1, 1, 1, false, 0},    {3, 4, 3, 1, true, 1},        {7, 24, 5, 2, false, 0},
    {33, 65, 33, 3, true, 0},  {257, 64, 251, 1, true, 0},   {1021, 17, 1021, 5, false, 100},
    {40, 150, 0, 2, false, 0}, {1000, 300, 731, 8, true, 0}, {1000, 1200, 877, 1, false, 10},
};

void clm_norm_example_rows(clm_example *e, int operand, float mean, int64_t rows, int64_t columns)
{
    float *x = clm_example_memory(e, (size_t)(rows * columns) * sizeof *x);
    for (int64_t i = 0; i < rows * columns; i++) {
        float sum = mean - 6; /* of twelve uniform numbers: variance 1 */
        for (int j = 0; j < 12; j++)
            sum += (float)clm_example_random(e, 1000) / 1000;
        x[i] = sum;
    }
    clm_example_f32(e, operand, x, CLM_DIMS(rows, columns));
}

void clm_norm_example_spread(clm_example *e, int operand, int64_t n)
{
    float *value = clm_example_memory(e, (size_t)n * sizeof *value);
    for (int64_t i = 0; i < n; i++)
        value[i] = (float)(20 + clm_example_random(e, 100)) / 70;
    clm_example_f32(e, operand, value, CLM_DIMS(n));
}

bool clm_norm_example(clm_example *e, int index, clm_norm_size *size)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    *size = list[index];
    const int32_t groups = size->groups;
    const int64_t parameters = groups * size->columns;
    int32_t *offset = clm_example_memory(e, (size_t)(groups + 1) * sizeof *offset);
    for (int32_t g = 0; g <= groups; g++)
        offset[g] = (int32_t)((int64_t)size->live * g * g / ((int64_t)groups * groups));
    if (groups > 1) offset[1] = offset[2];
    clm_example_call(e)->attribute[0] = size->relu;
    clm_norm_example_rows(e, 0, size->mean, size->rows, size->columns);
    clm_example_normal(e, 1, 1, CLM_DIMS(parameters));
    clm_example_normal(e, 2, 1, CLM_DIMS(parameters));
    clm_example_i32(e, 3, offset, CLM_DIMS(groups + 1));
    return true;
}

static clm_tensor *partial(clm_tape *tape, const clm_tensor *offsets, const clm_tensor *x)
{
    return clm_activation(tape, "batch_norm sums", CLM_F32,
                          CLM_DIMS(clm_norm_partial(clm_elements(offsets) - 1), x->dim[1]));
}

/* --- forward --- */

enum { X, W, B, OFFSETS, MEAN_ESTIMATE, VARIANCE_ESTIMATE, Y, MEAN, RSTD, PARTIAL };

static clm_status launch(clm_plan *plan, const clm_call *call, bool cpu)
{
    clm_tensor *const *a = call->arg;
    return clm_launch_norm(plan, &(clm_norm_launch){.cpu = cpu,
                                                    .relu = call->attribute[RELU] != 0,
                                                    .columns = clm_dim(call, 'C'),
                                                    .groups = clm_dim(call, 'G'),
                                                    .x = a[X],
                                                    .w = a[W],
                                                    .b = a[B],
                                                    .offsets = a[OFFSETS],
                                                    .mean_estimate = a[MEAN_ESTIMATE],
                                                    .variance_estimate = a[VARIANCE_ESTIMATE],
                                                    .y = a[Y],
                                                    .mean = a[MEAN],
                                                    .rstd = a[RSTD],
                                                    .partial = a[PARTIAL]});
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, false);
}
static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, true);
}

/* Mean and biased variance of column c over rows first ... end - 1. */
static void moments(const double *x, int64_t columns, int64_t c, int64_t first, int64_t end,
                    double *mean, double *variance)
{
    *mean = *variance = 0;
    for (int64_t i = first; i < end; i++)
        *mean += x[i * columns + c] / (double)(end - first);
    for (int64_t i = first; i < end; i++)
        *variance += pow(x[i * columns + c] - *mean, 2) / (double)(end - first);
}

static void reference(const clm_call *call)
{
    const int64_t columns = clm_dim(call, 'C');
    const int32_t *offset = clm_i32(call, OFFSETS);
    const double *x = clm_f64(call, X);
    for (int64_t g = 0; g < clm_dim(call, 'G'); g++)
        for (int64_t c = 0; c < columns; c++) {
            const int64_t at = g * columns + c;
            const double rows = offset[g + 1] - offset[g];
            double m, v, *mean = clm_f64(call, MEAN_ESTIMATE) + at,
                         *variance = clm_f64(call, VARIANCE_ESTIMATE) + at;
            moments(x, columns, c, offset[g], offset[g + 1], &m, &v);
            clm_f64(call, MEAN)[at] = m;
            const double r = clm_f64(call, RSTD)[at] = rows > 0 ? 1 / sqrt(v + epsilon) : 0;
            for (int64_t i = offset[g] * columns + c; i < offset[g + 1] * columns; i += columns) {
                const double y = (x[i] - m) * r * clm_f64(call, W)[at] + clm_f64(call, B)[at];
                clm_f64(call, Y)[i] = call->attribute[RELU] != 0 && y < 0 ? 0 : y;
            }
            if (rows > 0) *mean += momentum * (m - *mean);
            if (rows > 1) *variance += momentum * (v * rows / (rows - 1) - *variance);
        }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)(clm_dim(call, 'R') * clm_dim(call, 'C'));
    return (clm_cost){.flops = 9 * n,
                      .bytes = 2 * n * clm_real_bytes(call) + 32 * (double)clm_dim(call, 'P')};
}

static bool example(clm_example *e, int index)
{
    clm_norm_size size;
    if (!clm_norm_example(e, index, &size)) return false;
    const int64_t parameters = size.groups * size.columns;
    clm_example_normal(e, MEAN_ESTIMATE, 1, CLM_DIMS(parameters));
    clm_norm_example_spread(e, VARIANCE_ESTIMATE, parameters);
    clm_example_out(e, Y, CLM_DIMS(size.rows, size.columns));
    clm_example_out(e, MEAN, CLM_DIMS(parameters));
    clm_example_out(e, RSTD, CLM_DIMS(parameters));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_norm_partial(size.groups), size.columns));
    return true;
}

/* --- backward --- */

enum { DY = 4, BACK_MEAN, BACK_RSTD, DX, DW, DB, BACK_PARTIAL };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg, *x = a[X];
    const int64_t parameters = clm_elements(a[MEAN]);
    clm_call back = {
        .op = &batch_norm_backward,
        .arg = {x, a[W], a[B], a[OFFSETS], clm_gradient_of(tape, a[Y]), a[MEAN], a[RSTD]},
        .attribute = {call->attribute[RELU]}};
    back.arg[DX] = clm_activation(tape, "dbatch_norm", x->type, x->rank, x->dim);
    back.arg[DW] = clm_activation(tape, "dscale", CLM_F32, CLM_DIMS(parameters));
    back.arg[DB] = clm_activation(tape, "dshift", CLM_F32, CLM_DIMS(parameters));
    back.arg[BACK_PARTIAL] = partial(tape, a[OFFSETS], x);
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DX]);
    clm_gradient_add(tape, a[W], back.arg[DW]);
    clm_gradient_add(tape, a[B], back.arg[DB]);
}

static clm_status launch_backward(clm_plan *plan, const clm_call *call, bool cpu)
{
    clm_tensor *const *a = call->arg;
    return clm_launch_norm_backward(plan, &(clm_norm_launch){.cpu = cpu,
                                                             .relu = call->attribute[RELU] != 0,
                                                             .columns = clm_dim(call, 'C'),
                                                             .groups = clm_dim(call, 'G'),
                                                             .x = a[X],
                                                             .w = a[W],
                                                             .b = a[B],
                                                             .offsets = a[OFFSETS],
                                                             .dy = a[DY],
                                                             .mean = a[BACK_MEAN],
                                                             .rstd = a[BACK_RSTD],
                                                             .dx = a[DX],
                                                             .dw = a[DW],
                                                             .db = a[DB],
                                                             .partial = a[BACK_PARTIAL]});
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    return launch_backward(plan, call, false);
}
static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    return launch_backward(plan, call, true);
}

static void reference_backward(const clm_call *call)
{
    const int64_t columns = clm_dim(call, 'C');
    const int32_t *offset = clm_i32(call, OFFSETS);
    const double *x = clm_f64(call, X), *dy = clm_f64(call, DY);
    const bool relu = call->attribute[RELU] != 0;
    for (int64_t g = 0; g < clm_dim(call, 'G'); g++)
        for (int64_t c = 0; c < columns; c++) {
            const int64_t at = g * columns + c, end = offset[g + 1] * columns;
            const double rows = offset[g + 1] - offset[g], m = clm_f64(call, BACK_MEAN)[at],
                         r = clm_f64(call, BACK_RSTD)[at], w = clm_f64(call, W)[at],
                         b = clm_f64(call, B)[at];
            double sum = 0, sum_x = 0;
            for (int pass = 0; pass < 2; pass++)
                for (int64_t i = offset[g] * columns + c; i < end; i += columns) {
                    const double xhat = (x[i] - m) * r, d = relu && xhat * w + b <= 0 ? 0 : dy[i];
                    sum += pass ? 0 : d;
                    sum_x += pass ? 0 : d * xhat;
                    if (pass) clm_f64(call, DX)[i] = r * w * (d - (sum + xhat * sum_x) / rows);
                }
            clm_f64(call, DW)[at] = sum_x;
            clm_f64(call, DB)[at] = sum;
        }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)(clm_dim(call, 'R') * clm_dim(call, 'C'));
    return (clm_cost){.flops = 13 * n,
                      .bytes = 3 * n * clm_real_bytes(call) + 24 * (double)clm_dim(call, 'P')};
}

static bool example_backward(clm_example *e, int index)
{
    clm_norm_size size;
    if (!clm_norm_example(e, index, &size)) return false;
    const int64_t parameters = size.groups * size.columns;
    clm_example_normal(e, DY, 1, CLM_DIMS(size.rows, size.columns));
    clm_example_normal(e, BACK_MEAN, 0.5, CLM_DIMS(parameters));
    clm_norm_example_spread(e, BACK_RSTD, parameters);
    clm_example_out(e, DX, CLM_DIMS(size.rows, size.columns));
    clm_example_out(e, DW, CLM_DIMS(parameters));
    clm_example_out(e, DB, CLM_DIMS(parameters));
    clm_example_out(e, BACK_PARTIAL, CLM_DIMS(clm_norm_partial(size.groups), size.columns));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    if (!clm_tape_parameters(tape)) return;
    const clm_norm norm = clm_norm_new(tape, "norm", 1, w->width);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y =
        clm_batch_norm(tape, x, clm_bench_segments(tape, "rows", 1, w->nodes), &norm, false);
    if (y) clm_keep(tape, y);
}

static const clm_op batch_norm = {
    .name = "batch_norm",
    .about = "batch normalisation with running statistics, by group of rows",
    .paper = "Ioffe and Szegedy 2015, algorithm 1",
    .source = &clm_source_batch_norm,
    .operand = {{"x", CLM_IN, CLM_REAL, "R C", false, NULL},
                {"w", CLM_IN, CLM_F32, "P", false, NULL},
                {"b", CLM_IN, CLM_F32, "P", false, NULL},
                {"offsets", CLM_IN, CLM_I32, "G+1", false, NULL},
                {"mean_estimate", CLM_INOUT, CLM_F32, "P", false, NULL},
                {"variance_estimate", CLM_INOUT, CLM_F32, "P", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "R C", false, "x"},
                {"mean", CLM_OUT, CLM_F32, "P", false, NULL},
                {"rstd", CLM_OUT, CLM_F32, "P", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C", false, NULL}},
    .attribute = {"relu"},
    .variant = CLM_NORM_VARIANTS(prepare_cpu, prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-6, /* a mean of 100 is rounded by 4e-6 */
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op batch_norm_backward = {
    .name = "batch_norm_backward",
    .about = "gradients of batch_norm",
    .paper = "Ioffe and Szegedy 2015, section 3",
    .source = &clm_source_batch_norm,
    .operand = {{"x", CLM_IN, CLM_REAL, "R C", false, NULL},
                {"w", CLM_IN, CLM_F32, "P", false, NULL},
                {"b", CLM_IN, CLM_F32, "P", false, NULL},
                {"offsets", CLM_IN, CLM_I32, "G+1", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "R C", false, NULL},
                {"mean", CLM_IN, CLM_F32, "P", false, NULL},
                {"rstd", CLM_IN, CLM_F32, "P", false, NULL},
                {"dx", CLM_OUT, CLM_REAL, "R C", false, "dy"},
                {"dw", CLM_OUT, CLM_F32, "P", false, NULL},
                {"db", CLM_OUT, CLM_F32, "P", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C", false, NULL}},
    .attribute = {"relu"},
    .variant = CLM_NORM_VARIANTS(prepare_backward_cpu, prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_batch_norm[] = {&batch_norm, &batch_norm_backward,
                                            &clm_op_batch_norm_evaluate, NULL};

clm_norm clm_norm_new(clm_tape *tape, const char *name, int64_t groups, int64_t columns)
{
    clm_parameters *p = clm_tape_parameters(tape);
    clm_scope *scope = clm_tape_scope(tape);
    const int rank = groups == 1 ? 1 : 2;
    const int64_t dim[2] = {groups == 1 ? columns : groups, columns};
    const int w = clm_parameter(p, clm_text(scope, "%s.w", name), false, CLM_INIT_CONSTANT, 1, rank,
                                dim),
              b = clm_parameter(p, clm_text(scope, "%s.b", name), false, CLM_INIT_CONSTANT, 0, rank,
                                dim),
              mean = clm_statistic(p, clm_text(scope, "%s.mean", name), 0, rank, dim),
              variance = clm_statistic(p, clm_text(scope, "%s.variance", name), 1, rank, dim);
    return (clm_norm){clm_weight(tape, w), clm_weight(tape, b), clm_weight(tape, mean),
                      clm_weight(tape, variance)};
}

clm_tensor *clm_batch_norm(clm_tape *tape, clm_tensor *x, clm_tensor *offsets, const clm_norm *norm,
                           bool relu)
{
    if (!x || !offsets || !norm->w) return NULL;
    clm_tensor *y = clm_activation(tape, "batch_norm", x->type, x->rank, x->dim);
    if (!clm_tape_training(tape)) {
        clm_record(tape,
                   &(clm_call){.op = &clm_op_batch_norm_evaluate,
                               .arg = {x, norm->w, norm->b, offsets, norm->mean, norm->variance, y},
                               .attribute = {relu}});
        return y;
    }
    const int64_t parameters = (clm_elements(offsets) - 1) * x->dim[1];
    clm_record(tape,
               &(clm_call){.op = &batch_norm,
                           .arg = {x, norm->w, norm->b, offsets, norm->mean, norm->variance, y,
                                   clm_activation(tape, "mean", CLM_F32, CLM_DIMS(parameters)),
                                   clm_activation(tape, "rstd", CLM_F32, CLM_DIMS(parameters)),
                                   partial(tape, offsets, x)},
                           .attribute = {relu}});
    return y;
}
