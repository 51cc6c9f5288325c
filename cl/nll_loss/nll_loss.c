#include "cl/nll_loss/nll_loss.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_nll_loss, clm_source_label_loss;
static const clm_op nll_loss, nll_loss_backward;

enum { JOB = 256 }; /* rows that are worth a job */

static const struct {
    int64_t rows, classes;
    int counted; /* of ten */
} sizes[] = {{1, 1, 10},  {1, 7, 10},    {13, 3, 7},   {64, 6, 10},   {5, 2, 0},
             {257, 7, 5}, {1021, 40, 9}, {2708, 7, 1}, {20000, 3, 10}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static const char *options(const clm_call *call, char text[24])
{
    snprintf(text, 24, "-DC=%d", (int)clm_dim(call, 'C'));
    return text;
}

/* --- forward --- */

enum { LOGITS, LABEL, LOSS, LSE, COUNTED, PARTIAL };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), jobs = clm_dim(call, 'Q');
    const int lanes = clm_tune(plan, "LANES");
    clm_tensor *const *x = call->arg;
    char text[24];
    CLM_TRY(clm_launch(plan, call, "nll_loss_f32", options(call, text),
                       clm_lanes_range(jobs, lanes, 1),
                       CLM_ARGS(clm_t(x[LOGITS]), clm_t(x[LABEL]), clm_i(n),
                                clm_i((n + jobs - 1) / jobs), clm_t(x[LSE]), clm_t(x[PARTIAL]))));
    return clm_launch_from(
        plan, &clm_source_label_loss, "label_loss_sum_f32", "", clm_lanes_range(1, lanes, 1),
        CLM_ARGS(clm_t(x[PARTIAL]), clm_i(jobs), clm_t(x[LOSS]), clm_t(x[COUNTED])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), classes = clm_dim(call, 'C');
    const int32_t *label = clm_i32(call, LABEL);
    double loss = 0, counted = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *x = clm_f64(call, LOGITS) + i * classes;
        double most = x[0], sum = 0;
        for (int64_t c = 1; c < classes; c++)
            most = fmax(most, x[c]);
        for (int64_t c = 0; c < classes; c++)
            sum += exp(x[c] - most);
        clm_f64(call, LSE)[i] = most + log(sum);
        if (label[i] < 0) continue;
        loss += most + log(sum) - x[label[i]];
        counted++;
    }
    clm_f64(call, LOSS)[0] = counted > 0 ? loss / counted : 0;
    clm_f64(call, COUNTED)[0] = counted;
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), c = (double)clm_dim(call, 'C');
    return (clm_cost){.flops = n * (4 * c + 2), .exps = n * c, .bytes = 4 * n * (c + 2) + 8};
}

static void inputs(clm_example *e, int index)
{
    const int64_t n = sizes[index].rows, c = sizes[index].classes;
    int32_t *label = clm_example_memory(e, (size_t)n * sizeof *label);
    for (int64_t i = 0; i < n; i++) {
        const bool counts = clm_example_random(e, 10) < sizes[index].counted;
        label[i] = counts ? clm_example_random(e, (int32_t)c) : -1;
    }
    clm_example_normal(e, LOGITS, 3, CLM_DIMS(n, c));
    clm_example_i32(e, LABEL, label, CLM_DIMS(n));
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    inputs(e, index);
    clm_example_out(e, LOSS, CLM_DIMS(1));
    clm_example_out(e, LSE, CLM_DIMS(sizes[index].rows));
    clm_example_out(e, COUNTED, CLM_DIMS(1));
    clm_example_out(e, PARTIAL, CLM_DIMS(2, clm_jobs(sizes[index].rows, JOB)));
    return true;
}

/* --- backward --- */

enum { BACK_LSE = 2, DLOSS, BACK_COUNTED, DLOGITS };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg, *dloss = clm_gradient_of(tape, x[LOSS]);
    if (!clm_needs_gradient(tape, x[LOGITS]) || !dloss) return;
    clm_call back = {.op = &nll_loss_backward,
                     .arg = {x[LOGITS], x[LABEL], x[LSE], dloss, x[COUNTED]}};
    back.arg[DLOGITS] = clm_activation(tape, "dlogits", CLM_F32, x[LOGITS]->rank, x[LOGITS]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x[LOGITS], back.arg[DLOGITS]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    clm_tensor *const *x = call->arg;
    char text[24];
    return clm_launch(plan, call, "nll_loss_backward_f32", options(call, text),
                      clm_vector_range(n, clm_tune(plan, "VEC")),
                      CLM_ARGS(clm_t(x[LOGITS]), clm_t(x[LABEL]), clm_t(x[BACK_LSE]),
                               clm_t(x[DLOSS]), clm_t(x[BACK_COUNTED]), clm_i(n),
                               clm_t(x[DLOGITS])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), classes = clm_dim(call, 'C');
    const int32_t *label = clm_i32(call, LABEL);
    const double scale = clm_f64(call, DLOSS)[0] / fmax(clm_f64(call, BACK_COUNTED)[0], 1);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < classes; c++) {
            const double p =
                exp(clm_f64(call, LOGITS)[i * classes + c] - clm_f64(call, BACK_LSE)[i]);
            clm_f64(call, DLOGITS)[i * classes + c] =
                label[i] < 0 ? 0 : scale * (p - (label[i] == c));
        }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), c = (double)clm_dim(call, 'C');
    return (clm_cost){.flops = 4 * n * c, .exps = n * c, .bytes = 4 * n * (2 * c + 2) + 8};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].rows, c = sizes[index].classes;
    const float counted = (float)(n * sizes[index].counted / 10);
    float *lse = clm_example_memory(e, (size_t)n * sizeof *lse);
    for (int64_t i = 0; i < n; i++)
        lse[i] = (float)(3 + clm_example_random(e, 100) / 10.0); /* any will do */
    inputs(e, index);
    clm_example_f32(e, BACK_LSE, lse, CLM_DIMS(n));
    clm_example_normal(e, DLOSS, 1, CLM_DIMS(1));
    clm_example_f32(e, BACK_COUNTED, &counted, CLM_DIMS(1));
    clm_example_out(e, DLOGITS, CLM_DIMS(n, c));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    /* as many classes as experts: both choose among few */
    clm_tensor *logits = clm_bench_normal(tape, "logits", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *label = clm_bench_below(tape, "label", (int32_t)w->experts, w->nodes);
    clm_tensor *loss = clm_nll_loss(tape, logits, label);
    if (loss) clm_keep(tape, loss);
}

static const clm_op nll_loss = {
    .name = "nll_loss",
    .about = "mean negative log-likelihood of classes, from logits",
    .source = &clm_source_nll_loss,
    .operand = {{"logits", CLM_IN, CLM_F32, "N C", false, NULL},
                {"label", CLM_IN, CLM_I32, "N", false, NULL},
                {"loss", CLM_OUT, CLM_F32, "1", false, NULL},
                {"lse", CLM_OUT, CLM_F32, "N", false, NULL},
                {"counted", CLM_OUT, CLM_F32, "1", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "2 Q", false, NULL}},
    .variant = CLM_LANES_VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

static const clm_op nll_loss_backward = {
    .name = "nll_loss_backward",
    .about = "gradient of nll_loss",
    .source = &clm_source_nll_loss,
    .operand = {{"logits", CLM_IN, CLM_F32, "N C", false, NULL},
                {"label", CLM_IN, CLM_I32, "N", false, NULL},
                {"lse", CLM_IN, CLM_F32, "N", false, NULL},
                {"dloss", CLM_IN, CLM_F32, "1", false, NULL},
                {"counted", CLM_IN, CLM_F32, "1", false, NULL},
                {"dlogits", CLM_OUT, CLM_F32, "N C", false, "logits"}},
    .variant = CLM_VECTOR_VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_nll_loss[] = {&nll_loss, &nll_loss_backward, NULL};

clm_tensor *clm_nll_loss(clm_tape *tape, clm_tensor *logits, clm_tensor *label)
{
    if (!logits || !label) return NULL;
    const int64_t n = logits->dim[0];
    clm_call call = {.op = &nll_loss, .arg = {logits, label}};
    call.arg[LOSS] = clm_activation(tape, "nll_loss", CLM_F32, CLM_DIMS(1));
    call.arg[LSE] = clm_activation(tape, "lse", CLM_F32, CLM_DIMS(n));
    call.arg[COUNTED] = clm_activation(tape, "counted", CLM_F32, CLM_DIMS(1));
    call.arg[PARTIAL] =
        clm_activation(tape, "nll_loss sums", CLM_F32, CLM_DIMS(2, clm_jobs(n, JOB)));
    clm_record(tape, &call);
    return call.arg[LOSS];
}
