#include "cl/noisy_pool/noisy_pool.h"

#include "base/philox.h"
#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <stdio.h>

extern const clm_source clm_source_noisy_pool;
static const clm_op noisy_pool, noisy_pool_backward;

enum { DRAW, LAYER };
enum { JOB = 64 }; /* rows that are worth a job */

static const struct {
    int64_t n, e, live;
    bool given, draw;
} sizes[] = {{1, 1, 1, true, false},        {3, 4, 2, true, false},
             {19, 7, 19, false, true},      {65, 16, 0, false, true},
             {257, 128, 250, true, false},  {1021, 33, 1000, false, false},
             {2708, 128, 2708, false, true}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static const char *options(const clm_call *call, char text[24])
{
    snprintf(text, 24, "-DE=%d", (int)clm_dim(call, 'E'));
    return text;
}

/* A work-item for each started vector of `rows` rows of E elements. */
static clm_range panels(const clm_plan *plan, const clm_call *call, int64_t rows)
{
    const int vec = clm_tune(plan, "VEC");
    return clm_vector_range(rows * ((clm_dim(call, 'E') + vec - 1) / vec), 1);
}

/* --- forward --- */

enum { CLEAN, RAW, LIVE, STEP, GIVEN, LOGITS, Z, PARTIAL };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), jobs = clm_dim(call, 'Q');
    const int64_t draw = (int64_t)call->attribute[DRAW], layer = (int64_t)call->attribute[LAYER];
    clm_tensor *const *x = call->arg;
    char text[24];
    CLM_TRY(clm_launch(plan, call, "noisy_pool_f32", options(call, text), panels(plan, call, jobs),
                       CLM_ARGS(clm_t(x[CLEAN]), clm_t(x[RAW]), clm_t(x[LIVE]), clm_t(x[STEP]),
                                clm_t(x[GIVEN]), clm_i(draw), clm_i(layer), clm_i(jobs),
                                clm_i((n + jobs - 1) / jobs), clm_t(x[PARTIAL]))));
    return clm_launch(plan, call, "noisy_pool_sum_f32", text, panels(plan, call, 1),
                      CLM_ARGS(clm_t(x[PARTIAL]), clm_t(x[LIVE]), clm_t(x[STEP]), clm_t(x[GIVEN]),
                               clm_i(draw), clm_i(layer), clm_i(jobs), clm_t(x[LOGITS]),
                               clm_t(x[Z])));
}

static double noise(const clm_call *call)
{
    if (call->arg[GIVEN]) return clm_f64(call, GIVEN)[0];
    if (call->attribute[DRAW] == 0) return 0;
    const int32_t *step = clm_i32(call, STEP);
    return clm_normal_at(0, (uint32_t)step[CLM_STEP_INDEX], CLM_STREAM_NOISE,
                         (uint32_t)call->attribute[LAYER], (uint32_t)step[CLM_STEP_SEED]);
}

static void reference(const clm_call *call)
{
    const int64_t experts = clm_dim(call, 'E'), rows = clm_i32(call, LIVE)[1];
    const double z = clm_f64(call, Z)[0] = noise(call);
    for (int64_t e = 0; e < experts; e++) {
        double sum = 0;
        for (int64_t n = 0; n < rows; n++)
            sum += clm_f64(call, CLEAN)[n * experts + e] +
                   z * log1p(exp(clm_f64(call, RAW)[n * experts + e]));
        clm_f64(call, LOGITS)[e] = rows > 0 ? sum / (double)rows : 0;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double elements = (double)clm_dim(call, 'N') * (double)clm_dim(call, 'E');
    return (clm_cost){.flops = 8 * elements, .bytes = 8 * elements};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, experts = sizes[index].e;
    clm_example_call(e)->attribute[DRAW] = sizes[index].draw;
    clm_example_call(e)->attribute[LAYER] = index;
    clm_example_normal(e, CLEAN, 1, CLM_DIMS(n, experts));
    clm_example_normal(e, RAW, 3, CLM_DIMS(n, experts));
    clm_example_i32(e, LIVE, (int32_t[]){0, (int32_t)sizes[index].live}, CLM_DIMS(2));
    clm_example_i32(e, STEP, (const int32_t[CLM_STEP_WORDS]){index, 11}, CLM_DIMS(CLM_STEP_WORDS));
    if (sizes[index].given) clm_example_normal(e, GIVEN, 1, CLM_DIMS(1));
    clm_example_out(e, LOGITS, CLM_DIMS(1, experts));
    clm_example_out(e, Z, CLM_DIMS(1));
    clm_example_out(e, PARTIAL, CLM_DIMS(clm_jobs(n, JOB), experts));
    return true;
}

/* --- backward --- */

enum { B_RAW, B_LIVE, B_Z, DLOGITS, DCLEAN, DRAW_SIZE };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg, *dlogits = clm_gradient_of(tape, x[LOGITS]);
    if (!dlogits) return;
    clm_call back = {.op = &noisy_pool_backward, .arg = {x[RAW], x[LIVE], x[Z], dlogits}};
    back.arg[DCLEAN] = clm_activation(tape, "dclean", CLM_F32, x[CLEAN]->rank, x[CLEAN]->dim);
    back.arg[DRAW_SIZE] = clm_activation(tape, "draw", CLM_F32, x[RAW]->rank, x[RAW]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x[CLEAN], back.arg[DCLEAN]);
    clm_gradient_add(tape, x[RAW], back.arg[DRAW_SIZE]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    clm_tensor *const *x = call->arg;
    char text[24];
    return clm_launch(plan, call, "noisy_pool_backward_f32", options(call, text),
                      panels(plan, call, n),
                      CLM_ARGS(clm_t(x[B_RAW]), clm_t(x[B_LIVE]), clm_t(x[B_Z]), clm_t(x[DLOGITS]),
                               clm_i(n), clm_t(x[DCLEAN]), clm_t(x[DRAW_SIZE])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t experts = clm_dim(call, 'E'), rows = clm_i32(call, B_LIVE)[1];
    for (int64_t i = 0; i < clm_dim(call, 'N') * experts; i++) {
        const double d =
            i / experts < rows ? clm_f64(call, DLOGITS)[i % experts] / (double)rows : 0;
        clm_f64(call, DCLEAN)[i] = d;
        clm_f64(call, DRAW_SIZE)[i] =
            d * clm_f64(call, B_Z)[0] / (1 + exp(-clm_f64(call, B_RAW)[i]));
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double elements = (double)clm_dim(call, 'N') * (double)clm_dim(call, 'E');
    return (clm_cost){.flops = 6 * elements, .bytes = 12 * elements};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = sizes[index].n, experts = sizes[index].e;
    clm_example_normal(e, B_RAW, 3, CLM_DIMS(n, experts));
    clm_example_i32(e, B_LIVE, (int32_t[]){0, (int32_t)sizes[index].live}, CLM_DIMS(2));
    clm_example_normal(e, B_Z, 1, CLM_DIMS(1));
    clm_example_normal(e, DLOGITS, 1, CLM_DIMS(1, experts));
    clm_example_out(e, DCLEAN, CLM_DIMS(n, experts));
    clm_example_out(e, DRAW_SIZE, CLM_DIMS(n, experts));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *clean = clm_bench_normal(tape, "clean", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *raw = clm_bench_normal(tape, "raw", 1, CLM_DIMS(w->nodes, w->experts));
    clm_tensor *logits = clm_noisy_pool(
        tape, clean, raw, clm_bench_segments(tape, "all rows", 1, w->nodes), NULL, true, 0);
    if (logits) clm_keep(tape, logits);
}

static const clm_op noisy_pool = {
    .name = "noisy_pool",
    .about = "noisy scores of experts, averaged over the rows of a batch",
    .paper = "GraphSAGE-MoE (course report, 2019), eq. 18",
    .source = &clm_source_noisy_pool,
    .operand = {{"clean", CLM_IN, CLM_F32, "N E", false, NULL},
                {"raw", CLM_IN, CLM_F32, "N E", false, NULL},
                {"live", CLM_IN, CLM_I32, "2", false, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"given", CLM_IN, CLM_F32, "1", true, NULL},
                {"logits", CLM_OUT, CLM_F32, "1 E", false, NULL},
                {"z", CLM_OUT, CLM_F32, "1", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "Q E", false, NULL}},
    .attribute = {"draw", "layer"},
    .variant = CLM_VECTOR_VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 5e-6,
    .example = example,
    .bench = bench,
};

static const clm_op noisy_pool_backward = {
    .name = "noisy_pool_backward",
    .about = "gradients of noisy_pool",
    .paper = "GraphSAGE-MoE (course report, 2019), eq. 18",
    .source = &clm_source_noisy_pool,
    .operand = {{"raw", CLM_IN, CLM_F32, "N E", false, NULL},
                {"live", CLM_IN, CLM_I32, "2", false, NULL},
                {"z", CLM_IN, CLM_F32, "1", false, NULL},
                {"dlogits", CLM_IN, CLM_F32, "1 E", false, NULL},
                {"dclean", CLM_OUT, CLM_F32, "N E", false, NULL},
                {"draw", CLM_OUT, CLM_F32, "N E", false, NULL}},
    .variant = CLM_VECTOR_VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_noisy_pool[] = {&noisy_pool, &noisy_pool_backward, NULL};

clm_tensor *clm_noisy_pool(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *live,
                           clm_tensor *given, bool draw, int layer)
{
    if (!clean || !raw || !live) return NULL;
    const int64_t n = clean->dim[0], experts = clean->dim[1];
    clm_call call = {.op = &noisy_pool,
                     .arg = {clean, raw, live, clm_tape_step(tape), given},
                     .attribute = {draw, layer}};
    call.arg[LOGITS] = clm_activation(tape, "noisy_pool", CLM_F32, CLM_DIMS(1, experts));
    call.arg[Z] = clm_activation(tape, "noise", CLM_F32, CLM_DIMS(1));
    call.arg[PARTIAL] =
        clm_activation(tape, "noisy_pool sums", CLM_F32, CLM_DIMS(clm_jobs(n, JOB), experts));
    clm_record(tape, &call);
    return call.arg[LOGITS];
}
