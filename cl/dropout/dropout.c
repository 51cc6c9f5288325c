#include "cl/dropout/dropout.h"

#include "base/philox.h"
#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_dropout;
static const clm_op dropout;

enum { X, STEP, Y };
enum { P, LAYER }; /* attributes */

/* Elements whose word is below this are dropped. */
static uint32_t threshold(const clm_call *call) { return (uint32_t)(call->attribute[P] * 0x1p32); }

/* `elements`: of one work-item. */
static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel,
                         const char *options, int elements)
{
    const int64_t n = clm_dim(call, 'N');
    const double scale = 1 / (1 - call->attribute[P]);
    return clm_launch(plan, call, kernel, options, clm_vector_range(n, elements),
                      CLM_ARGS(clm_t(call->arg[X]), clm_t(call->arg[STEP]),
                               clm_i((int64_t)call->attribute[LAYER]), clm_i(threshold(call)),
                               clm_f(scale), clm_i(n), clm_t(call->arg[Y])));
}

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "dropout_f32_cpu", "-DVEC=16", 32);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "dropout_f32", "", 4);
}

static void reference(const clm_call *call)
{
    const int32_t *step = clm_i32(call, STEP);
    const uint32_t layer = (uint32_t)call->attribute[LAYER];
    const double *x = clm_f64(call, X);
    double *y = clm_f64(call, Y);
    for (int64_t i = 0; i < clm_dim(call, 'N'); i++) {
        const clm_philox draw =
            clm_philox_draw((uint32_t)(i / 4), (uint32_t)step[CLM_STEP_INDEX], CLM_STREAM_DROPOUT,
                            layer, (uint32_t)step[CLM_STEP_SEED]);
        y[i] = draw.word[i % 4] >= threshold(call) ? x[i] / (1 - call->attribute[P]) : 0;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n, .bytes = 2 * n * clm_real_bytes(call)};
}

static clm_tensor *record(clm_tape *tape, clm_tensor *x, double p, int layer)
{
    if (!x) return NULL;
    clm_call call = {.op = &dropout, .arg = {x, clm_tape_step(tape)}, .attribute = {p, layer}};
    call.arg[Y] = clm_activation(tape, "dropout", x->type, x->rank, x->dim);
    clm_record(tape, &call);
    return call.arg[Y];
}

static void grad(clm_tape *tape, const clm_call *call)
{
    if (!clm_needs_gradient(tape, call->arg[X])) return;
    clm_tensor *dy = clm_gradient_of(tape, call->arg[Y]);
    clm_gradient_add(tape, call->arg[X],
                     record(tape, dy, call->attribute[P], (int)call->attribute[LAYER]));
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t n;
        double p;
        int32_t seed;
    } item[] = {{1, 0.5, 0},    {7, 0.2, 1},     {64, 0.9, -1},
                {1021, 0.2, 2}, {4097, 0.01, 3}, {40000, 0.5, 0x7fffffff}};
    if (index >= (int)(sizeof item / sizeof *item)) return false;
    clm_example_normal(e, X, 1, CLM_DIMS(item[index].n));
    clm_example_i32(e, STEP, (const int32_t[CLM_STEP_WORDS]){index, item[index].seed},
                    CLM_DIMS(CLM_STEP_WORDS));
    clm_example_out(e, Y, CLM_DIMS(item[index].n));
    clm_example_call(e)->attribute[P] = item[index].p;
    clm_example_call(e)->attribute[LAYER] = index;
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_dropout(tape, x, 0.2, 0);
    if (y) clm_keep(tape, y); /* x itself, and nothing recorded, where a tape is not training */
}

static const clm_op dropout = {
    .name = "dropout",
    .about = "zeroes elements at random and scales the others",
    .paper = "Srivastava et al. 2014, section 4",
    .source = &clm_source_dropout,
    .operand = {{"x", CLM_IN, CLM_REAL, "N", false, NULL},
                {"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, "x"}},
    .attribute = {"p", "layer"},
    .variant = {{.name = "cpu", .classes = CLM_CPU, .prepare = prepare_cpu},
                {.name = "gpu", .classes = CLM_GPU, .prepare = prepare},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-7,
    .wrong = 3e-7,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_dropout[] = {&dropout, NULL};

clm_tensor *clm_dropout(clm_tape *tape, clm_tensor *x, double p, int layer)
{
    return p == 0 || !clm_tape_training(tape) ? x : record(tape, x, p, layer);
}
