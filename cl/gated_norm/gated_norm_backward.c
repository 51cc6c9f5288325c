/* Gradients of gated_norm. */
#include "cl/gated_norm/internal.h"

#include <string.h>

enum { DY = OWN, BACK_MEAN, BACK_RSTD, DV, DW, DB, DGATE, BACK_PARTIAL, WEIGHT };

void clm_gated_norm_grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t columns = clm_dim(call, 'C');
    clm_call back = {.op = &clm_op_gated_norm_backward,
                     .arg = {a[V], a[W], a[B], a[GATE], a[TOPK], a[LIVE],
                             clm_gradient_of(tape, a[Y]), a[MEAN], a[RSTD]}};
    memcpy(back.attribute, call->attribute, sizeof back.attribute);
    back.arg[DV] = clm_activation(tape, "dv", a[V]->type, a[V]->rank, a[V]->dim);
    back.arg[DW] = clm_activation(tape, "dscale", CLM_F32, CLM_DIMS(columns));
    back.arg[DB] = clm_activation(tape, "dshift", CLM_F32, CLM_DIMS(columns));
    back.arg[DGATE] = clm_activation(tape, "dgate", CLM_F32, a[GATE]->rank, a[GATE]->dim);
    back.arg[BACK_PARTIAL] =
        clm_activation(tape, "gated_norm sums", CLM_F32, CLM_DIMS(clm_norm_partial(1), columns));
    back.arg[WEIGHT] = clm_activation(tape, "weights", CLM_F32,
                                      CLM_DIMS(a[V]->dim[0], (int64_t)call->attribute[EXPERTS]));
    clm_record(tape, &back);
    clm_gradient_add(tape, a[V], back.arg[DV]);
    clm_gradient_add(tape, a[W], back.arg[DW]);
    clm_gradient_add(tape, a[B], back.arg[DB]);
    clm_gradient_add(tape, a[GATE], back.arg[DGATE]);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const int64_t n = clm_dim(call, 'N');
    const int lanes = clm_tune(plan, "LANES");
    char text[160];
    clm_gated_norm_options(call, false, text, "");
    CLM_TRY(clm_launch_from(
        plan, &clm_source_gated_norm, "gated_norm_backward_gate_f32", text,
        clm_lanes_range(n * (int64_t)call->attribute[EXPERTS], lanes, 1),
        CLM_ARGS(clm_t(a[V]), clm_t(a[W]), clm_t(a[B]), clm_t(a[GATE]), clm_t(a[TOPK]),
                 clm_t(a[LIVE]), clm_t(a[DY]), clm_t(a[BACK_MEAN]), clm_t(a[BACK_RSTD]),
                 clm_f(call->attribute[SCALE]), clm_i(n), clm_t(a[DGATE]), clm_t(a[WEIGHT]))));
    clm_norm_launch l = clm_gated_norm_launch(call);
    l.mean = a[BACK_MEAN];
    l.rstd = a[BACK_RSTD];
    l.dy = a[DY];
    l.weight = a[WEIGHT];
    l.dx = a[DV];
    l.dw = a[DW];
    l.db = a[DB];
    return clm_launch_norm_backward(plan, &l);
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    char text[160];
    const clm_range range = clm_gated_norm_parts(plan, call, false, text);
    CLM_TRY(clm_launch_from(
        plan, &clm_source_batch_norm_cpu_gated, "gated_norm_backward_sums_f32_cpu", text, range,
        CLM_ARGS(clm_t(a[V]), clm_t(a[W]), clm_t(a[B]), clm_t(a[GATE]), clm_t(a[TOPK]),
                 clm_t(a[LIVE]), clm_t(a[DY]), clm_t(a[BACK_MEAN]), clm_t(a[BACK_RSTD]),
                 clm_f(call->attribute[SCALE]), clm_t(a[DGATE]), clm_t(a[BACK_PARTIAL]))));
    return clm_launch_from(
        plan, &clm_source_batch_norm_cpu_gated, "gated_norm_backward_f32_cpu", text, range,
        CLM_ARGS(clm_t(a[V]), clm_t(a[W]), clm_t(a[GATE]), clm_t(a[TOPK]), clm_t(a[LIVE]),
                 clm_t(a[DY]), clm_t(a[BACK_MEAN]), clm_t(a[BACK_RSTD]), clm_t(a[BACK_PARTIAL]),
                 clm_f(call->attribute[SCALE]), clm_t(a[DV]), clm_t(a[DW]), clm_t(a[DB])));
}

/* dv holds the gradient of the normalised rows until the sums over them are known. */
static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K'), columns = clm_dim(call, 'C'),
                  rows = clm_i32(call, LIVE)[1];
    const double *v = clm_f64(call, V), *m = clm_f64(call, BACK_MEAN),
                 *r = clm_f64(call, BACK_RSTD), *w = clm_f64(call, W),
                 scale = call->attribute[SCALE];
    double *dv = clm_f64(call, DV), *dw = clm_f64(call, DW), *db = clm_f64(call, DB);
    for (int64_t i = 0; i < rows * columns; i++)
        dv[i] = 0;
    for (int64_t c = 0; c < columns; c++)
        dw[c] = db[c] = 0;
    for (int64_t i = 0; i < rows * k; i++) {
        const int64_t n = i / k, e = clm_gated_norm_expert(call, n, i % k);
        double dot = 0;
        for (int64_t c = 0; e >= 0 && c < d; c++) {
            const int64_t at = e * d + c;
            const double dy = clm_f64(call, DY)[n * d + c],
                         xhat = (v[n * columns + at] - m[at]) * r[at];
            dot += dy * (xhat * w[at] + clm_f64(call, B)[at]);
            dv[n * columns + at] = scale * clm_f64(call, GATE)[i] * dy;
            dw[at] += dv[n * columns + at] * xhat;
            db[at] += dv[n * columns + at];
        }
        clm_f64(call, DGATE)[i] = scale * dot;
    }
    for (int64_t i = 0; i < rows * columns; i++) {
        const int64_t c = i % columns;
        dv[i] = r[c] * w[c] * (dv[i] - (db[c] + (v[i] - m[c]) * r[c] * dw[c]) / (double)rows);
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D'), columns = (double)clm_dim(call, 'C');
    return (clm_cost){6 * n * columns + 9 * n * k * d,
                      n * (2 * columns + d) * clm_real_bytes(call) + 4 * (3 * n * k + 6 * columns)};
}

static bool example(clm_example *e, int index)
{
    if (!clm_gated_norm_example(e, index)) return false;
    const clm_call *call = clm_example_call(e);
    const int64_t n = call->arg[V]->dim[0], columns = call->arg[V]->dim[1],
                  experts = (int64_t)call->attribute[EXPERTS];
    clm_example_normal(e, DY, 1, CLM_DIMS(n, columns / experts));
    clm_example_normal(e, BACK_MEAN, 0.5, CLM_DIMS(columns));
    clm_norm_example_spread(e, BACK_RSTD, columns);
    clm_example_out(e, DV, CLM_DIMS(n, columns));
    clm_example_out(e, DW, CLM_DIMS(columns));
    clm_example_out(e, DB, CLM_DIMS(columns));
    clm_example_out(e, DGATE, CLM_DIMS(n, call->arg[GATE]->dim[1]));
    clm_example_out(e, BACK_PARTIAL, CLM_DIMS(clm_norm_partial(1), columns));
    clm_example_out(e, WEIGHT, CLM_DIMS(n, experts));
    return true;
}

const clm_op clm_op_gated_norm_backward = {
    .name = "gated_norm_backward",
    .about = "gradients of gated_norm",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_gated_norm,
    .operand = {CLM_GATED_NORM_OPERANDS,
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"mean", CLM_IN, CLM_F32, "P", false, NULL},
                {"rstd", CLM_IN, CLM_F32, "P", false, NULL},
                {"dv", CLM_OUT, CLM_REAL, "N C", false, NULL},
                {"dw", CLM_OUT, CLM_F32, "P", false, NULL},
                {"db", CLM_OUT, CLM_F32, "P", false, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C", false, NULL},
                {"weight", CLM_SCRATCH, CLM_F32, "N E", false, NULL}},
    .attribute = {"scale", "first", "experts"},
    .variant = CLM_NORM_VARIANTS(prepare_cpu, prepare),
    .reference = reference,
    .cost = cost,
    .suspect = 5e-6, /* of a single row dv is what two equal terms leave */
    .wrong = 1e-5,
    .example = example,
};
