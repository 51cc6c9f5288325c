#include "cl/noisy_logits/noisy_logits.h"

#include "base/philox.h"
#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>

extern const clm_source clm_source_noisy_logits;
static const clm_op noisy_logits, noisy_logits_backward;

enum { LAYER }; /* attribute */

static const struct {
    int64_t n, experts;
    bool given;
} list[] = {{1, 1, true},   {3, 4, false},    {17, 8, false},   {33, 5, true},
            {257, 8, true}, {101, 16, false}, {1021, 4, false}, {900, 8, false}};
enum { EXAMPLES = sizeof list / sizeof *list };

static double noise_of(const double *given, const int32_t *step, int32_t layer, int64_t i)
{
    if (given) return given[i];
    return clm_normal_at((uint32_t)i, (uint32_t)step[CLM_STEP_INDEX], CLM_STREAM_NOISE,
                         (uint32_t)layer, (uint32_t)step[CLM_STEP_SEED]);
}

static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

static void example_step(clm_example *e, int operand, int index)
{
    clm_example_i32(e, operand, (const int32_t[CLM_STEP_WORDS]){index, 77 * index},
                    CLM_DIMS(CLM_STEP_WORDS));
    clm_example_call(e)->attribute[LAYER] = index % 3;
}

/* Elements of a work-item: of one draw, or of eight. */
static clm_range range(const clm_plan *plan, const clm_call *call)
{
    return clm_vector_range(clm_dim(call, 'M'), clm_tune(plan, "VEC") == 16 ? 32 : 4);
}

/* --- forward --- */

enum { CLEAN, RAW, NOISE, STEP, LOGITS };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return clm_launch(plan, call, "noisy_logits_f32", "", range(plan, call),
                      CLM_ARGS(clm_t(a[CLEAN]), clm_t(a[RAW]), clm_t(a[NOISE]), clm_t(a[STEP]),
                               clm_i((int64_t)call->attribute[LAYER]), clm_i(clm_dim(call, 'M')),
                               clm_t(a[LOGITS])));
}

static void reference(const clm_call *call)
{
    for (int64_t i = 0; i < clm_dim(call, 'M'); i++)
        clm_f64(call, LOGITS)[i] =
            clm_f64(call, CLEAN)[i] + noise_of(clm_f64(call, NOISE), clm_i32(call, STEP),
                                               (int32_t)call->attribute[LAYER], i) *
                                          (softplus(clm_f64(call, RAW)[i]) + CLM_NOISE_LEAST);
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'M');
    return (clm_cost){.flops = 20 * n, .exps = n, .bytes = (call->arg[NOISE] ? 16 : 12) * n};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, experts = list[index].experts;
    clm_example_normal(e, CLEAN, 1, CLM_DIMS(n, experts));
    clm_example_normal(e, RAW, 3, CLM_DIMS(n, experts));
    if (list[index].given) clm_example_normal(e, NOISE, 1, CLM_DIMS(n, experts));
    example_step(e, STEP, index);
    clm_example_out(e, LOGITS, CLM_DIMS(n, experts));
    return true;
}

/* --- backward --- */

enum { BACK_RAW, BACK_NOISE, BACK_STEP, DLOGITS, DRAW };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg, *dlogits = clm_gradient_of(tape, a[LOGITS]);
    clm_call back = {.op = &noisy_logits_backward,
                     .arg = {a[RAW], a[NOISE], a[STEP], dlogits},
                     .attribute = {call->attribute[LAYER]}};
    back.arg[DRAW] = clm_activation(tape, "draw", CLM_F32, a[RAW]->rank, a[RAW]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, a[CLEAN], dlogits);
    clm_gradient_add(tape, a[RAW], back.arg[DRAW]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    return clm_launch(plan, call, "noisy_logits_backward_f32", "", range(plan, call),
                      CLM_ARGS(clm_t(a[BACK_RAW]), clm_t(a[BACK_NOISE]), clm_t(a[BACK_STEP]),
                               clm_t(a[DLOGITS]), clm_i((int64_t)call->attribute[LAYER]),
                               clm_i(clm_dim(call, 'M')), clm_t(a[DRAW])));
}

static void reference_backward(const clm_call *call)
{
    for (int64_t i = 0; i < clm_dim(call, 'M'); i++)
        clm_f64(call, DRAW)[i] = clm_f64(call, DLOGITS)[i] *
                                 noise_of(clm_f64(call, BACK_NOISE), clm_i32(call, BACK_STEP),
                                          (int32_t)call->attribute[LAYER], i) /
                                 (1 + exp(-clm_f64(call, BACK_RAW)[i]));
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, experts = list[index].experts;
    clm_example_normal(e, BACK_RAW, 3, CLM_DIMS(n, experts));
    if (list[index].given) clm_example_normal(e, BACK_NOISE, 1, CLM_DIMS(n, experts));
    example_step(e, BACK_STEP, index);
    clm_example_normal(e, DLOGITS, 1, CLM_DIMS(n, experts));
    clm_example_out(e, DRAW, CLM_DIMS(n, experts));
    return true;
}

/* --- the operators --- */

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'M');
    return (clm_cost){.flops = 18 * n, .exps = n, .bytes = (call->arg[BACK_NOISE] ? 16 : 12) * n};
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *clean = clm_bench_normal(tape, "clean", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *raw = clm_bench_normal(tape, "raw", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *y = clm_noisy_logits(tape, clean, raw, NULL, 0);
    if (y) clm_keep(tape, y); /* nothing is recorded where a tape is not training */
}

/* Noise is drawn for one element at a time or for sixteen. */
#define DRAWN(width)                                                                               \
    {                                                                                              \
        "VEC", width, {1, 16}, NULL                                                                \
    }

#define VARIANTS(prepare)                                                                          \
    {                                                                                              \
        {"cpu", CLM_CPU, 0, {DRAWN(16)}, NULL, prepare},                                           \
            {"gpu", CLM_GPU, 0, {DRAWN(1)}, NULL, prepare},                                        \
        {                                                                                          \
            "plain", CLM_ANY_DEVICE, 0, {DRAWN(1)}, NULL, prepare                                  \
        }                                                                                          \
    }

static const clm_op noisy_logits = {
    .name = "noisy_logits",
    .about = "logits of the gate with noise of a learnt size",
    .paper = "Shazeer et al. 2017, eq. 4",
    .source = &clm_source_noisy_logits,
    .operand = {{"clean", CLM_IN, CLM_F32, "M", false, NULL},
                {"raw", CLM_IN, CLM_F32, "M", false, NULL},
                {"noise", CLM_IN, CLM_F32, "M", true, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"logits", CLM_OUT, CLM_F32, "M", false, NULL}},
    .attribute = {"layer"},
    .variant = VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example,
    .bench = bench,
};

static const clm_op noisy_logits_backward = {
    .name = "noisy_logits_backward",
    .about = "gradient of the noise's size",
    .paper = "Shazeer et al. 2017, eq. 4",
    .source = &clm_source_noisy_logits,
    .operand = {{"raw", CLM_IN, CLM_F32, "M", false, NULL},
                {"noise", CLM_IN, CLM_F32, "M", true, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"dlogits", CLM_IN, CLM_F32, "M", false, NULL},
                {"draw", CLM_OUT, CLM_F32, "M", false, NULL}},
    .attribute = {"layer"},
    .variant = VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_noisy_logits[] = {&noisy_logits, &noisy_logits_backward, NULL};

clm_tensor *clm_noisy_logits(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *noise,
                             int layer)
{
    if (!clean || !raw) return NULL;
    if (!clm_tape_training(tape) && !noise) return clean;
    clm_tensor *logits = clm_activation(tape, "noisy logits", CLM_F32, clean->rank, clean->dim);
    clm_record(tape, &(clm_call){.op = &noisy_logits,
                                 .arg = {clean, raw, noise, clm_tape_step(tape), logits},
                                 .attribute = {layer}});
    return logits;
}
