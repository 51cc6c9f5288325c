#include "cl/row_normalise/row_normalise.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_row_normalise;
static const clm_op row_normalise, row_normalise_backward;

static const double epsilon = 1e-12;

static const struct {
    int64_t n, d;
} sizes[] = {{1, 1},    {3, 4},     {33, 24},  {1, 64},   {257, 32},
             {1021, 7}, {100, 150}, {65, 300}, {9001, 32}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static const char *width(const clm_call *call, char option[24])
{
    snprintf(option, 24, "-DD=%d", (int)clm_dim(call, 'D'));
    return option;
}

static clm_range rows_range(const clm_plan *plan, const clm_call *call)
{
    return clm_lanes_range(clm_dim(call, 'N'), clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS"));
}

/* Rows of very different lengths; with `zeros` every third is one of zeros. */
static float *rows_example(clm_example *e, int index, bool zeros)
{
    const int64_t n = sizes[index].n, d = sizes[index].d;
    float *x = clm_example_memory(e, (size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n * d; i++) {
        const float value = (float)(clm_example_random(e, 2001) - 1000);
        x[i] = zeros && i / d % 3 == 1 ? 0 : value / (float)(1 + i / d % 100);
    }
    return x;
}

/* --- forward --- */

enum { X, Y, FACTOR };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    char option[24];
    return clm_launch(
        plan, call, "row_normalise_f32", width(call, option), rows_range(plan, call),
        CLM_ARGS(clm_t(x[X]), clm_i(clm_dim(call, 'N')), clm_t(x[Y]), clm_t(x[FACTOR])));
}

static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    for (int64_t n = 0; n < clm_dim(call, 'N'); n++) {
        const double *x = clm_f64(call, X) + n * d;
        double sum = 0;
        for (int64_t c = 0; c < d; c++)
            sum += x[c] * x[c];
        const double factor = sum > 0 ? 1 / fmax(sqrt(sum), epsilon) : 0;
        for (int64_t c = 0; c < d; c++)
            clm_f64(call, Y)[n * d + c] = factor * x[c];
        clm_f64(call, FACTOR)[n] = factor;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 3 * n * d, .bytes = 2 * n * d * clm_real_bytes(call) + 4 * n};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, d = sizes[index].d;
    /* y jumps at zeros: only where no finite differences are taken */
    const bool zeros = index == EXAMPLES - 1;
    clm_example_f32(e, X, rows_example(e, index, zeros), CLM_DIMS(n, d));
    clm_example_out(e, Y, CLM_DIMS(n, d));
    clm_example_out(e, FACTOR, CLM_DIMS(n));
    return true;
}

/* --- backward --- */

enum { BACK_Y, BACK_FACTOR, DY, DX };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg, *dy = clm_gradient_of(tape, x[Y]);
    if (!clm_needs_gradient(tape, x[X]) || !dy) return;
    clm_call back = {.op = &row_normalise_backward, .arg = {x[Y], x[FACTOR], dy}};
    back.arg[DX] = clm_activation(tape, "dnormalised", x[X]->type, x[X]->rank, x[X]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x[X], back.arg[DX]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    char option[24];
    return clm_launch(plan, call, "row_normalise_backward_f32", width(call, option),
                      rows_range(plan, call),
                      CLM_ARGS(clm_t(x[BACK_Y]), clm_t(x[BACK_FACTOR]), clm_t(x[DY]),
                               clm_i(clm_dim(call, 'N')), clm_t(x[DX])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    for (int64_t n = 0; n < clm_dim(call, 'N'); n++) {
        const double *y = clm_f64(call, BACK_Y) + n * d, *dy = clm_f64(call, DY) + n * d;
        const double factor = clm_f64(call, BACK_FACTOR)[n];
        double dot = 0;
        for (int64_t c = 0; c < d && factor < 1 / epsilon; c++)
            dot += y[c] * dy[c];
        for (int64_t c = 0; c < d; c++)
            clm_f64(call, DX)[n * d + c] = factor * (dy[c] - dot * y[c]);
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 5 * n * d, .bytes = 3 * n * d * clm_real_bytes(call) + 4 * n};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, d = sizes[index].d;
    float *y = rows_example(e, index, true),
          *factor = clm_example_memory(e, (size_t)n * sizeof *factor);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t c = 0; c < d; c++)
            sum += (double)y[i * d + c] * y[i * d + c];
        factor[i] = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
        for (int64_t c = 0; c < d; c++)
            y[i * d + c] *= factor[i];
    }
    clm_example_f32(e, BACK_Y, y, CLM_DIMS(n, d));
    clm_example_f32(e, BACK_FACTOR, factor, CLM_DIMS(n));
    clm_example_normal(e, DY, 1, CLM_DIMS(n, d));
    clm_example_out(e, DX, CLM_DIMS(n, d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_row_normalise(tape, x);
    if (y) clm_keep(tape, y);
}

static const clm_op row_normalise = {
    .name = "row_normalise",
    .about = "rows scaled to Euclidean length 1",
    .source = &clm_source_row_normalise,
    .operand = {{"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, "x"},
                {"factor", CLM_OUT, CLM_F32, "N", false, NULL}},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

static const clm_op row_normalise_backward = {
    .name = "row_normalise_backward",
    .about = "gradient of row_normalise",
    .source = &clm_source_row_normalise,
    .operand = {{"y", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"factor", CLM_IN, CLM_F32, "N", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"dx", CLM_OUT, CLM_REAL, "N D", false, "dy"}},
    .variant = CLM_ROW_VARIANTS(prepare_backward, 32),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_row_normalise[] = {&row_normalise, &row_normalise_backward, NULL};

clm_tensor *clm_row_normalise(clm_tape *tape, clm_tensor *x)
{
    if (!x) return NULL;
    clm_call call = {.op = &row_normalise, .arg = {x}};
    call.arg[Y] = clm_activation(tape, "row_normalise", x->type, x->rank, x->dim);
    call.arg[FACTOR] = clm_activation(tape, "row factor", CLM_F32, CLM_DIMS(x->dim[0]));
    clm_record(tape, &call);
    return call.arg[Y];
}
