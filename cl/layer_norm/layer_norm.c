#include "cl/layer_norm/layer_norm.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_layer_norm;
static const clm_op layer_norm, layer_norm_backward;

enum { JOB = 32 }; /* rows that are worth a job of the backward pass */
static const double epsilon = 1e-5;

static const struct {
    int64_t n, d;
} sizes[] = {{1, 1}, {3, 4}, {33, 24}, {1, 64}, {257, 64}, {1021, 16}, {100, 150}, {9001, 128}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static void width(const clm_call *call, char option[24])
{
    snprintf(option, 24, "-DD=%d", (int)clm_dim(call, 'D'));
}

/* --- forward --- */

enum { X, W, B, Y, MEAN, RSTD };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    clm_tensor *const *x = call->arg;
    char option[24];
    width(call, option);
    return clm_launch(plan, call, "layer_norm_f32", option,
                      clm_lanes_range(n, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      CLM_ARGS(clm_t(x[X]), clm_t(x[W]), clm_t(x[B]), clm_i(n), clm_t(x[Y]),
                               clm_t(x[MEAN]), clm_t(x[RSTD])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    const double *w = clm_f64(call, W), *b = clm_f64(call, B);
    for (int64_t i = 0; i < n; i++) {
        const double *x = clm_f64(call, X) + i * d;
        double *y = clm_f64(call, Y) + i * d, mean = 0, variance = 0;
        for (int64_t c = 0; c < d; c++)
            mean += x[c] / (double)d;
        for (int64_t c = 0; c < d; c++)
            variance += (x[c] - mean) * (x[c] - mean) / (double)d;
        const double rstd = 1 / sqrt(variance + epsilon);
        for (int64_t c = 0; c < d; c++)
            y[c] = (x[c] - mean) * rstd * w[c] + b[c];
        clm_f64(call, MEAN)[i] = mean;
        clm_f64(call, RSTD)[i] = rstd;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 8 * n * d,
                      .bytes = 2 * n * d * clm_real_bytes(call) + 4 * (2 * n + 2 * d)};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, d = sizes[index].d;
    clm_example_normal(e, X, 3, CLM_DIMS(n, d));
    clm_example_normal(e, W, 1, CLM_DIMS(d));
    clm_example_normal(e, B, 1, CLM_DIMS(d));
    clm_example_out(e, Y, CLM_DIMS(n, d));
    clm_example_out(e, MEAN, CLM_DIMS(n));
    clm_example_out(e, RSTD, CLM_DIMS(n));
    return true;
}

/* --- backward --- */

enum { DY = 2, BACK_MEAN, BACK_RSTD, DX, DW, DB, PARTIAL };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *x = call->arg[X];
    const int64_t n = x->dim[0], d = x->dim[1];
    clm_call back = {.op = &layer_norm_backward, .arg = {x, call->arg[W]}};
    back.arg[DY] = clm_gradient_of(tape, call->arg[Y]);
    back.arg[BACK_MEAN] = call->arg[MEAN];
    back.arg[BACK_RSTD] = call->arg[RSTD];
    back.arg[DX] = clm_activation(tape, "dlayer_norm", x->type, CLM_DIMS(n, d));
    back.arg[DW] = clm_activation(tape, "dscale", CLM_F32, CLM_DIMS(d));
    back.arg[DB] = clm_activation(tape, "dshift", CLM_F32, CLM_DIMS(d));
    back.arg[PARTIAL] =
        clm_activation(tape, "layer_norm sums", CLM_F32, CLM_DIMS(clm_jobs(n, JOB), 2 * d));
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DX]);
    clm_gradient_add(tape, call->arg[W], back.arg[DW]);
    clm_gradient_add(tape, call->arg[B], back.arg[DB]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D'), jobs = clm_dim(call, 'Q');
    const int vec = clm_tune(plan, "VEC"), lanes = clm_tune(plan, "LANES"),
              teams = clm_tune(plan, "TEAMS");
    clm_tensor *const *x = call->arg;
    char option[24];
    width(call, option);
    CLM_TRY(clm_launch(plan, call, "layer_norm_backward_f32", option,
                       clm_lanes_range(jobs, lanes, teams),
                       CLM_ARGS(clm_t(x[X]), clm_t(x[W]), clm_t(x[DY]), clm_t(x[BACK_MEAN]),
                                clm_t(x[BACK_RSTD]), clm_i(n), clm_i((n + jobs - 1) / jobs),
                                clm_i(jobs), clm_t(x[DX]), clm_t(x[PARTIAL]))));
    return clm_launch(plan, call, "layer_norm_backward_sum_f32", option,
                      clm_lanes_range(2 * ((d + vec - 1) / vec), lanes, teams),
                      CLM_ARGS(clm_t(x[PARTIAL]), clm_i(jobs), clm_t(x[DW]), clm_t(x[DB])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    const double *w = clm_f64(call, W);
    double *dw = clm_f64(call, DW), *db = clm_f64(call, DB);
    for (int64_t c = 0; c < d; c++)
        dw[c] = db[c] = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *x = clm_f64(call, X) + i * d, *dy = clm_f64(call, DY) + i * d;
        const double mean = clm_f64(call, BACK_MEAN)[i], rstd = clm_f64(call, BACK_RSTD)[i];
        double *dx = clm_f64(call, DX) + i * d, g = 0, gx = 0;
        for (int64_t c = 0; c < d; c++) {
            const double xhat = (x[c] - mean) * rstd;
            g += dy[c] * w[c] / (double)d;
            gx += dy[c] * w[c] * xhat / (double)d;
            dw[c] += dy[c] * xhat;
            db[c] += dy[c];
        }
        for (int64_t c = 0; c < d; c++)
            dx[c] = rstd * (dy[c] * w[c] - g - (x[c] - mean) * rstd * gx);
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = 14 * n * d,
                      .bytes = 3 * n * d * clm_real_bytes(call) + 4 * (2 * n + 3 * d)};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, d = sizes[index].d;
    float *rstd = clm_example_memory(e, (size_t)n * sizeof *rstd);
    for (int64_t i = 0; i < n; i++)
        rstd[i] = (float)(1 + clm_example_random(e, 100)) * 0.02f;
    clm_example_normal(e, X, 1, CLM_DIMS(n, d));
    clm_example_normal(e, W, 1, CLM_DIMS(d));
    clm_example_normal(e, DY, 1, CLM_DIMS(n, d));
    clm_example_normal(e, BACK_MEAN, 0.5, CLM_DIMS(n));
    clm_example_f32(e, BACK_RSTD, rstd, CLM_DIMS(n));
    clm_example_out(e, DX, CLM_DIMS(n, d));
    clm_example_out(e, DW, CLM_DIMS(d));
    clm_example_out(e, DB, CLM_DIMS(d));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_jobs(n, JOB), 2 * d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_layer_norm(tape, x, clm_bench_normal(tape, "w", 1, CLM_DIMS(w->width)),
                                   clm_bench_normal(tape, "b", 1, CLM_DIMS(w->width)));
    if (y) clm_keep(tape, y);
}

static const clm_op layer_norm = {
    .name = "layer_norm",
    .about = "layer normalisation with scale and shift",
    .paper = "Ba et al. 2016, eqs. 3-4",
    .source = &clm_source_layer_norm,
    .operand = {{"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"w", CLM_IN, CLM_F32, "D", false, NULL},
                {"b", CLM_IN, CLM_F32, "D", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, "x"},
                {"mean", CLM_OUT, CLM_F32, "N", false, NULL},
                {"rstd", CLM_OUT, CLM_F32, "N", false, NULL}},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op layer_norm_backward = {
    .name = "layer_norm_backward",
    .about = "gradients of layer_norm",
    .paper = "Ba et al. 2016, eqs. 3-4",
    .source = &clm_source_layer_norm,
    .operand = {{"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"w", CLM_IN, CLM_F32, "D", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"mean", CLM_IN, CLM_F32, "N", false, NULL},
                {"rstd", CLM_IN, CLM_F32, "N", false, NULL},
                {"dx", CLM_OUT, CLM_REAL, "N D", false, "dy"},
                {"dw", CLM_OUT, CLM_F32, "D", false, NULL},
                {"db", CLM_OUT, CLM_F32, "D", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C", false, NULL}},
    .variant = CLM_ROW_VARIANTS(prepare_backward, 1),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_layer_norm[] = {&layer_norm, &layer_norm_backward, NULL};

clm_tensor *clm_layer_norm(clm_tape *tape, clm_tensor *x, clm_tensor *w, clm_tensor *b)
{
    if (!x || !w || !b) return NULL;
    clm_call call = {.op = &layer_norm, .arg = {x, w, b}};
    call.arg[Y] = clm_activation(tape, "layer_norm", x->type, x->rank, x->dim);
    call.arg[MEAN] = clm_activation(tape, "mean", CLM_F32, CLM_DIMS(x->dim[0]));
    call.arg[RSTD] = clm_activation(tape, "rstd", CLM_F32, CLM_DIMS(x->dim[0]));
    clm_record(tape, &call);
    return call.arg[Y];
}
