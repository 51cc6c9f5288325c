#include "cl/loss_scale/loss_scale.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <math.h>

extern const clm_source clm_source_loss_scale;
static const clm_op loss_scale;

enum { GRADIENT, SCALE, STEPS, SKIP, PARTIAL };
enum { JOB = 4096, INTERVAL = 2000 };
static const float first_scale = 0x1p12F;

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t jobs = clm_dim(call, 'Q');
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_launch(plan, call, "loss_scale_divide", "",
                       clm_lanes_range(jobs, clm_tune(plan, "LANES"), 1),
                       CLM_ARGS(clm_t(x[GRADIENT]), clm_t(x[SCALE]), clm_i(clm_dim(call, 'N')),
                                clm_i(jobs), clm_t(x[PARTIAL]))));
    return clm_launch(
        plan, call, "loss_scale_adapt", "", (clm_range){{1}, {1}},
        CLM_ARGS(clm_t(x[PARTIAL]), clm_i(jobs), clm_t(x[SCALE]), clm_t(x[STEPS]), clm_t(x[SKIP])));
}

static void reference(const clm_call *call)
{
    double *gradient = clm_f64(call, GRADIENT), *scale = clm_f64(call, SCALE);
    int32_t *steps = clm_i32(call, STEPS), *skip = clm_i32(call, SKIP);
    *skip = 0;
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++) {
        gradient[i] /= *scale;
        if (!isfinite(gradient[i])) *skip = 1;
    }
    *steps = *skip ? 0 : *steps + 1;
    if (*skip) *scale /= 2;
    if (*steps == INTERVAL) {
        *steps = 0;
        *scale *= 2;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n, .bytes = 8 * n};
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t n;
        float scale;
        int32_t steps;
        int64_t bad; /* place of a number that is not finite, negative: none */
        float value;
    } item[] = {{1, 1, 0, -1, 0},
                {17, 1024, 1999, -1, 0},
                {64, 0.5F, 7, 63, INFINITY},
                {1021, 65536, 1999, 0, NAN},
                {4097, 2, 5, 4096, -INFINITY},
                {40000, 4, 1998, -1, 0}};
    if (index >= (int)(sizeof item / sizeof *item)) return false;
    const int64_t n = item[index].n;
    float *gradient = clm_example_memory(e, (size_t)n * sizeof *gradient);
    for (int64_t i = 0; i < n; i++)
        gradient[i] = (float)(clm_example_random(e, 2000) - 1000);
    if (item[index].bad >= 0) gradient[item[index].bad] = item[index].value;
    clm_example_f32(e, GRADIENT, gradient, CLM_DIMS(n));
    clm_example_f32(e, SCALE, &item[index].scale, CLM_DIMS(1));
    clm_example_i32(e, STEPS, &item[index].steps, CLM_DIMS(1));
    clm_example_out(e, SKIP, CLM_DIMS(1));
    clm_example_out(e, PARTIAL, CLM_DIMS(1, clm_jobs(n, JOB)));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_parameters *parameters = clm_tape_parameters(tape);
    if (!parameters) return;
    clm_parameter(parameters, "rows", false, CLM_INIT_CONSTANT, 1, CLM_DIMS(w->nodes, w->width));
    clm_loss_scale(tape, clm_gradients_arena(parameters), clm_loss_scale_new(tape));
}

static const clm_op loss_scale = {
    .name = "loss_scale",
    .about = "takes the factor of the loss out of the gradients and adapts it",
    .paper = "Micikevicius et al. 2018, section 3.2",
    .source = &clm_source_loss_scale,
    .operand = {{"gradient", CLM_INOUT, CLM_F32, "N", false, NULL},
                {"scale", CLM_INOUT, CLM_F32, "1", false, NULL},
                {"steps", CLM_INOUT, CLM_I32, "1", false, NULL},
                {"skip", CLM_OUT, CLM_I32, "1", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "P Q", false, NULL}},
    .variant = CLM_LANES_VARIANTS(prepare),
    .reference = reference,
    .cost = cost,
    .suspect = 0,
    .wrong = 0, /* powers of two */
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_loss_scale[] = {&loss_scale, NULL};

clm_tensor *clm_loss_scale_new(clm_tape *tape)
{
    return clm_input_f32(tape, "loss scale", &first_scale, CLM_DIMS(1));
}

clm_tensor *clm_loss_scale(clm_tape *tape, clm_tensor *gradient, clm_tensor *scale)
{
    if (!gradient || !scale) return NULL;
    clm_tensor *skip = clm_activation(tape, "skip", CLM_I32, CLM_DIMS(1));
    clm_call call = {.op = &loss_scale, .arg = {gradient, scale}};
    call.arg[STEPS] = clm_input_i32(tape, "steps of the loss scale", NULL, CLM_DIMS(1));
    call.arg[SKIP] = skip;
    call.arg[PARTIAL] = clm_activation(tape, "gradients that are not finite", CLM_F32,
                                       CLM_DIMS(1, clm_jobs(clm_elements(gradient), JOB)));
    clm_record(tape, &call);
    return skip;
}
