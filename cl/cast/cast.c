#include "cl/cast/cast.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <string.h>

extern const clm_source clm_source_cast;
static const clm_op cast_narrow, cast_widen;

enum { X, Y };

static void reference(const clm_call *call)
{
    memcpy(clm_f64(call, Y), clm_f64(call, X), (size_t)clm_dim(call, 'N') * sizeof(double));
}

static clm_cost cost(const clm_call *call)
{
    return (clm_cost){.bytes = (double)clm_dim(call, 'N') * (4 + clm_real_bytes(call))};
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *x = call->arg[X], *dy = clm_gradient_of(tape, call->arg[Y]);
    if (clm_needs_gradient(tape, x)) clm_gradient_add(tape, x, clm_cast(tape, dy, x->type));
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_normal(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    const clm_type type = clm_tape_precision(tape) == CLM_F32 ? CLM_BF16 : clm_tape_precision(tape);
    clm_tensor *y = clm_cast(tape, clm_cast(tape, x, type), CLM_F32);
    if (y) clm_keep(tape, y);
}

static const clm_op cast_narrow = {
    .name = "cast_narrow",
    .about = "from f32 to the storage type of the precision",
    .source = &clm_source_cast,
    .operand = {{"x", CLM_IN, CLM_F32, "N", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, NULL}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 0,
    .wrong = 0,
    .example = clm_elementwise_example,
    .bench = bench,
};

static const clm_op cast_widen = {
    .name = "cast_widen",
    .about = "from the storage type of the precision to f32",
    .source = &clm_source_cast,
    .operand = {{"x", CLM_IN, CLM_REAL, "N", false, NULL},
                {"y", CLM_OUT, CLM_F32, "N", false, NULL}},
    .variant = CLM_VECTOR_VARIANTS(clm_elementwise_prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 0,
    .wrong = 0,
    .example = clm_elementwise_example,
    .bench = bench,
};

const clm_op *const clm_ops_cast[] = {&cast_narrow, &cast_widen, NULL};

clm_tensor *clm_cast(clm_tape *tape, clm_tensor *x, clm_type type)
{
    if (type == CLM_REAL) type = clm_tape_precision(tape);
    if (!x || x->type == type) return x;
    clm_call call = {.op = type == CLM_F32 ? &cast_widen : &cast_narrow, .arg = {x}};
    call.arg[Y] = clm_activation(tape, "cast", type, x->rank, x->dim);
    clm_record(tape, &call);
    return call.arg[Y];
}
