#include "cl/graph_pool/graph_pool.h"

#include "nn/workload.h"
#include "op/vector.h"

#include <stdio.h>

extern const clm_source clm_source_graph_pool;
static const clm_op graph_pool, graph_pool_backward;

enum { MAXIMUM };

static const struct {
    int64_t graphs, rows, d;
    int mean; /* rows of a graph, on average */
    bool maximum;
} sizes[] = {{1, 1, 1, 1, false},        {1, 1, 4, 1, true},         {3, 9, 24, 2, false},
             {5, 17, 7, 2, true},        {2, 5, 16, 0, true},        {4, 3, 8, 0, false},
             {31, 800, 32, 20, true},    {32, 1021, 150, 25, false}, {33, 1500, 300, 40, true},
             {600, 20000, 64, 30, false}};
enum { EXAMPLES = sizeof sizes / sizeof *sizes };

static const char *options(const clm_call *call, char text[32])
{
    snprintf(text, 32, "-DD=%d -DMAXIMUM=%d", (int)clm_dim(call, 'D'),
             (int)call->attribute[MAXIMUM]);
    return text;
}

/* A work-item for each started vector of the rows of D elements. */
static clm_range panels(const clm_plan *plan, const clm_call *call, int64_t rows)
{
    const int vec = clm_tune(plan, "VEC");
    return clm_vector_range(rows * ((clm_dim(call, 'D') + vec - 1) / vec), 1);
}

/* Graphs of 0 .. 2 * mean rows, some of them without any; rows are left over at the end. */
static int32_t *segments(clm_example *e, int index)
{
    const int64_t graphs = sizes[index].graphs;
    int32_t *ptr = clm_example_memory(e, (size_t)(graphs + 1) * sizeof *ptr);
    ptr[0] = 0;
    for (int64_t g = 0; g < graphs; g++) {
        const int32_t drawn = clm_example_random(e, 2 * sizes[index].mean + 1);
        const int32_t left = (int32_t)sizes[index].rows - ptr[g];
        ptr[g + 1] = ptr[g] + (drawn < left ? drawn : left);
    }
    return ptr;
}

/* --- forward --- */

enum { X, GRAPH_PTR, GRAPH_OF, Y, LARGEST };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t graphs = clm_dim(call, 'B');
    clm_tensor *const *x = call->arg;
    char text[32];
    return clm_launch(
        plan, call, "graph_pool_f32", options(call, text), panels(plan, call, graphs),
        CLM_ARGS(clm_t(x[X]), clm_t(x[GRAPH_PTR]), clm_i(graphs), clm_t(x[Y]), clm_t(x[LARGEST])));
}

static void reference(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D');
    const int32_t *ptr = clm_i32(call, GRAPH_PTR);
    int32_t *largest = clm_i32(call, LARGEST);
    for (int64_t g = 0; g < clm_dim(call, 'B'); g++)
        for (int64_t c = 0; c < d; c++) {
            const double *x = clm_f64(call, X) + c;
            double sum = 0;
            int32_t at = -1;
            for (int32_t row = ptr[g]; row < ptr[g + 1]; row++) {
                sum += x[row * d];
                if (at < 0 || x[row * d] > x[at * d]) at = row;
            }
            if (largest) largest[g * d + c] = at;
            clm_f64(call, Y)[g * d + c] = at < 0    ? 0
                                          : largest ? x[at * d]
                                                    : sum / (ptr[g + 1] - ptr[g]);
        }
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double b = (double)clm_dim(call, 'B'), maximum = call->attribute[MAXIMUM];
    return (clm_cost){.flops = n * d,
                      .bytes = (n + b) * d * clm_real_bytes(call) + 4 * b * (1 + maximum * d)};
}

static bool example(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t graphs = sizes[index].graphs, n = sizes[index].rows, d = sizes[index].d;
    clm_example_call(e)->attribute[MAXIMUM] = sizes[index].maximum;
    const int32_t *ptr = segments(e, index);
    int32_t *of = clm_example_memory(e, (size_t)n * sizeof *of);
    for (int64_t i = 0; i < n; i++)
        of[i] = (int32_t)(i % (2 * graphs)) - 1; /* not relied upon outside graphs */
    for (int32_t g = 0; g < graphs; g++)
        for (int32_t i = ptr[g]; i < ptr[g + 1]; i++)
            of[i] = g;
    clm_example_normal(e, X, 1, CLM_DIMS(n, d));
    clm_example_i32(e, GRAPH_PTR, ptr, CLM_DIMS(graphs + 1));
    clm_example_i32(e, GRAPH_OF, of, CLM_DIMS(n));
    clm_example_out(e, Y, CLM_DIMS(graphs, d));
    if (sizes[index].maximum) clm_example_out(e, LARGEST, CLM_DIMS(graphs, d));
    return true;
}

/* --- backward --- */

enum { DY, B_GRAPH_PTR, B_GRAPH_OF, B_LARGEST, DX };

static void grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *x = call->arg;
    if (!clm_needs_gradient(tape, x[X])) return;
    clm_call back = {.op = &graph_pool_backward,
                     .arg = {clm_gradient_of(tape, x[Y]), x[GRAPH_PTR], x[GRAPH_OF], x[LARGEST]},
                     .attribute = {call->attribute[MAXIMUM]}};
    back.arg[DX] = clm_activation(tape, "dpool", x[X]->type, x[X]->rank, x[X]->dim);
    clm_record(tape, &back);
    clm_gradient_add(tape, x[X], back.arg[DX]);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    const int64_t graphs = clm_dim(call, 'B'), n = clm_dim(call, 'N');
    clm_tensor *const *x = call->arg;
    char text[32];
    return clm_launch(plan, call, "graph_pool_backward_f32", options(call, text),
                      panels(plan, call, n),
                      CLM_ARGS(clm_t(x[DY]), clm_t(x[B_GRAPH_PTR]), clm_t(x[B_GRAPH_OF]),
                               clm_t(x[B_LARGEST]), clm_i(graphs), clm_i(n), clm_t(x[DX])));
}

static void reference_backward(const clm_call *call)
{
    const int64_t d = clm_dim(call, 'D'), elements = clm_dim(call, 'N') * d;
    const int32_t *ptr = clm_i32(call, B_GRAPH_PTR), *largest = clm_i32(call, B_LARGEST);
    double *dx = clm_f64(call, DX);
    for (int64_t i = 0; i < elements; i++)
        dx[i] = 0;
    for (int64_t g = 0; g < clm_dim(call, 'B'); g++)
        for (int64_t c = 0; c < d; c++) {
            const double dy = clm_f64(call, DY)[g * d + c];
            if (largest && largest[g * d + c] >= 0) dx[largest[g * d + c] * d + c] = dy;
            for (int32_t row = ptr[g]; !largest && row < ptr[g + 1]; row++)
                dx[row * d + c] = dy / (ptr[g + 1] - ptr[g]);
        }
}

static clm_cost cost_backward(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double b = (double)clm_dim(call, 'B'), maximum = call->attribute[MAXIMUM];
    return (clm_cost){.flops = n * d,
                      .bytes =
                          (n + b) * d * clm_real_bytes(call) + 4 * (n + b * (1 + maximum * d))};
}

static bool example_backward(clm_example *e, int index)
{
    if (index >= EXAMPLES) return false;
    const int64_t graphs = sizes[index].graphs, n = sizes[index].rows, d = sizes[index].d;
    clm_example_call(e)->attribute[MAXIMUM] = sizes[index].maximum;
    const int32_t *ptr = segments(e, index);
    int32_t *of = clm_example_memory(e, (size_t)n * sizeof *of);
    int32_t *largest = clm_example_memory(e, (size_t)(graphs * d) * sizeof *largest);
    for (int64_t i = 0; i < n; i++)
        of[i] = (int32_t)(i % (2 * graphs)) - 1;
    for (int32_t g = 0; g < graphs; g++) {
        const int32_t rows = ptr[g + 1] - ptr[g];
        for (int32_t i = ptr[g]; i < ptr[g + 1]; i++)
            of[i] = g;
        for (int64_t c = 0; c < d; c++)
            largest[g * d + c] = rows ? ptr[g] + clm_example_random(e, rows) : -1;
    }
    clm_example_normal(e, DY, 1, CLM_DIMS(graphs, d));
    clm_example_i32(e, B_GRAPH_PTR, ptr, CLM_DIMS(graphs + 1));
    clm_example_i32(e, B_GRAPH_OF, of, CLM_DIMS(n));
    if (sizes[index].maximum) clm_example_i32(e, B_LARGEST, largest, CLM_DIMS(graphs, d));
    clm_example_out(e, DX, CLM_DIMS(n, d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    enum { ROWS = 25 }; /* of a graph: a molecule's atoms */
    const int64_t graphs = (w->nodes + ROWS - 1) / ROWS;
    int32_t *ptr = clm_alloc_array(clm_tape_scope(tape), (size_t)graphs + 1, sizeof *ptr);
    int32_t *of = clm_alloc_array(clm_tape_scope(tape), (size_t)w->nodes + 1, sizeof *of);
    for (int32_t i = 0; i < w->nodes; i++)
        of[i] = i / ROWS;
    for (int64_t g = 0; g <= graphs; g++)
        ptr[g] = (int32_t)(g < graphs ? g * ROWS : w->nodes);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *y =
        clm_graph_pool(tape, x, clm_input_i32(tape, "graphs", ptr, CLM_DIMS(graphs + 1)),
                       clm_input_i32(tape, "graph of a row", of, CLM_DIMS(w->nodes)), false);
    if (y) clm_keep(tape, y);
}

static const clm_op graph_pool = {
    .name = "graph_pool",
    .about = "mean or maximum of the rows of each graph",
    .source = &clm_source_graph_pool,
    .operand = {{"x", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"graph_ptr", CLM_IN, CLM_I32, "B+1", false, NULL},
                {"graph_of", CLM_IN, CLM_I32, "N", false, NULL},
                {"y", CLM_OUT, CLM_REAL, "B D", false, NULL},
                {"largest", CLM_OUT, CLM_I32, "B D", true, NULL}},
    .attribute = {"maximum"},
    .variant = CLM_VECTOR_VARIANTS(prepare),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 5e-7,
    .wrong = 2e-6,
    .example = example,
    .bench = bench,
};

static const clm_op graph_pool_backward = {
    .name = "graph_pool_backward",
    .about = "gradient of graph_pool",
    .source = &clm_source_graph_pool,
    .operand = {{"dy", CLM_IN, CLM_REAL, "B D", false, NULL},
                {"graph_ptr", CLM_IN, CLM_I32, "B+1", false, NULL},
                {"graph_of", CLM_IN, CLM_I32, "N", false, NULL},
                {"largest", CLM_IN, CLM_I32, "B D", true, NULL},
                {"dx", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .attribute = {"maximum"},
    .variant = CLM_VECTOR_VARIANTS(prepare_backward),
    .reference = reference_backward,
    .cost = cost_backward,
    .suspect = 3e-7,
    .wrong = 1e-6,
    .example = example_backward,
};

const clm_op *const clm_ops_graph_pool[] = {&graph_pool, &graph_pool_backward, NULL};

clm_tensor *clm_graph_pool(clm_tape *tape, clm_tensor *x, clm_tensor *graph_ptr,
                           clm_tensor *graph_of, bool maximum)
{
    if (!x || !graph_ptr || !graph_of) return NULL;
    const int64_t graphs = graph_ptr->dim[0] - 1, d = x->dim[1];
    clm_call call = {.op = &graph_pool, .arg = {x, graph_ptr, graph_of}, .attribute = {maximum}};
    call.arg[Y] = clm_activation(tape, "graph_pool", x->type, CLM_DIMS(graphs, d));
    if (maximum) call.arg[LARGEST] = clm_activation(tape, "largest", CLM_I32, CLM_DIMS(graphs, d));
    clm_record(tape, &call);
    return call.arg[Y];
}
