#include "cl/spmm/spmm.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <stdio.h>

enum { ROW_PTR, COL, VAL, W, T_ROW_PTR, T_COL, T_VAL, Y, CARRY, CARRY_ROW };

enum { SLICE = 64 }; /* the shortest slice: bounds the number of carries */

extern const clm_source clm_source_spmm;
static const clm_op spmm;

static int64_t slices(int64_t rows, int64_t entries, int64_t length)
{
    return (rows + entries + length - 1) / length;
}

clm_tensor *clm_spmm(clm_tape *tape, const clm_sparse *x, clm_tensor *w)
{
    if (x == NULL || x->row_ptr == NULL || x->col == NULL || x->val == NULL || w == NULL)
        return NULL;
    const int64_t d = w->dim[1], most = slices(x->rows, x->col->dim[0], SLICE);
    clm_tensor *y = clm_activation(tape, "spmm", CLM_F32, 2, (int64_t[]){x->rows, d});
    clm_tensor *carry = clm_activation(tape, "spmm.carry", CLM_F32, 2, (int64_t[]){most, d});
    clm_tensor *carry_row = clm_activation(tape, "spmm.carry_row", CLM_I32, 1, &most);
    clm_record(tape, &(clm_call){.op = &spmm,
                                 .arg = {x->row_ptr, x->col, x->val, w, x->t_row_ptr, x->t_col,
                                         x->t_val, y, carry, carry_row}});
    return y;
}

static void grad(clm_tape *tape, const clm_call *call)
{
    if (call->arg[T_ROW_PTR] == NULL || !clm_needs_gradient(tape, call->arg[W])) return;
    const clm_sparse transpose = {.rows = clm_dim(call, 'F'),
                                  .columns = clm_dim(call, 'N'),
                                  .row_ptr = call->arg[T_ROW_PTR],
                                  .col = call->arg[T_COL],
                                  .val = call->arg[T_VAL]};
    clm_tensor *dy = clm_gradient_of(tape, call->arg[Y]);
    clm_gradient_add(tape, call->arg[W], clm_spmm(tape, &transpose, dy));
}

static void reference(const clm_call *call)
{
    const int32_t *row_ptr = clm_i32(call, ROW_PTR), *col = clm_i32(call, COL);
    const double *val = clm_f64(call, VAL), *w = clm_f64(call, W);
    double *y = clm_f64(call, Y);
    const int64_t rows = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    for (int64_t n = 0; n < rows; n++)
        for (int64_t c = 0; c < d; c++) {
            double sum = 0;
            for (int32_t j = row_ptr[n]; j < row_ptr[n + 1]; j++)
                sum += val[j] * w[col[j] * d + c];
            y[n * d + c] = sum;
        }
}

/* For `pick`: vectors in a panel. A narrower one is gathered from again and again where a wide one
 * does not stay in the cache, but the matrix is read once for each. */
static int pick_vectors(const clm_device *device, const clm_call *call)
{
    const int64_t f = clm_dim(call, 'F'), lanes = clm_pick_lanes(device, call);
    int vectors = 16;
    while (vectors > 4 && (uint64_t)(4 * f * lanes * vectors) > device->cache_bytes / 2)
        vectors /= 2;
    return vectors;
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    const double z = (double)clm_dim(call, 'Z'), f = (double)clm_dim(call, 'F');
    return (clm_cost){.flops = 2 * z * d, .bytes = 4 * (2 * z + n + f * d + n * d)};
}

/* The slices kernel and the one that adds what slices leave over; both launch a work-item per panel
 * of a slice. */
static clm_status prepare_slices(clm_plan *plan, const clm_call *call)
{
    const clm_panels row =
        clm_cut_row(clm_dim(call, 'D'), clm_tune(plan, "WIDTH"), clm_tune(plan, "VECTORS"));
    const int64_t n = clm_dim(call, 'N');
    const int64_t count = slices(n, clm_dim(call, 'Z'), clm_tune(plan, "LENGTH"));
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    const clm_range range = {{clm_round_up(count * row.panels, group)}, {group}};
    char options[128];
    snprintf(options, sizeof options, "-DD=%d -DVEC=%d -DCOUNT=%d -DCOLUMNS=%d -DPANELS=%d",
             row.columns * row.panels, row.vec, row.count, row.columns, row.panels);
    CLM_TRY(
        clm_launch(plan, call, "spmm_f32_slices", options, range,
                   CLM_ARGS(clm_t(call->arg[ROW_PTR]), clm_t(call->arg[COL]), clm_t(call->arg[VAL]),
                            clm_t(call->arg[W]), clm_t(call->arg[Y]), clm_t(call->arg[CARRY]),
                            clm_t(call->arg[CARRY_ROW]), clm_i(n), clm_i(count))));
    return clm_launch(plan, call, "spmm_f32_carry", options, range,
                      CLM_ARGS(clm_t(call->arg[CARRY]), clm_t(call->arg[CARRY_ROW]),
                               clm_t(call->arg[Y]), clm_i(count)));
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), d = clm_dim(call, 'D');
    char options[96];
    snprintf(options, sizeof options, "-DD=%d -DVEC=1 -DCOUNT=1 -DCOLUMNS=1 -DPANELS=%d", (int)d,
             (int)d);
    return clm_launch(
        plan, call, "spmm_f32_plain", options, (clm_range){{clm_round_up(n * d, 64)}, {64}},
        CLM_ARGS(clm_t(call->arg[ROW_PTR]), clm_t(call->arg[COL]), clm_t(call->arg[VAL]),
                 clm_t(call->arg[W]), clm_t(call->arg[Y]), clm_i(n)));
}

/* A random matrix and its transpose, both in compressed rows. Rows have 0 .. 2 * mean entries;
 * column 0 has an entry in every row when `constant`, as a bias feature has. */
static void matrix_example(clm_example *example, int64_t rows, int64_t columns, int mean,
                           bool constant)
{
    int32_t *row_ptr = clm_example_memory(example, (size_t)(rows + 1) * 4);
    const int64_t most = rows * (2 * mean + 1) + 1;
    int32_t *col = clm_example_memory(example, (size_t)most * 4);
    float *val = clm_example_memory(example, (size_t)most * 4);
    int32_t *t_row_ptr = clm_example_memory(example, (size_t)(columns + 2) * 4);
    int32_t *t_col = clm_example_memory(example, (size_t)most * 4);
    float *t_val = clm_example_memory(example, (size_t)most * 4);
    int32_t entries = 0;
    for (int64_t n = 0; n < rows; n++) {
        row_ptr[n] = entries;
        const int32_t random = mean > 0 ? clm_example_random(example, 2 * mean + 1) : 0;
        for (int32_t j = 0; j < random + constant; j++, entries++) {
            col[entries] = j < random ? clm_example_random(example, (int32_t)columns) : 0;
            val[entries] = 0.01f * (float)(clm_example_random(example, 200) - 50);
            t_row_ptr[col[entries] + 2]++;
        }
    }
    row_ptr[rows] = entries;
    for (int64_t f = 2; f <= columns; f++)
        t_row_ptr[f] += t_row_ptr[f - 1]; /* t_row_ptr[f + 1]: where column f goes on */
    for (int64_t n = 0; n < rows; n++)
        for (int32_t j = row_ptr[n]; j < row_ptr[n + 1]; j++) {
            const int32_t to = t_row_ptr[col[j] + 1]++;
            t_col[to] = (int32_t)n;
            t_val[to] = val[j];
        }
    clm_example_i32(example, ROW_PTR, row_ptr, CLM_DIMS(rows + 1));
    clm_example_i32(example, COL, col, CLM_DIMS(entries));
    clm_example_f32(example, VAL, val, CLM_DIMS(entries));
    clm_example_i32(example, T_ROW_PTR, t_row_ptr, CLM_DIMS(columns + 1));
    clm_example_i32(example, T_COL, t_col, CLM_DIMS(entries));
    clm_example_f32(example, T_VAL, t_val, CLM_DIMS(entries));
    const int64_t count = slices(rows, entries, SLICE),
                  d = clm_example_call(example)->arg[W]->dim[1];
    clm_example_out(example, CARRY, CLM_DIMS(count, d));
    clm_example_out(example, CARRY_ROW, CLM_DIMS(count));
}

static bool example(clm_example *example, int index)
{
    static const struct {
        int64_t n, f, d;
        int mean;
        bool constant;
    } size[] = {
        {3, 4, 4, 2, true},         {7, 5, 16, 1, false},     {2, 300, 1, 20, true},
        {1, 1, 24, 0, true},        {1, 900, 64, 700, true},  {401, 67, 64, 9, true},
        {3000, 11, 32, 0, true},    {64, 97, 150, 40, false}, {65, 31, 300, 30, true},
        {500, 1000, 128, 20, true},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const int64_t n = size[index].n, f = size[index].f, d = size[index].d;
    clm_example_normal(example, W, 1, CLM_DIMS(f, d));
    matrix_example(example, n, f, size[index].mean, size[index].constant);
    clm_example_out(example, Y, CLM_DIMS(n, d));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    /* the graph's adjacency, a column for each row of keys, and its transpose; all values 1/2 */
    const clm_typed_edges *g = &w->edge;
    int32_t *row_ptr = clm_alloc_array(clm_tape_scope(tape), (size_t)g->nodes + 1, 4);
    float *half = clm_alloc_array(clm_tape_scope(tape), (size_t)g->edges + 1, 4);
    for (int32_t i = 0; i <= g->nodes; i++)
        row_ptr[i] = g->edge_ptr[g->segment_ptr[i]];
    for (int32_t i = 0; i < g->edges; i++)
        half[i] = 0.5F;
    const clm_sparse x = {
        .rows = g->nodes,
        .columns = g->rows,
        .row_ptr = clm_input_i32(tape, "rows", row_ptr, CLM_DIMS(g->nodes + 1)),
        .col = clm_input_i32(tape, "columns", g->source, CLM_DIMS(g->edges)),
        .val = clm_input_f32(tape, "values", half, CLM_DIMS(g->edges)),
        .t_row_ptr = clm_input_i32(tape, "transposed rows", g->source_ptr, CLM_DIMS(g->rows + 1)),
        .t_col = clm_input_i32(tape, "transposed columns", g->source_target, CLM_DIMS(g->edges)),
        .t_val = clm_input_f32(tape, "transposed values", half, CLM_DIMS(g->edges))};
    clm_tensor *y =
        clm_spmm(tape, &x, clm_bench_normal(tape, "w", 1, CLM_DIMS(x.columns, w->width)));
    if (y) clm_keep(tape, y);
}

static const clm_op spmm = {
    .name = "spmm",
    .about = "sparse matrix in compressed rows times a dense one",
    .paper = "Merrill & Garland, SC 2016 (slices of equal work)",
    .source = &clm_source_spmm,
    .operand = {{"row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"col", CLM_IN, CLM_I32, "Z", false, NULL},
                {"val", CLM_IN, CLM_F32, "Z", false, NULL},
                {"w", CLM_IN, CLM_F32, "F D", false, NULL},
                {"t_row_ptr", CLM_IN, CLM_I32, "F+1", true, NULL},
                {"t_col", CLM_IN, CLM_I32, "Z", true, NULL},
                {"t_val", CLM_IN, CLM_F32, "Z", true, NULL},
                {"y", CLM_OUT, CLM_F32, "N D", false, NULL},
                {"carry", CLM_SCRATCH, CLM_F32, "P D", false, NULL},
                {"carry_row", CLM_SCRATCH, CLM_I32, "P", false, NULL}},
    .variant = {{.name = "cpu",
                 .classes = CLM_CPU,
                 .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},
                             {"VECTORS", 0, {1, 2, 4, 8, 16}, pick_vectors},
                             {"AHEAD", 0, {4, 8, 12, 16, 24}, clm_pick_ahead},
                             {"LENGTH", 512, {128, 256, 512, 1024, 2048}, NULL},
                             {"GROUP", 1, {1}, NULL}},
                 .prepare = prepare_slices},
                {.name = "gpu",
                 .classes = CLM_GPU,
                 .tunable = {{"WIDTH", 4, {1, 4}, NULL},
                             {"VECTORS", 1, {1, 2, 4}, NULL},
                             {"LENGTH", 64, {64, 128, 256, 512}, NULL},
                             {"GROUP", 128, {64, 128, 256}, NULL}},
                 .prepare = prepare_slices},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare_plain}},
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_spmm[] = {&spmm, NULL};
