#include "cl/gate_balance/gate_balance.h"

#include "cl/noisy_logits/noisy_logits.h"
#include "nn/workload.h"
#include "op/lanes.h"
#include "op/vector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const clm_source clm_source_gate_balance;
static const clm_op gate_balance, gate_balance_backward;

/* Rows that are worth a job: few on a GPU; on a CPU so many that small batches need one launch. */
enum { LEAST = 4 };

static const struct {
    int32_t n, live, experts, k; /* live < 0: not given */
    bool counts;
} list[] = {
    {1, -1, 1, 1, true},     {1, 1, 4, 2, false},      {7, 5, 4, 1, false},
    {33, -1, 8, 4, false},   {17, 17, 5, 5, true},     {40, 0, 4, 2, false},
    {101, 97, 24, 3, false}, {257, -1, 8, 2, true},    {257, 250, 5, 2, false},
    {61, -1, 127, 4, false}, {1000, 877, 8, 4, false}, {5003, -1, 8, 4, false},
};
enum { EXAMPLES = sizeof list / sizeof *list };

/* --- formulas --- */

/* Best expert of a row of logits that is not among the k chosen. */
static int64_t next_best(const double *logits, int64_t experts, const int32_t *topk, int64_t k)
{
    int64_t next = -1;
    for (int64_t e = 0; e < experts; e++) {
        bool taken = false;
        for (int64_t j = 0; j < k; j++)
            taken |= topk[j] == e;
        if (!taken && (next < 0 || logits[e] > logits[next])) next = e;
    }
    return next;
}

static double cv2(const double *x, int64_t n, double *mean, double *variance)
{
    *mean = *variance = 0;
    if (n == 1) return 0;
    for (int64_t i = 0; i < n; i++)
        *mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        *variance += (x[i] - *mean) * (x[i] - *mean) / (double)(n - 1);
    return *variance / (*mean * *mean + 1e-10);
}

static double cv2_slope(const double *x, int64_t n, int64_t i)
{
    double mean, variance;
    if (n == 1) return 0;
    cv2(x, n, &mean, &variance);
    const double square = mean * mean + 1e-10;
    return 2 * (x[i] - mean) / ((double)(n - 1) * square) -
           2 * mean * variance / ((double)n * square * square);
}

/* What decides about expert e of a row: (clean - threshold) / size, and where the threshold is. */
static double margin(const double *clean, const double *raw, const double *logits, int64_t experts,
                     const int32_t *topk, int64_t k, int64_t e, double *size, int64_t *threshold)
{
    const int64_t next = next_best(logits, experts, topk, k);
    *threshold = logits[e] > logits[next] ? next : topk[k - 1];
    *size = fmax(raw[e], 0) + log1p(exp(-fabs(raw[e]))) + CLM_NOISE_LEAST;
    return (clean[e] - logits[*threshold]) / *size;
}

/* --- jobs --- */

/* Jobs of a launch and rows of each. */
static void cut(const clm_plan *plan, const clm_call *call, int64_t *jobs, int64_t *block)
{
    const int64_t n = clm_dim(call, 'N');
    *jobs = clm_jobs(n, clm_tune(plan, "ROWS_OF_JOB"));
    *block = (n + *jobs - 1) / *jobs;
}

static const char *option(char text[64], const clm_call *call, const clm_tensor *clean,
                          int64_t experts)
{
    snprintf(text, 64, "-DE=%d -DK=%d -DCOUNTS=%d", (int)experts, (int)clm_dim(call, 'K'), !clean);
    return text;
}

/* --- forward --- */

enum { CLEAN, RAW, LOGITS, TOPK, GATE, LIVE, BALANCE, IMPORTANCE, LOAD, PARTIAL };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t lanes = (size_t)clm_tune(plan, "LANES");
    int64_t jobs, block;
    char text[64];
    cut(plan, call, &jobs, &block);
    option(text, call, a[CLEAN], clm_dim(call, 'E'));
    CLM_TRY(clm_launch(
        plan, call, "gate_balance_f32", text, (clm_range){{clm_round_up(jobs, lanes)}, {lanes}},
        CLM_ARGS(clm_t(a[CLEAN]), clm_t(a[RAW]), clm_t(a[LOGITS]), clm_t(a[TOPK]), clm_t(a[GATE]),
                 clm_t(a[LIVE]), clm_i(clm_dim(call, 'N')), clm_i(block), clm_i(jobs),
                 clm_t(a[PARTIAL]), clm_t(a[BALANCE]), clm_t(a[IMPORTANCE]), clm_t(a[LOAD]))));
    if (jobs == 1) return CLM_OK;
    return clm_launch(plan, call, "gate_balance_sum_f32", text, (clm_range){{lanes}, {lanes}},
                      CLM_ARGS(clm_t(a[PARTIAL]), clm_i(jobs), clm_t(a[BALANCE]),
                               clm_t(a[IMPORTANCE]), clm_t(a[LOAD])));
}

static void reference(const clm_call *call)
{
    const int64_t experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const int32_t *live = clm_i32(call, LIVE);
    double *importance = clm_f64(call, IMPORTANCE), *load = clm_f64(call, LOAD), mean, variance;
    for (int64_t e = 0; e < experts; e++)
        importance[e] = load[e] = 0;
    for (int64_t n = 0; n < (live ? live[1] : clm_dim(call, 'N')); n++) {
        const int32_t *topk = clm_i32(call, TOPK) + n * k;
        for (int64_t j = 0; j < k; j++) {
            importance[topk[j]] += clm_f64(call, GATE)[n * k + j];
            if (!call->arg[CLEAN]) load[topk[j]] += clm_f64(call, GATE)[n * k + j] > 0;
        }
        for (int64_t e = 0; call->arg[CLEAN] && e < experts; e++) {
            const int64_t row = n * experts;
            double size;
            int64_t threshold;
            const double u =
                margin(clm_f64(call, CLEAN) + row, clm_f64(call, RAW) + row,
                       clm_f64(call, LOGITS) + row, experts, topk, k, e, &size, &threshold);
            load[e] += 0.5 * erfc(-u * M_SQRT1_2);
        }
    }
    clm_f64(call, BALANCE)[0] =
        cv2(importance, experts, &mean, &variance) + cv2(load, experts, &mean, &variance);
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E'),
                 k = (double)clm_dim(call, 'K');
    const bool counts = !call->arg[CLEAN];
    return (clm_cost){.flops = counts ? 2 * n * k : 30 * n * experts,
                      .bytes = 4 * (n * ((counts ? 0 : 3) * experts + 2 * k) + 2 * experts)};
}

/* Logits that prefer some experts, which are the best of a row, and their gates: softmax over the
 * chosen. Were all used alike, differences of sums would cancel. */
static void example_choice(clm_example *e, int index, float *logits, int32_t *topk, float *gate)
{
    const int32_t experts = list[index].experts, k = list[index].k;
    double *row = clm_example_memory(e, (size_t)experts * sizeof *row);
    for (int64_t n = 0; n < list[index].n; n++) {
        for (int32_t i = 0; i < experts; i++)
            row[i] = logits[n * experts + i] =
                0.004F * (float)(clm_example_random(e, 1000) - 250 * (i % 3));
        float sum = 0;
        for (int32_t j = 0; j < k; j++) {
            topk[n * k + j] = (int32_t)next_best(row, experts, topk + n * k, j);
            sum += gate[n * k + j] = expf((float)row[topk[n * k + j]]);
        }
        for (int32_t j = 0; j < k; j++)
            gate[n * k + j] /= sum;
    }
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, experts = list[index].experts, k = list[index].k;
    float *logits = clm_example_memory(e, (size_t)(n * experts) * sizeof *logits),
          *gate = clm_example_memory(e, (size_t)(n * k) * sizeof *gate);
    int32_t *topk = clm_example_memory(e, (size_t)(n * k) * sizeof *topk);
    example_choice(e, index, logits, topk, gate);
    if (!list[index].counts) {
        clm_example_normal(e, CLEAN, 1, CLM_DIMS(n, experts));
        clm_example_normal(e, RAW, 1, CLM_DIMS(n, experts));
        clm_example_f32(e, LOGITS, logits, CLM_DIMS(n, experts));
    }
    clm_example_i32(e, TOPK, topk, CLM_DIMS(n, k));
    clm_example_f32(e, GATE, gate, CLM_DIMS(n, k));
    if (list[index].live >= 0)
        clm_example_i32(e, LIVE, (const int32_t[]){0, list[index].live}, CLM_DIMS(2));
    clm_example_out(e, BALANCE, CLM_DIMS(1));
    clm_example_out(e, IMPORTANCE, CLM_DIMS(experts));
    clm_example_out(e, LOAD, CLM_DIMS(experts));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_jobs(n, LEAST), 2, experts));
    return true;
}

/* --- backward --- */

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

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    clm_call back = {.op = &gate_balance_backward,
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

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t lanes = (size_t)clm_tune(plan, "LANES");
    int64_t jobs, block;
    char text[64];
    cut(plan, call, &jobs, &block);
    return clm_launch(plan, call, "gate_balance_backward_f32",
                      option(text, call, a[BACK_CLEAN], clm_dim(call, 'E')),
                      (clm_range){{clm_round_up(jobs, lanes)}, {lanes}},
                      CLM_ARGS(clm_t(a[DBALANCE]), clm_t(a[BACK_IMPORTANCE]), clm_t(a[BACK_LOAD]),
                               clm_t(a[BACK_CLEAN]), clm_t(a[BACK_RAW]), clm_t(a[BACK_LOGITS]),
                               clm_t(a[BACK_TOPK]), clm_t(a[BACK_LIVE]), clm_i(clm_dim(call, 'N')),
                               clm_i(block), clm_t(a[DGATE]), clm_t(a[DCLEAN]), clm_t(a[DRAW]),
                               clm_t(a[DLOGITS])));
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
            margin(clm_f64(call, BACK_CLEAN) + row, raw, clm_f64(call, BACK_LOGITS) + row, experts,
                   clm_i32(call, BACK_TOPK) + n * k, k, e, &size, &threshold);
        const double slope = clm_f64(call, DBALANCE)[0] *
                             cv2_slope(clm_f64(call, BACK_LOAD), experts, e) * exp(-0.5 * u * u) *
                             0.5 * M_SQRT1_2 * M_2_SQRTPI / size;
        clm_f64(call, DCLEAN)[row + e] = slope;
        clm_f64(call, DRAW)[row + e] = -slope * u / (1 + exp(-raw[e]));
        dlogits[threshold] -= slope;
    }
}

static void reference_backward(const clm_call *call)
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

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E'),
                 k = (double)clm_dim(call, 'K');
    const bool counts = !call->arg[BACK_CLEAN];
    return (clm_cost){.flops = counts ? n * k : 30 * n * experts,
                      .bytes = 4 * n * ((counts ? 0 : 6) * experts + 2 * k)};
}

static void example_use(clm_example *e, int operand, int64_t experts)
{
    float *use = clm_example_memory(e, (size_t)experts * sizeof *use);
    for (int64_t i = 0; i < experts; i++)
        use[i] = (float)(1 + clm_example_random(e, 100));
    clm_example_f32(e, operand, use, CLM_DIMS(experts));
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, experts = list[index].experts, k = list[index].k;
    float *logits = clm_example_memory(e, (size_t)(n * experts) * sizeof *logits),
          *gate = clm_example_memory(e, (size_t)(n * k) * sizeof *gate);
    int32_t *topk = clm_example_memory(e, (size_t)(n * k) * sizeof *topk);
    example_choice(e, index, logits, topk, gate);
    clm_example_normal(e, DBALANCE, 1, CLM_DIMS(1));
    example_use(e, BACK_IMPORTANCE, experts);
    example_use(e, BACK_LOAD, experts);
    clm_example_i32(e, BACK_TOPK, topk, CLM_DIMS(n, k));
    if (list[index].live >= 0)
        clm_example_i32(e, BACK_LIVE, (const int32_t[]){0, list[index].live}, CLM_DIMS(2));
    clm_example_out(e, DGATE, CLM_DIMS(n, k));
    if (list[index].counts) return true;
    clm_example_normal(e, BACK_CLEAN, 1, CLM_DIMS(n, experts));
    clm_example_normal(e, BACK_RAW, 1, CLM_DIMS(n, experts));
    clm_example_f32(e, BACK_LOGITS, logits, CLM_DIMS(n, experts));
    clm_example_out(e, DCLEAN, CLM_DIMS(n, experts));
    clm_example_out(e, DRAW, CLM_DIMS(n, experts));
    clm_example_out(e, DLOGITS, CLM_DIMS(n, experts));
    return true;
}

/* --- the operators --- */

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *clean = clm_bench_normal(tape, "clean", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *raw = clm_bench_normal(tape, "raw", 1, CLM_DIMS(w->nodes, w->experts));
    const clm_routing routing = {.topk = clm_bench_keys(tape, w), .gate = clm_bench_gates(tape, w)};
    const clm_gate_use use =
        clm_gate_balance(tape, clean, raw, clm_bench_logits(tape, w), &routing, NULL);
    if (use.balance) clm_keep(tape, use.balance);
}

#define VARIANTS(prepare)                                                                          \
    {                                                                                              \
        {"cpu",                                                                                    \
         CLM_CPU,                                                                                  \
         0,                                                                                        \
         {{"VEC", 16, {4, 8, 16}, clm_pick_lanes},                                                 \
          CLM_LANES(1, 1),                                                                         \
          {"ROWS_OF_JOB", 1024, {256, 1024}, NULL}},                                               \
         NULL,                                                                                     \
         prepare},                                                                                 \
            {"gpu", CLM_GPU,                                                                       \
             0,     {CLM_VEC(1), CLM_LANES(32, 32, 64), {"ROWS_OF_JOB", 4, {4, 8, 16}, NULL}},     \
             NULL,  prepare},                                                                      \
        {                                                                                          \
            "plain", CLM_ANY_DEVICE, 0,                                                            \
                {CLM_VEC(1), CLM_LANES(1, 1), {"ROWS_OF_JOB", 64, {64}, NULL}}, NULL, prepare      \
        }                                                                                          \
    }

static const clm_op gate_balance = {
    .name = "gate_balance",
    .about = "importance and load of the experts and how uneven they are",
    .paper = "Shazeer et al. 2017, eqs. 6-11",
    .source = &clm_source_gate_balance,
    .operand = {{"clean", CLM_IN, CLM_F32, "N E", true, NULL},
                {"raw", CLM_IN, CLM_F32, "N E", true, NULL},
                {"logits", CLM_IN, CLM_F32, "N E", true, NULL},
                {"topk", CLM_IN, CLM_I32, "N K", false, NULL},
                {"gate", CLM_IN, CLM_F32, "N K", false, NULL},
                {"live", CLM_IN, CLM_I32, "2", true, NULL},
                {"balance", CLM_OUT, CLM_F32, "1", false, NULL},
                {"importance", CLM_OUT, CLM_F32, "E", false, NULL},
                {"load", CLM_OUT, CLM_F32, "E", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q 2 E", false, NULL}},
    .variant = VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op gate_balance_backward = {
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
    .variant = VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 2e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_gate_balance[] = {&gate_balance, &gate_balance_backward, NULL};

clm_gate_use clm_gate_balance(clm_tape *tape, clm_tensor *clean, clm_tensor *raw,
                              clm_tensor *logits, const clm_routing *routing, clm_tensor *live)
{
    if (!routing->gate || !clean || !raw || !logits) return (clm_gate_use){0};
    const int64_t n = clean->dim[0], experts = clean->dim[1];
    const bool smooth = clm_tape_training(tape) && routing->gate->dim[1] < experts;
    const clm_gate_use use = {clm_activation(tape, "balance", CLM_F32, CLM_DIMS(1)),
                              clm_activation(tape, "importance", CLM_F32, CLM_DIMS(experts)),
                              clm_activation(tape, "load", CLM_F32, CLM_DIMS(experts))};
    clm_record(tape,
               &(clm_call){.op = &gate_balance,
                           .arg = {smooth ? clean : NULL, smooth ? raw : NULL,
                                   smooth ? logits : NULL, routing->topk, routing->gate, live,
                                   use.balance, use.importance, use.load,
                                   clm_activation(tape, "partial", CLM_F32,
                                                  CLM_DIMS(clm_jobs(n, LEAST), 2, experts))}});
    return use;
}
