/* Gradients of gate_balance. */
#include "cl/gate_balance/internal.h"

#include <math.h>

enum {
    DBALANCE,
    BACK_IMPORTANCE,
    BACK_LOAD,
    BACK_CLEAN,
    BACK_RAW,
    BACK_LOGITS,
    BACK_TOPK,
    BACK_LIVE,
    DGATE,
    DCLEAN,
    DRAW,
    DLOGITS
};

void clm_gate_balance_grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_call back = {.op = &clm_op_gate_balance_backward,
                     .arg = {clm_gradient_of(tape, a[BALANCE]), a[IMPORTANCE], a[LOAD], a[CLEAN],
                             a[RAW], a[LOGITS], a[TOPK], a[LIVE]}};
    if (!back.arg[DBALANCE]) return;
    back.arg[DGATE] = clm_activation(tape, "dgate", CLM_F32, a[GATE]->rank, a[GATE]->dim);
    static const struct {
        const char *name;
        int input, gradient;
    } to[] = {{"dclean", CLEAN, DCLEAN}, {"draw", RAW, DRAW}, {"dlogits", LOGITS, DLOGITS}};
    for (int i = 0; i < 3 && a[CLEAN]; i++)
        back.arg[to[i].gradient] =
            clm_activation(tape, to[i].name, CLM_F32, a[CLEAN]->rank, a[CLEAN]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, a[GATE], back.arg[DGATE]);
    for (int i = 0; i < 3 && a[CLEAN]; i++)
        clm_gradient_add(tape, a[to[i].input], back.arg[to[i].gradient]);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t lanes = (size_t)clm_tune(plan, "LANES");
    int64_t jobs, block;
    char text[64];
    clm_gate_balance_cut(plan, call, &jobs, &block);
    return clm_launch(plan, call, "gate_balance_backward_f32",
                      clm_gate_balance_option(text, call, a[BACK_CLEAN], clm_dim(call, 'E')),
                      (clm_range){{clm_round_up(jobs, lanes)}, {lanes}},
                      CLM_ARGS(clm_t(a[DBALANCE]), clm_t(a[BACK_IMPORTANCE]), clm_t(a[BACK_LOAD]),
                               clm_t(a[BACK_CLEAN]), clm_t(a[BACK_RAW]), clm_t(a[BACK_LOGITS]),
                               clm_t(a[BACK_TOPK]), clm_t(a[BACK_LIVE]), clm_i(clm_dim(call, 'N')),
                               clm_i(block), clm_t(a[DGATE]), clm_t(a[DCLEAN]), clm_t(a[DRAW]),
                               clm_t(a[DLOGITS])));
}

/* Derivative of cv2 by x[i]. */
static double cv2_slope(const double *x, int64_t n, int64_t i)
{
    double mean, variance;
    if (n == 1) return 0;
    clm_cv2(x, n, &mean, &variance);
    const double square = mean * mean + 1e-10;
    return 2 * (x[i] - mean) / ((double)(n - 1) * square) -
           2 * mean * variance / ((double)n * square * square);
}

/* Gradients of one row's probabilities. */
static void reference_row(const clm_call *call, int64_t n, int64_t experts, int64_t k)
{
    const int64_t row = n * experts;
    const double *raw = clm_f64(call, BACK_RAW) + row;
    double *dlogits = clm_f64(call, DLOGITS) + row;
    for (int64_t e = 0; e < experts; e++)
        dlogits[e] = 0;
    for (int64_t e = 0; e < experts; e++) {
        double size;
        int64_t threshold;
        const double u =
            clm_gate_margin(clm_f64(call, BACK_CLEAN) + row, raw, clm_f64(call, BACK_LOGITS) + row,
                            experts, clm_i32(call, BACK_TOPK) + n * k, k, e, &size, &threshold);
        const double slope = clm_f64(call, DBALANCE)[0] *
                             cv2_slope(clm_f64(call, BACK_LOAD), experts, e) * exp(-0.5 * u * u) *
                             0.5 * M_SQRT1_2 * M_2_SQRTPI / size;
        clm_f64(call, DCLEAN)[row + e] = slope;
        clm_f64(call, DRAW)[row + e] = -slope * u / (1 + exp(-raw[e]));
        dlogits[threshold] -= slope;
    }
}

static void reference(const clm_call *call)
{
    const int64_t experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const int32_t *live = clm_i32(call, BACK_LIVE);
    for (int64_t n = 0; n < (live ? live[1] : clm_dim(call, 'N')); n++) {
        for (int64_t j = n * k; j < (n + 1) * k; j++)
            clm_f64(call, DGATE)[j] =
                clm_f64(call, DBALANCE)[0] *
                cv2_slope(clm_f64(call, BACK_IMPORTANCE), experts, clm_i32(call, BACK_TOPK)[j]);
        if (call->arg[BACK_CLEAN]) reference_row(call, n, experts, k);
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E'),
                 k = (double)clm_dim(call, 'K');
    const bool counts = !call->arg[BACK_CLEAN];
    return (clm_cost){.flops = counts ? n * k : 30 * n * experts,
                      .exps = counts ? 0 : n * experts,
                      .bytes = 4 * n * ((counts ? 0 : 6) * experts + 2 * k)};
}

static void example_use(clm_example *e, int operand, int64_t experts)
{
    float *use = clm_example_memory(e, (size_t)experts * sizeof *use);
    for (int64_t i = 0; i < experts; i++)
        use[i] = (float)(1 + clm_example_random(e, 100));
    clm_example_f32(e, operand, use, CLM_DIMS(experts));
}

static bool example(clm_example *e, int index)
{
    clm_gate_example of;
    if (!clm_gate_balance_example(e, index, &of)) return false;
    const int64_t n = of.n, experts = of.experts;
    clm_example_normal(e, DBALANCE, 1, CLM_DIMS(1));
    example_use(e, BACK_IMPORTANCE, experts);
    example_use(e, BACK_LOAD, experts);
    clm_example_i32(e, BACK_TOPK, of.topk, CLM_DIMS(n, of.k));
    if (of.live >= 0) clm_example_i32(e, BACK_LIVE, (const int32_t[]){0, of.live}, CLM_DIMS(2));
    clm_example_out(e, DGATE, CLM_DIMS(n, of.k));
    if (of.counts) return true;
    clm_example_normal(e, BACK_CLEAN, 1, CLM_DIMS(n, experts));
    clm_example_normal(e, BACK_RAW, 1, CLM_DIMS(n, experts));
    clm_example_f32(e, BACK_LOGITS, of.logits, CLM_DIMS(n, experts));
    clm_example_out(e, DCLEAN, CLM_DIMS(n, experts));
    clm_example_out(e, DRAW, CLM_DIMS(n, experts));
    clm_example_out(e, DLOGITS, CLM_DIMS(n, experts));
    return true;
}

const clm_op clm_op_gate_balance_backward = {
    .name = "gate_balance_backward",
    .about = "gradients of the balance through gates, logits and thresholds",
    .paper = "Shazeer et al. 2017, eqs. 6-11",
    .source = &clm_source_gate_balance,
    .operand = {{"dbalance", CLM_IN, CLM_F32, "1", false, NULL},
                {"importance", CLM_IN, CLM_F32, "E", false, NULL},
                {"load", CLM_IN, CLM_F32, "E", false, NULL},
                {"clean", CLM_IN, CLM_F32, "N E", true, NULL},
                {"raw", CLM_IN, CLM_F32, "N E", true, NULL},
                {"logits", CLM_IN, CLM_F32, "N E", true, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
                {"dgate", CLM_OUT, CLM_F32, "N K", false, NULL},
                {"dclean", CLM_OUT, CLM_F32, "N E", true, NULL},
                {"draw", CLM_OUT, CLM_F32, "N E", true, NULL},
                {"dlogits", CLM_OUT, CLM_F32, "N E", true, NULL}},
    .variant = CLM_GATE_BALANCE_VARIANTS(prepare),
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 1e-5,
    .example = example,
};
