#include "cl/gelu/gelu.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>

extern const clm_source clm_source_gelu;
static const clm_op gelu, gelu_backward;

/* --- forward --- */

enum { X, Y };

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X);
    double *y = clm_f64(call, Y);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++)
        y[i] = 0.5 * x[i] * erfc(-x[i] * M_SQRT1_2);
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = 4 * n, .exps = n, .bytes = 2 * n * clm_real_bytes(call)};
}

/* --- backward --- */

enum { BACK_X, DY, DX };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *x = call->arg[X];
    if (!clm_needs_gradient(tape, x)) return;
    clm_call back = {.op = &gelu_backward, .arg = {x, clm_gradient_of(tape, call->arg[Y])}};
    back.arg[DX] = clm_activation(tape, "dgelu", x->type, x->rank, x->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DX]);
}

static void reference_backward(const clm_call *call)
{
    const double *x = clm_f64(call, BACK_X), *dy = clm_f64(call, DY);
    double *dx = clm_f64(call, DX);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++) {
        const double below = 0.5 * erfc(-x[i] * M_SQRT1_2);
        const double density = exp(-0.5 * x[i] * x[i]) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
        dx[i] = dy[i] * (below + x[i] * density);
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = 7 * n, .exps = n, .bytes = 3 * n * clm_real_bytes(call)};
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_gelu(tape, x);
    if (y) clm_keep(tape, y);
}

static const clm_op gelu = {
    .name = "gelu",
    .about = "Gaussian error linear unit, exact form",
    .paper = "Hendrycks and Gimpel 2016, section 2",
    .source = &clm_source_gelu,
    .operand = {{"x", CLM_IN, CLM_REAL, "N", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, "x"}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 2e-5,
    .example = clm_elementwise_example,
    .bench = bench,
};

static const clm_op gelu_backward = {
    .name = "gelu_backward",
    .about = "gradient of gelu",
    .paper = "Hendrycks and Gimpel 2016, section 2",
    .source = &clm_source_gelu,
    .operand = {{"x", CLM_IN, CLM_REAL, "N", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N", false, NULL},
                {"dx", CLM_OUT, CLM_REAL, "N", false, "dy"}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = clm_elementwise_example,
};

const clm_op *const clm_ops_gelu[] = {&gelu, &gelu_backward, NULL};

clm_tensor *clm_gelu(clm_tape *tape, clm_tensor *x)
{
    if (!x) return NULL;
    clm_call call = {.op = &gelu, .arg = {x}};
    call.arg[Y] = clm_activation(tape, "gelu", x->type, x->rank, x->dim);
    clm_record(tape, &call);
    return call.arg[Y];
}
