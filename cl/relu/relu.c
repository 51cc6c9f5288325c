#include "cl/relu/relu.h"

#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_relu;
static const clm_op relu, relu_backward;

/* --- forward --- */

enum { X, Y };

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X);
    double *y = clm_f64(call, Y);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n, .bytes = 2 * n * clm_real_bytes(call)};
}

/* --- backward --- */

enum { BACK_Y, DY, DX };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *x = call->arg[X], *y = call->arg[Y];
    if (!clm_needs_gradient(tape, x)) return;
    clm_call back = {.op = &relu_backward, .arg = {y, clm_gradient_of(tape, y)}};
    back.arg[DX] = clm_activation(tape, "drelu", x->type, x->rank, x->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DX]);
}

static void reference_backward(const clm_call *call)
{
    const double *y = clm_f64(call, BACK_Y), *dy = clm_f64(call, DY);
    double *dx = clm_f64(call, DX);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++)
        dx[i] = y[i] > 0 ? dy[i] : 0;
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n, .bytes = 3 * n * clm_real_bytes(call)};
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_relu(tape, x);
    if (y) clm_keep(tape, y);
}

static const clm_op relu = {
    .name = "relu",
    .about = "rectified linear unit",
    .paper = "Nair and Hinton 2010, section 2",
    .source = &clm_source_relu,
    .operand = {{"x", CLM_IN, CLM_REAL, "N", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, "x"}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-9,
    .wrong = 1e-8,
    .example = clm_elementwise_example,
    .bench = bench,
};

static const clm_op relu_backward = {
    .name = "relu_backward",
    .about = "gradient of relu",
    .paper = "Nair and Hinton 2010, section 2",
    .source = &clm_source_relu,
    .operand = {{"y", CLM_IN, CLM_REAL, "N", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N", false, NULL},
                {"dx", CLM_OUT, CLM_REAL, "N", false, "dy"}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-9,
    .wrong = 1e-8,
    .example = clm_elementwise_example,
};

const clm_op *const clm_ops_relu[] = {&relu, &relu_backward, NULL};

clm_tensor *clm_relu(clm_tape *tape, clm_tensor *x)
{
    if (!x) return NULL;
    clm_call call = {.op = &relu, .arg = {x}};
    call.arg[Y] = clm_activation(tape, "relu", x->type, x->rank, x->dim);
    clm_record(tape, &call);
    return call.arg[Y];
}
