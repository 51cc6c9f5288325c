#include "cl/add/add.h"

#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_add;
extern const clm_op clm_op_add;

enum { A, B, C, D, Y, TERMS = 4 };

static int terms(const clm_call *call)
{
    int n = 1;
    while (n < TERMS && call->arg[n])
        n++;
    return n;
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    const int vec = clm_tune(plan, "VEC");
    char options[32];
    snprintf(options, sizeof options, "-DTERMS=%d", terms(call));
    const double *w = call->attribute;
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "add_f32", options, clm_vector_range(n, vec),
                      CLM_ARGS(clm_t(x[A]), clm_t(x[B]), clm_t(x[C]), clm_t(x[D]), clm_f(w[0]),
                               clm_f(w[1]), clm_f(w[2]), clm_f(w[3]), clm_i(n), clm_t(x[Y])));
}

static void reference(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    double *y = clm_f64(call, Y);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int t = 0; t < terms(call); t++)
            sum += call->attribute[t] * clm_f64(call, t)[i];
        y[i] = sum;
    }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N');
    return (clm_cost){.flops = n * (2 * terms(call) - 1),
                      .bytes = n * (terms(call) + 1) * clm_real_bytes(call)};
}

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *dy = clm_gradient_of(tape, call->arg[Y]);
    for (int t = 0; t < terms(call); t++) {
        const double weight = call->attribute[t];
        if (!clm_needs_gradient(tape, call->arg[t])) continue;
        clm_gradient_add(tape, call->arg[t], weight == 1 ? dy : clm_add(tape, 1, &dy, &weight));
    }
}

static bool example(clm_example *e, int index)
{
    static const struct {
        int64_t n;
        int terms;
    } size[] = {{1, 1}, {17, 2}, {64, 4}, {1021, 3}, {64 * 16 * 4 + 1, 2}, {40000, 4}};
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    static const double weight[TERMS] = {1, -0.5, 2, 0.25};
    for (int t = 0; t < size[index].terms; t++) {
        clm_example_normal(e, t, 1, CLM_DIMS(size[index].n));
        clm_example_call(e)->attribute[t] = weight[t];
    }
    clm_example_out(e, Y, CLM_DIMS(size[index].n));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    clm_tensor *x[2];
    for (int i = 0; i < 2; i++)
        x[i] = clm_bench_rows(tape, i ? "b" : "a", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y = clm_add(tape, 2, x, NULL);
    if (y) clm_keep(tape, y);
}

const clm_op clm_op_add = {
    .name = "add",
    .about = "weighted sum of up to four tensors",
    .source = &clm_source_add,
    .operand = {{"a", CLM_IN, CLM_REAL, "N", false, NULL},
                {"b", CLM_IN, CLM_REAL, "N", true, NULL},
                {"c", CLM_IN, CLM_REAL, "N", true, NULL},
                {"d", CLM_IN, CLM_REAL, "N", true, NULL},
                {"y", CLM_OUT, CLM_REAL, "N", false, "a"}},
    .attribute = {"w0", "w1", "w2", "w3"},
    .variant = CLM_VECTOR_VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 3e-7,
    .wrong = 1e-6,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_add[] = {&clm_op_add, NULL};

static clm_tensor *add_few(clm_tape *tape, int n, clm_tensor *const *x, const double *weight)
{
    clm_call call = {.op = &clm_op_add};
    for (int t = 0; t < n; t++) {
        if (!x[t]) return NULL;
        call.arg[t] = x[t];
        call.attribute[t] = weight[t];
    }
    call.arg[Y] = clm_activation(tape, "sum", x[0]->type, x[0]->rank, x[0]->dim);
    if (call.arg[Y]) clm_record(tape, &call);
    return call.arg[Y];
}

clm_tensor *clm_add(clm_tape *tape, int n, clm_tensor *const *x, const double *weight)
{
    clm_tensor *sum = NULL;
    for (int t = 0; t < n;) { /* as many at a time as there are operands */
        clm_tensor *part[TERMS] = {sum};
        double factor[TERMS] = {1};
        int taken = t > 0;
        for (; t < n && taken < TERMS; t++, taken++) {
            part[taken] = x[t];
            factor[taken] = weight ? weight[t] : 1;
        }
        sum = add_few(tape, taken, part, factor);
    }
    return sum;
}
