#include "cl/gate_balance/internal.h"
#include "cl/noisy_logits/noisy_logits.h"
#include "nn/workload.h"

#include <math.h>
#include <stdio.h>

static const clm_op gate_balance;

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

double clm_cv2(const double *x, int64_t n, double *mean, double *variance)
{
    *mean = *variance = 0;
    if (n == 1) return 0;
    for (int64_t i = 0; i < n; i++)
        *mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        *variance += (x[i] - *mean) * (x[i] - *mean) / (double)(n - 1);
    return *variance / (*mean * *mean + 1e-10);
}

double clm_gate_margin(const double *clean, const double *raw, const double *logits,
                       int64_t experts, const int32_t *topk, int64_t k, int64_t e, double *size,
                       int64_t *threshold)
{
    const int64_t next = next_best(logits, experts, topk, k);
    *threshold = logits[e] > logits[next] ? next : topk[k - 1];
    *size = fmax(raw[e], 0) + log1p(exp(-fabs(raw[e]))) + CLM_NOISE_LEAST;
    return (clean[e] - logits[*threshold]) / *size;
}

/* --- jobs --- */

void clm_gate_balance_cut(const clm_plan *plan, const clm_call *call, int64_t *jobs, int64_t *block)
{
    const int64_t n = clm_dim(call, 'N');
    *jobs = clm_jobs(n, clm_tune(plan, "ROWS_OF_JOB"));
    *block = (n + *jobs - 1) / *jobs;
}

const char *clm_gate_balance_option(char text[64], const clm_call *call, const clm_tensor *clean,
                                    int64_t experts)
{
    snprintf(text, 64, "-DE=%d -DK=%d -DCOUNTS=%d", (int)experts, (int)clm_dim(call, 'K'), !clean);
    return text;
}

/* --- forward --- */

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t lanes = (size_t)clm_tune(plan, "LANES");
    int64_t jobs, block;
    char text[64];
    clm_gate_balance_cut(plan, call, &jobs, &block);
    clm_gate_balance_option(text, call, a[CLEAN], clm_dim(call, 'E'));
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
            const double u = clm_gate_margin(clm_f64(call, CLEAN) + row, clm_f64(call, RAW) + row,
                                             clm_f64(call, LOGITS) + row, experts, topk, k, e,
                                             &size, &threshold);
            load[e] += 0.5 * erfc(-u * M_SQRT1_2);
        }
    }
    clm_f64(call, BALANCE)[0] =
        clm_cv2(importance, experts, &mean, &variance) + clm_cv2(load, experts, &mean, &variance);
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), experts = (double)clm_dim(call, 'E'),
                 k = (double)clm_dim(call, 'K');
    const bool counts = !call->arg[CLEAN];
    return (clm_cost){.flops = counts ? 2 * n * k : 30 * n * experts,
                      .exps = counts ? 0 : n * experts,
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

bool clm_gate_balance_example(clm_example *e, int index, clm_gate_example *to)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = list[index].n, experts = list[index].experts, k = list[index].k;
    *to = (clm_gate_example){n, experts, k, list[index].live, list[index].counts};
    to->logits = clm_example_memory(e, (size_t)(n * experts) * sizeof *to->logits);
    to->gate = clm_example_memory(e, (size_t)(n * k) * sizeof *to->gate);
    to->topk = clm_example_memory(e, (size_t)(n * k) * sizeof *to->topk);
    example_choice(e, index, to->logits, to->topk, to->gate);
    return true;
}

static bool example(clm_example *e, int index)
{
    clm_gate_example of;
    if (!clm_gate_balance_example(e, index, &of)) return false;
    if (!of.counts) {
        clm_example_normal(e, CLEAN, 1, CLM_DIMS(of.n, of.experts));
        clm_example_normal(e, RAW, 1, CLM_DIMS(of.n, of.experts));
        clm_example_f32(e, LOGITS, of.logits, CLM_DIMS(of.n, of.experts));
    }
    clm_example_i32(e, TOPK, of.topk, CLM_DIMS(of.n, of.k));
    clm_example_f32(e, GATE, of.gate, CLM_DIMS(of.n, of.k));
    if (of.live >= 0) clm_example_i32(e, LIVE, (const int32_t[]){0, of.live}, CLM_DIMS(2));
    clm_example_out(e, BALANCE, CLM_DIMS(1));
    clm_example_out(e, IMPORTANCE, CLM_DIMS(of.experts));
    clm_example_out(e, LOAD, CLM_DIMS(of.experts));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_jobs(of.n, LEAST), 2, of.experts));
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
    .variant = CLM_GATE_BALANCE_VARIANTS(prepare),
    .grad = clm_gate_balance_grad,
    .reference = reference,
    .cost = cost,
    .suspect = 2e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_gate_balance[] = {&gate_balance, &clm_op_gate_balance_backward, NULL};

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
