#include "cl/label_loss/label_loss.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>

extern const clm_source clm_source_label_loss;
static const clm_op bce_loss, bce_loss_backward, mse_loss, mse_loss_backward;

enum { JOB = 1024 }; /* elements that are worth a job */

static const struct {
    int64_t elements;
    int labelled; /* of ten */
} sizes[] = {{1, 10}, {13, 7}, {64, 10}, {5, 0}, {1021, 10}, {4097, 5}, {20000, 1}, {300000, 10}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static bool squared(const clm_call *call)
{
    return call->op == &mse_loss || call->op == &mse_loss_backward;
}

static const char *option(const clm_call *call) { return squared(call) ? "-DSQUARED=1" : ""; }

/* --- forward --- */

enum { SCORE, LABEL, LOSS, COUNTED, PARTIAL };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'P'), jobs = clm_dim(call, 'Q');
    const int lanes = clm_tune(plan, "LANES");
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_launch(plan, call, "label_loss_f32", option(call), clm_lanes_range(jobs, lanes, 1),
                       CLM_ARGS(clm_t(x[SCORE]), clm_t(x[LABEL]), clm_i(n),
                                clm_i((n + jobs - 1) / jobs), clm_t(x[PARTIAL]))));
    return clm_launch(plan, call, "label_loss_sum_f32", option(call), clm_lanes_range(1, lanes, 1),
                      CLM_ARGS(clm_t(x[PARTIAL]), clm_i(jobs), clm_t(x[LOSS]), clm_t(x[COUNTED])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'P');
    const double *s = clm_f64(call, SCORE), *y = clm_f64(call, LABEL);
    double sum = 0, counted = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(y[i])) continue;
        sum += squared(call) ? (s[i] - y[i]) * (s[i] - y[i])
                             : fmax(s[i], 0) - s[i] * y[i] + log1p(exp(-fabs(s[i])));
        counted++;
    }
    clm_f64(call, LOSS)[0] = counted > 0 ? sum / counted : 0;
    clm_f64(call, COUNTED)[0] = counted;
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'P');
    return (clm_cost){
        .flops = (squared(call) ? 3 : 7) * n, .exps = squared(call) ? 0 : n, .bytes = 8 * n + 8};
}

static int64_t inputs(clm_example *e, int index)
{
    const int64_t n = sizes[index].elements;
    float *label = clm_example_memory(e, (size_t)n * sizeof *label);
    for (int64_t i = 0; i < n; i++) {
        const bool labelled = clm_example_random(e, 10) < sizes[index].labelled;
        const float of = squared(clm_example_call(e)) ? (float)clm_example_random(e, 1000) / 100 - 5
                                                      : (float)clm_example_random(e, 2);
        label[i] = labelled ? of : NAN;
    }
    clm_example_normal(e, SCORE, 4, CLM_DIMS(n));
    clm_example_f32(e, LABEL, label, CLM_DIMS(n));
    return n;
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = inputs(e, index);
    clm_example_out(e, LOSS, CLM_DIMS(1));
    clm_example_out(e, COUNTED, CLM_DIMS(1));
    clm_example_out(e, PARTIAL, CLM_DIMS(2, clm_jobs(n, JOB)));
    return true;
}

/* --- backward --- */

enum { DLOSS = 2, BACK_COUNTED, DSCORE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *score = call->arg[SCORE];
    if (!clm_needs_gradient(tape, score)) return;
    clm_call back = {.op = squared(call) ? &mse_loss_backward : &bce_loss_backward,
                     .arg = {score, call->arg[LABEL]}};
    back.arg[DLOSS] = clm_gradient_of(tape, call->arg[LOSS]);
    back.arg[BACK_COUNTED] = call->arg[COUNTED];
    back.arg[DSCORE] = clm_activation(tape, "dscore", CLM_F32, score->rank, score->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, score, back.arg[DSCORE]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'P');
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "label_loss_backward_f32", option(call),
                      clm_vector_range(n, clm_tune(plan, "VEC")),
                      CLM_ARGS(clm_t(x[SCORE]), clm_t(x[LABEL]), clm_t(x[DLOSS]),
                               clm_t(x[BACK_COUNTED]), clm_i(n), clm_t(x[DSCORE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'P');
    const double *s = clm_f64(call, SCORE), *y = clm_f64(call, LABEL);
    const double scale = clm_f64(call, DLOSS)[0] / fmax(clm_f64(call, BACK_COUNTED)[0], 1);
    for (int64_t i = 0; i < n; i++)
        clm_f64(call, DSCORE)[i] = isnan(y[i])     ? 0
                                   : squared(call) ? scale * 2 * (s[i] - y[i])
                                                   : scale * (1 / (1 + exp(-s[i])) - y[i]);
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'P');
    return (clm_cost){
        .flops = (squared(call) ? 2 : 5) * n, .exps = squared(call) ? 0 : n, .bytes = 12 * n + 8};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = inputs(e, index);
    const float counted = (float)(n * sizes[index].labelled / 10);
    clm_example_normal(e, DLOSS, 1, CLM_DIMS(1));
    clm_example_f32(e, BACK_COUNTED, &counted, CLM_DIMS(1));
    clm_example_out(e, DSCORE, CLM_DIMS(n));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w,
                  clm_tensor *(*loss_of)(clm_tape *, clm_tensor *, clm_tensor *))
{
    clm_tensor *score = clm_bench_normal(tape, "score", 1, CLM_DIMS(w->nodes));
    clm_tensor *label = clm_bench_constant(tape, "label", CLM_F32, 0, CLM_DIMS(w->nodes));
    clm_tensor *loss = loss_of(tape, score, label);
    if (loss) clm_keep(tape, loss);
}

static void bench_bce(clm_tape *tape, const clm_workload *w) { bench(tape, w, clm_bce_loss); }
static void bench_mse(clm_tape *tape, const clm_workload *w) { bench(tape, w, clm_mse_loss); }

/* clang-format off */
#define FORWARD                                                                                    \
    .source = &clm_source_label_loss,                                                              \
    .operand = {{"score", CLM_IN, CLM_F32, "P", false, NULL},                                      \
                {"label", CLM_IN, CLM_F32, "P", false, NULL},                                      \
                {"loss", CLM_OUT, CLM_F32, "1", false, NULL},                                      \
                {"counted", CLM_OUT, CLM_F32, "1", false, NULL},                                   \
                {"partial", CLM_SCRATCH, CLM_F32, "2 Q", false, NULL}},                            \
    .variant = CLM_LANES_VARIANTS(prepare), .grad = grad, .reference = reference, .cost = cost,    \
    .suspect = 5e-7, .wrong = 2e-6, .example = example

#define BACKWARD                                                                                   \
    .source = &clm_source_label_loss,                                                              \
    .operand = {{"score", CLM_IN, CLM_F32, "P", false, NULL},                                      \
                {"label", CLM_IN, CLM_F32, "P", false, NULL},                                      \
                {"dloss", CLM_IN, CLM_F32, "1", false, NULL},                                      \
                {"counted", CLM_IN, CLM_F32, "1", false, NULL},                                    \
                {"dscore", CLM_OUT, CLM_F32, "P", false, "score"}},                                \
    .variant = CLM_VECTOR_VARIANTS(prepare_backward), .reference = reference_backward,             \
    .cost = cost_backward, .suspect = 5e-7, .wrong = 2e-6, .example = example_backward
/* clang-format on */

static const clm_op bce_loss = {
    .name = "bce_loss",
    .about = "mean binary cross-entropy of logits, missing labels left out",
    FORWARD,
    .bench = bench_bce,
};
static const clm_op bce_loss_backward = {
    .name = "bce_loss_backward", .about = "gradient of bce_loss", BACKWARD};

static const clm_op mse_loss = {
    .name = "mse_loss",
    .about = "mean squared error, missing labels left out",
    FORWARD,
    .bench = bench_mse,
};
static const clm_op mse_loss_backward = {
    .name = "mse_loss_backward", .about = "gradient of mse_loss", BACKWARD};

const clm_op *const clm_ops_label_loss[] = {&bce_loss, &bce_loss_backward, &mse_loss,
                                            &mse_loss_backward, NULL};

static clm_tensor *record(clm_tape *tape, const clm_op *op, clm_tensor *score, clm_tensor *label)
{
    if (!score || !label) return NULL;
    clm_call call = {.op = op, .arg = {score, label}};
    call.arg[LOSS] = clm_activation(tape, op->name, CLM_F32, CLM_DIMS(1));
    call.arg[COUNTED] = clm_activation(tape, "counted", CLM_F32, CLM_DIMS(1));
    call.arg[PARTIAL] =
        clm_activation(tape, "loss sums", CLM_F32, CLM_DIMS(2, clm_jobs(clm_elements(score), JOB)));
    clm_record(tape, &call);
    return call.arg[LOSS];
}

clm_tensor *clm_bce_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label)
{
    return record(tape, &bce_loss, score, label);
}

clm_tensor *clm_mse_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label)
{
    return record(tape, &mse_loss, score, label);
}
