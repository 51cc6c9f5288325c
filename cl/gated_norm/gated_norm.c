#include "cl/gated_norm/internal.h"
#include "nn/workload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const clm_op gated_norm, gated_norm_evaluate;

static const double epsilon = 1e-5, momentum = 0.1;

/* --- examples --- */

static const struct {
    int64_t n, d;
    int32_t live, first, experts, all, k; /* of `all` experts v has some; k 0: all, in order */
    double scale;
} list[] = {
    {1, 1, 1, 0, 1, 1, 1, 1},           {5, 4, 4, 0, 2, 2, 0, 0.5},
    {7, 24, 5, 0, 4, 4, 2, 1},          {33, 17, 33, 2, 3, 5, 2, 0.25},
    {40, 5, 0, 0, 4, 4, 1, 1},          {257, 64, 251, 0, 8, 8, 4, 1},
    {999, 150, 731, 0, 8, 8, 4, 0.125}, {500, 37, 499, 4, 4, 8, 1, 1},
};
enum { EXAMPLE_COUNT = sizeof list / sizeof *list };

bool clm_gated_norm_example(clm_example *e, int index)
{
    if (index >= EXAMPLE_COUNT) return false;
    const int64_t n = list[index].n, columns = list[index].experts * list[index].d;
    const int32_t all = list[index].all, k = list[index].k ? list[index].k : all;
    clm_call *call = clm_example_call(e);
    call->attribute[SCALE] = list[index].scale;
    call->attribute[FIRST] = list[index].first;
    call->attribute[EXPERTS] = list[index].experts;
    clm_norm_example_rows(e, V, 1, n, columns);
    clm_example_normal(e, W, 1, CLM_DIMS(columns));
    clm_example_normal(e, B, 1, CLM_DIMS(columns));
    clm_example_normal(e, GATE, 1, CLM_DIMS(n, k));
    int32_t *topk = clm_example_memory(e, (size_t)(n * k) * sizeof *topk);
    for (int64_t i = 0; i < n * k; i++)
        topk[i] = (int32_t)(i / k * 7 + i % k + i / k / 3) % all;
    if (list[index].k) clm_example_i32(e, TOPK, topk, CLM_DIMS(n, k));
    clm_example_i32(e, LIVE, (const int32_t[]){0, list[index].live}, CLM_DIMS(2));
    return true;
}

/* --- launches --- */

void clm_gated_norm_options(const clm_call *call, bool evaluate, char text[160], const char *more)
{
    snprintf(text, 160, "-DD=%d -DEXPERTS=%d -DFIRST=%d -DK=%d -DEVALUATE=%d %s",
             (int)clm_dim(call, 'D'), (int)call->attribute[EXPERTS], (int)call->attribute[FIRST],
             (int)clm_dim(call, 'K'), evaluate, more);
}

clm_norm_launch clm_gated_norm_launch(const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return (clm_norm_launch){.columns = clm_dim(call, 'C'),
                             .groups = 1,
                             .d = clm_dim(call, 'D'),
                             .x = a[V],
                             .w = a[W],
                             .b = a[B],
                             .offsets = a[LIVE]};
}

clm_range clm_gated_norm_parts(const clm_plan *plan, const clm_call *call, bool evaluate,
                               char text[160])
{
    char norm[64];
    clm_norm_launch l = clm_gated_norm_launch(call);
    l.widest = l.d;
    const clm_range range = clm_norm_parts(plan, &l, norm);
    clm_gated_norm_options(call, evaluate, text, norm);
    return range;
}

/* Work-items (column, row). */
static clm_status launch_rows(clm_plan *plan, const clm_call *call, bool evaluate,
                              const clm_tensor *mean, const clm_tensor *rstd, const clm_tensor *y)
{
    clm_tensor *const *a = call->arg;
    char text[160];
    clm_gated_norm_options(call, evaluate, text, "");
    return clm_launch_from(
        plan, &clm_source_gated_norm, "gated_norm_f32", text,
        (clm_range){{clm_round_up(clm_dim(call, 'D'), 32), clm_round_up(clm_dim(call, 'N'), 4)},
                    {32, 4}},
        CLM_ARGS(clm_t(a[V]), clm_t(a[W]), clm_t(a[B]), clm_t(a[GATE]), clm_t(a[TOPK]),
                 clm_t(a[LIVE]), clm_t(mean), clm_t(rstd), clm_f(call->attribute[SCALE]),
                 clm_t(y)));
}

static clm_status launch_rows_cpu(clm_plan *plan, const clm_call *call, bool evaluate,
                                  const clm_norm_launch *l)
{
    clm_tensor *const *a = call->arg;
    char text[160];
    const clm_range range = clm_gated_norm_parts(plan, call, evaluate, text);
    return clm_launch_from(
        plan, &clm_source_batch_norm_cpu_gated, "gated_norm_f32_cpu", text, range,
        CLM_ARGS(clm_t(a[V]), clm_t(a[W]), clm_t(a[B]), clm_t(a[GATE]), clm_t(a[TOPK]),
                 clm_t(a[LIVE]), clm_t(l->partial), clm_t(l->mean_estimate),
                 clm_t(l->variance_estimate), clm_f(call->attribute[SCALE]), clm_t(l->y),
                 clm_t(l->mean), clm_t(l->rstd)));
}

/* --- forward --- */

static clm_norm_launch statistics_of(const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_norm_launch l = clm_gated_norm_launch(call);
    l.mean_estimate = a[MEAN_ESTIMATE];
    l.variance_estimate = a[VARIANCE_ESTIMATE];
    l.mean = a[MEAN];
    l.rstd = a[RSTD];
    l.partial = a[PARTIAL];
    return l;
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const clm_norm_launch l = statistics_of(call); /* y null: the statistics alone */
    CLM_TRY(clm_launch_norm(plan, &l));
    return launch_rows(plan, call, false, l.mean, l.rstd, call->arg[Y]);
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_norm_launch l = statistics_of(call);
    l.y = call->arg[Y];
    CLM_TRY(clm_launch_norm_sums(plan, &l));
    return launch_rows_cpu(plan, call, false, &l);
}

int64_t clm_gated_norm_expert(const clm_call *call, int64_t n, int64_t j)
{
    const int32_t *topk = clm_i32(call, TOPK);
    if (!topk) return j;
    const int64_t e = topk[n * clm_dim(call, 'K') + j] - (int64_t)call->attribute[FIRST];
    return e < (int64_t)call->attribute[EXPERTS] ? e : -1;
}

static void reference_rows(const clm_call *call, const double *mean, const double *rstd, double *y)
{
    const int64_t d = clm_dim(call, 'D'), k = clm_dim(call, 'K'), columns = clm_dim(call, 'C');
    for (int64_t n = 0; n < clm_i32(call, LIVE)[1]; n++)
        for (int64_t c = 0; c < d; c++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++) {
                const int64_t e = clm_gated_norm_expert(call, n, j), at = e * d + c;
                if (e < 0) continue;
                sum += clm_f64(call, GATE)[n * k + j] *
                       ((clm_f64(call, V)[n * columns + at] - mean[at]) * rstd[at] *
                            clm_f64(call, W)[at] +
                        clm_f64(call, B)[at]);
            }
            y[n * d + c] = call->attribute[SCALE] * sum;
        }
}

static void reference(const clm_call *call)
{
    const int64_t columns = clm_dim(call, 'C'), rows = clm_i32(call, LIVE)[1];
    for (int64_t c = 0; c < columns; c++) {
        double m = 0, v = 0, *mean = clm_f64(call, MEAN_ESTIMATE) + c,
               *variance = clm_f64(call, VARIANCE_ESTIMATE) + c;
        for (int64_t n = 0; n < rows; n++)
            m += clm_f64(call, V)[n * columns + c] / (double)rows;
        for (int64_t n = 0; n < rows; n++)
            v += pow(clm_f64(call, V)[n * columns + c] - m, 2) / (double)rows;
        clm_f64(call, MEAN)[c] = m;
        clm_f64(call, RSTD)[c] = rows > 0 ? 1 / sqrt(v + epsilon) : 0;
        if (rows > 0) *mean += momentum * (m - *mean);
        if (rows > 1) *variance += momentum * (v * (double)rows / (double)(rows - 1) - *variance);
    }
    reference_rows(call, clm_f64(call, MEAN), clm_f64(call, RSTD), clm_f64(call, Y));
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D'), columns = (double)clm_dim(call, 'C');
    return (clm_cost){4 * n * columns + 5 * n * k * d,
                      n * (columns + d) * clm_real_bytes(call) + 4 * (2 * n * k + 8 * columns)};
}

static bool example(clm_example *e, int index)
{
    if (!clm_gated_norm_example(e, index)) return false;
    const int64_t columns = list[index].experts * list[index].d;
    clm_example_normal(e, MEAN_ESTIMATE, 1, CLM_DIMS(columns));
    clm_norm_example_spread(e, VARIANCE_ESTIMATE, columns);
    clm_example_out(e, Y, CLM_DIMS(list[index].n, list[index].d));
    clm_example_out(e, MEAN, CLM_DIMS(columns));
    clm_example_out(e, RSTD, CLM_DIMS(columns));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_norm_partial(1), columns));
    return true;
}

/* --- evaluation --- */

enum { RUNNING_MEAN = OWN, RUNNING_VARIANCE, EVALUATED };

static clm_status prepare_evaluate(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return launch_rows(plan, call, true, a[RUNNING_MEAN], a[RUNNING_VARIANCE], a[EVALUATED]);
}

static clm_status prepare_evaluate_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const clm_norm_launch l = {.mean_estimate = a[RUNNING_MEAN],
                               .variance_estimate = a[RUNNING_VARIANCE],
                               .y = a[EVALUATED]};
    return launch_rows_cpu(plan, call, true, &l);
}

static void reference_evaluate(const clm_call *call)
{
    clm_scope scope = {0};
    const int64_t columns = clm_dim(call, 'C');
    double *rstd = clm_alloc_array(&scope, (size_t)columns, sizeof *rstd);
    for (int64_t c = 0; c < columns; c++)
        rstd[c] = 1 / sqrt(clm_f64(call, RUNNING_VARIANCE)[c] + epsilon);
    reference_rows(call, clm_f64(call, RUNNING_MEAN), rstd, clm_f64(call, EVALUATED));
    clm_scope_end(&scope);
}

static clm_cost cost_evaluate(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), k = (double)clm_dim(call, 'K'),
                 d = (double)clm_dim(call, 'D'), columns = (double)clm_dim(call, 'C');
    return (clm_cost){5 * n * k * d,
                      n * (k * d + d) * clm_real_bytes(call) + 4 * (2 * n * k + 4 * columns)};
}

static bool example_evaluate(clm_example *e, int index)
{
    if (!clm_gated_norm_example(e, index)) return false;
    const int64_t columns = list[index].experts * list[index].d;
    clm_example_normal(e, RUNNING_MEAN, 0.5, CLM_DIMS(columns));
    clm_norm_example_spread(e, RUNNING_VARIANCE, columns);
    clm_example_out(e, EVALUATED, CLM_DIMS(list[index].n, list[index].d));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    if (!clm_tape_parameters(tape)) return;
    const clm_norm norm = clm_norm_new(tape, "norm", w->experts, w->width);
    clm_tensor *v = clm_bench_rows(tape, "v", 1, CLM_DIMS(w->nodes, w->experts * w->width));
    clm_tensor *y =
        clm_gated_norm(tape, v, 0, w->experts, &norm, clm_bench_gates(tape, w),
                       clm_bench_keys(tape, w), clm_bench_segments(tape, "rows", 1, w->nodes), 1);
    if (y) clm_keep(tape, y);
}

static const clm_op gated_norm = {
    .name = "gated_norm",
    .about = "sum of a node's batch-normed experts by its gates",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_gated_norm,
    .operand = {CLM_GATED_NORM_OPERANDS,
                {"mean_estimate", CLM_INOUT, CLM_F32, "P", false, NULL},
                {"variance_estimate", CLM_INOUT, CLM_F32, "P", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, NULL},
                {"mean", CLM_OUT, CLM_F32, "P", false, NULL},
                {"rstd", CLM_OUT, CLM_F32, "P", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q C", false, NULL}},
    .attribute = {"scale", "first", "experts"},
    .variant = CLM_NORM_VARIANTS(prepare_cpu, prepare),
    .grad = clm_gated_norm_grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op gated_norm_evaluate = {
    .name = "gated_norm_evaluate",
    .about = "gated_norm by the running statistics",
    .paper = "Wang et al. 2023, eq. 2",
    .source = &clm_source_gated_norm,
    .operand = {CLM_GATED_NORM_OPERANDS,
                {"mean", CLM_IN, CLM_F32, "P", false, NULL},
                {"variance", CLM_IN, CLM_F32, "P", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"scale", "first", "experts"},
    .variant = CLM_NORM_VARIANTS(prepare_evaluate_cpu, prepare_evaluate),
    .reference = reference_evaluate,
    .cost = cost_evaluate,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_evaluate,
};

const clm_op *const clm_ops_gated_norm[] = {&gated_norm, &clm_op_gated_norm_backward,
                                            &gated_norm_evaluate, NULL};

clm_tensor *clm_gated_norm(clm_tape *tape, clm_tensor *v, int64_t first, int64_t experts,
                           const clm_norm *norm, clm_tensor *gate, clm_tensor *topk,
                           clm_tensor *live, double scale)
{
    if (!v || !gate || !live || !norm->w) return NULL;
    const int64_t columns = v->dim[1];
    const bool training = clm_tape_training(tape);
    clm_tensor *y =
        clm_activation(tape, "gated_norm", v->type, CLM_DIMS(v->dim[0], columns / experts));
    clm_call call = {.op = training ? &gated_norm : &gated_norm_evaluate,
                     .arg = {v, norm->w, norm->b, gate, topk, live, norm->mean, norm->variance, y},
                     .attribute = {scale, (double)first, (double)experts}};
    if (training) {
        call.arg[MEAN] = clm_activation(tape, "mean", CLM_F32, CLM_DIMS(columns));
        call.arg[RSTD] = clm_activation(tape, "rstd", CLM_F32, CLM_DIMS(columns));
        call.arg[PARTIAL] = clm_activation(tape, "gated_norm sums", CLM_F32,
                                           CLM_DIMS(clm_norm_partial(1), columns));
    }
    clm_record(tape, &call);
    return y;
}
