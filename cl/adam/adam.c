#include "cl/adam/adam.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>
#include <string.h>

extern const clm_source clm_source_adam;
static const clm_op adam;

enum { PARAMETER, FIRST, SECOND, GRADIENT, STEP, SKIP };
enum { WEIGHT_DECAY }; /* attribute */

static clm_status launch(clm_plan *plan, const clm_call *call, size_t local)
{
    const int64_t n = clm_dim(call, 'N');
    const int64_t group = (int64_t)local * clm_tune(plan, "BLOCK") * clm_tune(plan, "VEC");
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "adam_f32", "",
                      (clm_range){{(size_t)((n + group - 1) / group) * local}, {local}},
                      CLM_ARGS(clm_t(x[PARAMETER]), clm_t(x[FIRST]), clm_t(x[SECOND]),
                               clm_t(x[GRADIENT]), clm_t(x[STEP]), clm_t(x[SKIP]),
                               clm_f(call->attribute[WEIGHT_DECAY]), clm_i(n)));
}

/* A CPU's work-item takes a long run of memory, so that the corrections cost nothing. */
static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, 1);
}
static clm_status prepare(clm_plan *plan, const clm_call *call) { return launch(plan, call, 64); }

static void reference(const clm_call *call)
{
    if (call->arg[SKIP] && *clm_i32(call, SKIP)) return;
    const double weight_decay = call->attribute[WEIGHT_DECAY];
    const int32_t *step = clm_i32(call, STEP);
    float rate;
    memcpy(&rate, &step[CLM_STEP_LEARNING_RATE], sizeof rate);
    const double t = step[CLM_STEP_INDEX] + 1;
    double *p = clm_f64(call, PARAMETER), *m = clm_f64(call, FIRST), *v = clm_f64(call, SECOND);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++) {
        const double g = clm_f64(call, GRADIENT)[i] + weight_decay * p[i];
        m[i] = 0.9 * m[i] + (1 - 0.9) * g;
        v[i] = 0.999 * v[i] + (1 - 0.999) * g * g;
        const double corrected_m = m[i] / (1 - pow(0.9, t)),
                     corrected_v = v[i] / (1 - pow(0.999, t));
        p[i] -= (double)rate * corrected_m / (sqrt(corrected_v) + 1e-8);
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = 15 * n, .bytes = 28 * n};
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t n;
        int32_t step;
        float rate;
        double weight_decay;
        int skip; /* 0: operand absent; else it holds skip - 1 */
    } item[] = {{1, 0, 0.1f, 0, 0},       {17, 1, 0.01f, 0.1, 2},    {1021, 0, 1.0f, 0, 1},
                {4097, 99, 1.0f, 0.5, 0}, {40000, 1000000, 3, 0, 0}, {256 * 16 * 3, 7, 0.5f, 0, 2}};
    if (index >= (int)(sizeof item / sizeof *item)) return false;
    const int64_t n = item[index].n;
    float *second = clm_example_memory(e, (size_t)n * sizeof *second);
    for (int64_t i = 0; i < n; i++)
        second[i] = (float)clm_example_random(e, 1000) * 0.002f;
    int32_t step[CLM_STEP_WORDS] = {item[index].step};
    memcpy(&step[CLM_STEP_LEARNING_RATE], &item[index].rate, sizeof item[index].rate);
    clm_example_normal(e, PARAMETER, 1, CLM_DIMS(n));
    clm_example_normal(e, FIRST, 0.5, CLM_DIMS(n));
    clm_example_f32(e, SECOND, second, CLM_DIMS(n));
    clm_example_normal(e, GRADIENT, 1, CLM_DIMS(n));
    clm_example_i32(e, STEP, step, CLM_DIMS(CLM_STEP_WORDS));
    if (item[index].skip)
        clm_example_i32(e, SKIP, (const int32_t[]){item[index].skip - 1}, CLM_DIMS(1));
    clm_example_call(e)->attribute[WEIGHT_DECAY] = item[index].weight_decay;
    return true;
}

#define BLOCK(n, ...)                                                                              \
    {                                                                                              \
        "BLOCK", n, {__VA_ARGS__}, NULL                                                            \
    }

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_parameters *parameters = clm_tape_parameters(tape);
    if (!parameters) return;
    clm_parameter(parameters, "rows", false, CLM_INIT_CONSTANT, 1, CLM_DIMS(w->nodes, w->width));
    clm_adam(tape, parameters, 0);
}

static const clm_op adam = {
    .name = "adam",
    .about = "Adam's update of all parameters in one pass",
    .paper = "Kingma and Ba 2015, algorithm 1",
    .source = &clm_source_adam,
    .operand = {{"parameter", CLM_INOUT, CLM_F32, "N", false, NULL},
                {"first", CLM_INOUT, CLM_F32, "N", false, NULL},
                {"second", CLM_INOUT, CLM_F32, "N", false, NULL},
                {"gradient", CLM_IN, CLM_F32, "N", false, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"skip", CLM_IN, CLM_I32, "1", true, NULL}},
    .attribute = {"weight_decay"},
    .variant =
        {{"cpu", CLM_CPU, 0, {CLM_VEC_OF_DEVICE, BLOCK(128, 32, 128, 512)}, NULL, prepare_cpu},
         {"gpu", CLM_GPU, 0, {CLM_VEC(4), BLOCK(1, 1, 2, 4)}, NULL, prepare},
         {"plain", CLM_ANY_DEVICE, 0, {CLM_VEC(1), BLOCK(4, 1, 4, 16)}, NULL, prepare}},
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_adam[] = {&adam, NULL};

void clm_adam(clm_tape *tape, clm_parameters *parameters, double weight_decay)
{
    clm_call call = {.op = &adam,
                     .arg = {clm_parameters_arena(parameters), clm_moments_arena(parameters, 0),
                             clm_moments_arena(parameters, 1), clm_gradients_arena(parameters),
                             clm_tape_step(tape), clm_tape_skip(tape)},
                     .attribute = {weight_decay}};
    clm_record(tape, &call);
}
