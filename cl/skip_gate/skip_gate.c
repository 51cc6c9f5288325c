#include "cl/skip_gate/skip_gate.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <string.h>

extern const clm_source clm_source_skip_gate;
static const clm_op skip_gate, skip_gate_backward;

enum { JOB = 16 }; /* rows that are worth a job of the backward pass */

/* Nodes of each type. */
static const struct {
    int64_t d;
    int types;
    int32_t nodes[4];
} sizes[] = {{1, 1, {1}},
             {4, 3, {2, 0, 5}},
             {24, 2, {1, 32}},
             {64, 4, {61, 0, 0, 0}},
             {64, 3, {1000, 3, 18}},
             {150, 2, {0, 97}},
             {128, 3, {0, 4000, 1}}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static int64_t nodes(int index)
{
    int64_t n = 0;
    for (int t = 0; t < sizes[index].types; t++)
        n += sizes[index].nodes[t];
    return n;
}

/* --- forward --- */

enum { O, X, SKIP, TYPE, TYPE_OFFSETS, Y };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "skip_gate_f32", "",
                      clm_lanes_range(n, clm_tune(plan, "LANES"), clm_tune(plan, "TEAMS")),
                      CLM_ARGS(clm_t(x[O]), clm_t(x[X]), clm_t(x[SKIP]), clm_t(x[TYPE]), clm_i(n),
                               clm_i(d), clm_t(x[Y])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    const double *o = clm_f64(call, O), *x = clm_f64(call, X);
    for (int64_t i = 0; i < n; i++) {
        const double s = logistic(clm_f64(call, SKIP)[clm_i32(call, TYPE)[i]]);
        for (int64_t j = i * d; j < (i + 1) * d; j++)
            clm_f64(call, Y)[j] = s * o[j] + (1 - s) * x[j];
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double types = (double)clm_dim(call, 'T');
    return (clm_cost){.flops = 3 * n * d,
                      .bytes = 3 * n * d * clm_real_bytes(call) + 4 * (n + types)};
}

static int32_t *offsets_of(clm_example *e, int index)
{
    int32_t *offsets = clm_example_memory(e, sizeof(int32_t) * (size_t)(sizes[index].types + 1));
    for (int t = 0; t < sizes[index].types; t++)
        offsets[t + 1] = offsets[t] + sizes[index].nodes[t];
    return offsets;
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = nodes(index), d = sizes[index].d;
    const int types = sizes[index].types;
    const int32_t *offsets = offsets_of(e, index);
    int32_t *type = clm_example_memory(e, sizeof(int32_t) * (size_t)n);
    for (int32_t t = 0; t < types; t++)
        for (int32_t i = offsets[t]; i < offsets[t + 1]; i++)
            type[i] = t;
    clm_example_normal(e, O, 1, CLM_DIMS(n, d));
    clm_example_normal(e, X, 1, CLM_DIMS(n, d));
    clm_example_normal(e, SKIP, 2, CLM_DIMS(types));
    clm_example_i32(e, TYPE, type, CLM_DIMS(n));
    clm_example_i32(e, TYPE_OFFSETS, offsets, CLM_DIMS(types + 1));
    clm_example_out(e, Y, CLM_DIMS(n, d));
    return true;
}

/* --- backward --- */

enum { BACK_OFFSETS = 3, DY, D_O, D_X, DSKIP, PARTIAL };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    const int64_t n = x[O]->dim[0], d = x[O]->dim[1], types = x[SKIP]->dim[0];
    clm_call back = {.op = &skip_gate_backward, .arg = {x[O], x[X], x[SKIP], x[TYPE_OFFSETS]}};
    back.arg[DY] = clm_gradient_of(tape, x[Y]);
    back.arg[D_O] = clm_activation(tape, "dgated", x[O]->type, CLM_DIMS(n, d));
    back.arg[D_X] = clm_activation(tape, "dskipped", x[O]->type, CLM_DIMS(n, d));
    back.arg[DSKIP] = clm_activation(tape, "dskip", CLM_F32, CLM_DIMS(types));
    back.arg[PARTIAL] =
        clm_activation(tape, "skip_gate sums", CLM_F32, CLM_DIMS(types, clm_jobs(n, JOB)));
    clm_record(tape, &back);
    clm_gradient_add(tape, x[O], back.arg[D_O]);
    clm_gradient_add(tape, x[X], back.arg[D_X]);
    clm_gradient_add(tape, x[SKIP], back.arg[DSKIP]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t types = clm_dim(call, 'T'), jobs = clm_dim(call, 'Q');
    const int lanes = clm_tune(plan, "LANES");
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_launch(plan, call, "skip_gate_backward_f32", "",
                       clm_lanes_range(types * jobs, lanes, 1),
                       CLM_ARGS(clm_t(x[O]), clm_t(x[X]), clm_t(x[SKIP]), clm_t(x[BACK_OFFSETS]),
                                clm_t(x[DY]), clm_i(clm_dim(call, 'D')), clm_i(jobs), clm_t(x[D_O]),
                                clm_t(x[D_X]), clm_t(x[PARTIAL]))));
    return clm_launch(plan, call, "skip_gate_backward_sum_f32", "",
                      clm_lanes_range(types, lanes, 1),
                      CLM_ARGS(clm_t(x[PARTIAL]), clm_t(x[SKIP]), clm_i(jobs), clm_t(x[DSKIP])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    const int32_t *offsets = clm_i32(call, BACK_OFFSETS);
    const double *o = clm_f64(call, O), *x = clm_f64(call, X), *dy = clm_f64(call, DY);
    for (int64_t t = 0; t < clm_dim(call, 'T'); t++) {
        const double s = logistic(clm_f64(call, SKIP)[t]);
        double sum = 0;
        for (int64_t j = offsets[t] * d; j < offsets[t + 1] * d; j++) {
            clm_f64(call, D_O)[j] = s * dy[j];
            clm_f64(call, D_X)[j] = (1 - s) * dy[j];
            sum += dy[j] * (o[j] - x[j]);
        }
        clm_f64(call, DSKIP)[t] = s * (1 - s) * sum;
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double types = (double)clm_dim(call, 'T');
    return (clm_cost){.flops = 5 * n * d,
                      .bytes = 5 * n * d * clm_real_bytes(call) + 4 * 3 * types};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t n = nodes(index), d = sizes[index].d;
    const int types = sizes[index].types;
    clm_example_normal(e, O, 1, CLM_DIMS(n, d));
    clm_example_normal(e, X, 1, CLM_DIMS(n, d));
    clm_example_normal(e, SKIP, 2, CLM_DIMS(types));
    clm_example_i32(e, BACK_OFFSETS, offsets_of(e, index), CLM_DIMS(types + 1));
    clm_example_normal(e, DY, 1, CLM_DIMS(n, d));
    clm_example_out(e, D_O, CLM_DIMS(n, d));
    clm_example_out(e, D_X, CLM_DIMS(n, d));
    clm_example_out(e, DSKIP, CLM_DIMS(types));
    clm_example_out(e, PARTIAL, CLM_DIMS(types, clm_jobs(n, JOB)));
    return true;
}

static const char paper[] = "Hu et al. 2020, the update of the authors' code";

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *o = clm_bench_rows(tape, "o", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *skip = clm_bench_normal(tape, "skip", 1, CLM_DIMS(w->edge.types));
    clm_tensor *y =
        clm_skip_gate(tape, o, x, skip, clm_bench_types(tape, w), clm_bench_type_offsets(tape, w));
    if (y) clm_keep(tape, y);
}

static const clm_op skip_gate = {
    .name = "skip_gate",
    .about = "learnt mixture of a layer's output and input by node type",
    .paper = paper,
    .source = &clm_source_skip_gate,
    .operand = {{"o", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"skip", CLM_IN, CLM_F32, "T", false, NULL},
                {"type", CLM_IN, CLM_I32, "N", false, NULL},
                {"type_offsets", CLM_IN, CLM_I32, "T+1", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, "o"}},
    .variant = CLM_ROW_VARIANTS(prepare, 32),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op skip_gate_backward = {
    .name = "skip_gate_backward",
    .about = "gradients of skip_gate",
    .paper = paper,
    .source = &clm_source_skip_gate,
    .operand = {{"o", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"skip", CLM_IN, CLM_F32, "T", false, NULL},
                {"type_offsets", CLM_IN, CLM_I32, "T+1", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"d_o", CLM_OUT, CLM_REAL, "N D", false, "dy"},
                {"d_x", CLM_OUT, CLM_REAL, "N D", false, NULL},
                {"dskip", CLM_OUT, CLM_F32, "T", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "T Q", false, NULL}},
    .variant = CLM_LANES_VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    /* dskip is a long sum of both signs: example 4 adds 64000 terms whose sizes sum to 1000 times
     * their sum. One rounding of those is 6e-5 of the result; a chain in f32 is 3e-6 off. */
    .suspect = 6e-6,
    .wrong = 2e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_skip_gate[] = {&skip_gate, &skip_gate_backward, NULL};

clm_tensor *clm_skip_gate(clm_tape *tape, clm_tensor *o, clm_tensor *x, clm_tensor *skip,
                          clm_tensor *type, clm_tensor *type_offsets)
{
    if (!o || !x || !skip || !type || !type_offsets) return NULL;
    clm_call call = {.op = &skip_gate, .arg = {o, x, skip, type, type_offsets}};
    call.arg[Y] = clm_activation(tape, "skip_gate", o->type, o->rank, o->dim);
    clm_record(tape, &call);
    return call.arg[Y];
}
