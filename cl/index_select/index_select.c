#include "cl/index_select/index_select.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <stdio.h>

extern const clm_source clm_source_index_select;
static const clm_op index_select, index_select_backward;

enum { EXPERTS, WIDTH };

static const struct {
    int64_t rows, experts, k, d;
} sizes[] = {{1, 1, 1, 1},    {3, 4, 2, 5},     {7, 8, 8, 16},   {33, 16, 4, 32},
             {1, 128, 4, 32}, {65, 13, 1, 150}, {101, 64, 4, 32}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static clm_status launch(clm_plan *plan, const clm_call *call, const char *kernel, int64_t blocks)
{
    const int experts = (int)call->attribute[EXPERTS], d = (int)call->attribute[WIDTH];
    const int64_t k = clm_dim(call, 'K'), vec = clm_tune(plan, "VEC");
    const int64_t rows = clm_dim(call, 'P') / (experts * (int64_t)d);
    clm_tensor *const *x = call->arg;
    char options[64];
    snprintf(options, sizeof options, "-DE=%d -DK=%d -DD=%d", experts, (int)k, d);
    return clm_launch(plan, call, kernel, options,
                      clm_vector_range(rows * blocks * ((d + vec - 1) / vec), 1),
                      CLM_ARGS(clm_t(x[0]), clm_t(x[1]), clm_i(rows), clm_t(x[2])));
}

static void choice(clm_example *e, int operand, int index)
{
    const int32_t experts = (int32_t)sizes[index].experts, k = (int32_t)sizes[index].k;
    int32_t *chosen = clm_example_memory(e, (size_t)k * sizeof *chosen);
    const int32_t first = clm_example_random(e, experts);
    for (int32_t j = 0; j < k; j++) /* different ones, not in order */
        chosen[j] = (first + (k - 1 - j)) % experts;
    clm_example_call(e)->attribute[EXPERTS] = experts;
    clm_example_call(e)->attribute[WIDTH] = (double)sizes[index].d;
    clm_example_i32(e, operand, chosen, CLM_DIMS(k));
}

/* --- forward --- */

enum { W, INDEX, Y };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "index_select_f32", clm_dim(call, 'K'));
}

static void reference(const clm_call *call)
{
    const int64_t e = (int64_t)call->attribute[EXPERTS], d = (int64_t)call->attribute[WIDTH];
    const int64_t k = clm_dim(call, 'K');
    for (int64_t i = 0; i < clm_dim(call, 'Q'); i++) {
        const int64_t row = i / (k * d), j = i / d % k;
        clm_f64(call, Y)[i] = clm_f64(call, W)[(row * e + clm_i32(call, INDEX)[j]) * d + i % d];
    }
}

static clm_cost cost(const clm_call *call)
{
    return (clm_cost){.bytes = 4 * (2 * (double)clm_dim(call, 'Q') + (double)clm_dim(call, 'K'))};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t rows = sizes[index].rows, d = sizes[index].d;
    choice(e, INDEX, index);
    clm_example_normal(e, W, 1, CLM_DIMS(rows, sizes[index].experts * d));
    clm_example_out(e, Y, CLM_DIMS(rows, sizes[index].k * d));
    return true;
}

/* --- backward --- */

enum { DY, B_INDEX, DW };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    if (!clm_needs_gradient(tape, x[W])) return;
    clm_call back = {.op = &index_select_backward,
                     .arg = {clm_gradient_of(tape, x[Y]), x[INDEX]},
                     .attribute = {call->attribute[EXPERTS], call->attribute[WIDTH]}};
    back.arg[DW] = clm_activation(tape, "dselected", CLM_F32, x[W]->rank, x[W]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x[W], back.arg[DW]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, "index_select_backward_f32", (int64_t)call->attribute[EXPERTS]);
}

static void reference_backward(const clm_call *call)
{
    const int64_t e = (int64_t)call->attribute[EXPERTS], d = (int64_t)call->attribute[WIDTH];
    const int64_t k = clm_dim(call, 'K');
    for (int64_t i = 0; i < clm_dim(call, 'P'); i++)
        clm_f64(call, DW)[i] = 0;
    for (int64_t i = 0; i < clm_dim(call, 'Q'); i++) {
        const int64_t row = i / (k * d), j = i / d % k;
        clm_f64(call, DW)[(row * e + clm_i32(call, B_INDEX)[j]) * d + i % d] = clm_f64(call, DY)[i];
    }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double p = (double)clm_dim(call, 'P'), q = (double)clm_dim(call, 'Q');
    return (clm_cost){.bytes = 4 * (p + q + (double)clm_dim(call, 'K'))};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t rows = sizes[index].rows, d = sizes[index].d;
    choice(e, B_INDEX, index);
    clm_example_normal(e, DY, 1, CLM_DIMS(rows, sizes[index].k * d));
    clm_example_out(e, DW, CLM_DIMS(rows, sizes[index].experts * d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    int32_t *chosen = clm_alloc_array(clm_tape_scope(tape), (size_t)w->top_k, sizeof *chosen);
    for (int32_t j = 0; j < w->top_k; j++)
        chosen[j] = j;
    clm_tensor *weight = clm_bench_normal(tape, "w", 1, CLM_DIMS(w->width, w->experts * w->inner));
    clm_tensor *y = clm_index_select(tape, weight, w->experts,
                                     clm_input_i32(tape, "chosen", chosen, CLM_DIMS(w->top_k)));
    if (y) clm_keep(tape, y);
}

static const clm_op index_select = {
    .name = "index_select",
    .about = "columns of chosen experts out of the weights of all",
    .source = &clm_source_index_select,
    .operand = {{"w", CLM_IN, CLM_F32, "P", false, NULL},
                {"index", CLM_IN, CLM_I32, "K", false, NULL},
                {"y", CLM_OUT, CLM_F32, "Q", false, NULL}},
    .attribute = {"experts", "width"},
    .variant = CLM_VECTOR_VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .example = example,
    .bench = bench,
};

static const clm_op index_select_backward = {
    .name = "index_select_backward",
    .about = "gradient of index_select",
    .source = &clm_source_index_select,
    .operand = {{"dy", CLM_IN, CLM_F32, "Q", false, NULL},
                {"index", CLM_IN, CLM_I32, "K", false, NULL},
                {"dw", CLM_OUT, CLM_F32, "P", false, NULL}},
    .attribute = {"experts", "width"},
    .variant = CLM_VECTOR_VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .example = example_backward,
};

const clm_op *const clm_ops_index_select[] = {&index_select, &index_select_backward, NULL};

clm_tensor *clm_index_select(clm_tape *tape, clm_tensor *w, int64_t experts, clm_tensor *index)
{
    if (!w || !index) return NULL;
    const int64_t d = w->dim[w->rank - 1] / experts;
    int64_t dim[CLM_RANK];
    for (int i = 0; i < w->rank; i++)
        dim[i] = w->dim[i];
    dim[w->rank - 1] = clm_elements(index) * d;
    clm_call call = {
        .op = &index_select, .arg = {w, index}, .attribute = {(double)experts, (double)d}};
    call.arg[Y] = clm_activation(tape, "index_select", CLM_F32, w->rank, dim);
    clm_record(tape, &call);
    return call.arg[Y];
}
