#include "cl/embedding_sum/embedding_sum.h"

#include "nn/workload.h"
#include "op/lanes.h"

#include <stdio.h>

enum { INDEX, TABLE, LIVE, Y };
enum { DY = 1, DTABLE = 3, PARTIAL };
enum {
    LEAST_PART = 32,   /* rows that are worth a table of their own */
    MOST_PARTS = 64,   /* enough for any device to be busy */
    ITEMS_PER_UNIT = 8 /* that even out the times of a CPU's work-items */
};

extern const clm_source clm_source_embedding_sum;
static const clm_op embedding_sum, embedding_sum_backward;

clm_tensor *clm_embedding_sum(clm_tape *tape, clm_tensor *index, clm_tensor *table,
                              clm_tensor *live)
{
    if (index == NULL || table == NULL) return NULL;
    clm_tensor *y = clm_activation(tape, "embedding_sum", CLM_REAL, 2,
                                   (int64_t[]){index->dim[0], table->dim[1]});
    clm_record(tape, &(clm_call){.op = &embedding_sum, .arg = {index, table, live, y}});
    return y;
}

/* Rows that there are, of a reference. */
static int64_t live_rows(const clm_call *call)
{
    const int32_t *live = clm_i32(call, LIVE);
    return live ? live[clm_dim(call, 'L') - 1] : clm_dim(call, 'N');
}

static double bytes(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return n * d * clm_real_bytes(call) +
           4 * (n * (double)clm_dim(call, 'A') + d * (double)clm_dim(call, 'V'));
}

static clm_cost cost(const clm_call *call)
{
    const double n = (double)clm_dim(call, 'N'), d = (double)clm_dim(call, 'D');
    return (clm_cost){.flops = n * (double)clm_dim(call, 'A') * d, .bytes = bytes(call)};
}

static clm_blocks blocks(const clm_plan *plan, const clm_call *call, char options[128])
{
    const clm_blocks row =
        clm_cut_blocks(clm_dim(call, 'D'), clm_tune(plan, "WIDTH"), clm_tune(plan, "VECTORS"));
    snprintf(options, 128, "-DA=%d -DD=%d -DVEC=%d -DCOUNT=%d -DBLOCKS=%d -DSLACK=%d",
             (int)clm_dim(call, 'A'), (int)clm_dim(call, 'D'), row.vec, row.count, row.blocks,
             row.slack);
    return row;
}

/* Last element of live. */
static clm_arg last(const clm_call *call) { return clm_i(clm_dim(call, 'L') - 1); }

/* --- forward --- */

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), rows = clm_tune(plan, "ROWS");
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    char options[128];
    const clm_blocks row = blocks(plan, call, options);
    return clm_launch(
        plan, call, "embedding_sum_f32", options,
        (clm_range){{clm_round_up((n + rows - 1) / rows * row.blocks, group)}, {group}},
        CLM_ARGS(clm_t(call->arg[INDEX]), clm_t(call->arg[TABLE]), clm_t(call->arg[LIVE]),
                 clm_t(call->arg[Y]), clm_i(n), last(call), clm_i(rows)));
}

static void reference(const clm_call *call)
{
    const int32_t *index = clm_i32(call, INDEX);
    const double *table = clm_f64(call, TABLE);
    double *y = clm_f64(call, Y);
    const int64_t d = clm_dim(call, 'D'), each = clm_dim(call, 'A');
    for (int64_t n = 0; n < live_rows(call); n++)
        for (int64_t c = 0; c < d; c++) {
            y[n * d + c] = 0;
            for (int64_t a = 0; a < each; a++)
                y[n * d + c] += table[index[n * each + a] * d + c];
        }
}

static const struct {
    int64_t n, a, v, d, live;
} sizes[] = {
    {3, 2, 5, 4, 3},        {5, 1, 1, 16, 4},       {1, 9, 30, 1, 1},      {4, 3, 13, 24, 0},
    {211, 9, 173, 64, 199}, {67, 3, 13, 150, 67},   {97, 6, 26, 1200, 90}, {800, 9, 173, 150, 723},
    {13, 3, 13, 1200, 13},  {2000, 2, 3, 33, 2000},
};

/* Index and live of example `index`; false when there are no more. */
static bool example_rows(clm_example *e, int index)
{
    if (index >= (int)(sizeof sizes / sizeof *sizes)) return false;
    const int64_t n = sizes[index].n, live = sizes[index].live;
    clm_example_below(e, INDEX, (int32_t)sizes[index].v, CLM_DIMS(n, sizes[index].a));
    if (live < n || index % 2) clm_example_i32(e, LIVE, (int32_t[]){0, (int32_t)live}, CLM_DIMS(2));
    return true;
}

static bool example(clm_example *e, int index)
{
    if (!example_rows(e, index)) return false;
    clm_example_normal(e, TABLE, 1, CLM_DIMS(sizes[index].v, sizes[index].d));
    clm_example_out(e, Y, CLM_DIMS(sizes[index].n, sizes[index].d));
    return true;
}

/* --- backward --- */

/* Most parts whose tables take no more than the rows themselves, and elements of each. */
static int64_t most_parts(int64_t n, int64_t v)
{
    const int64_t by_rows = (n + LEAST_PART - 1) / LEAST_PART, by_bytes = n / v;
    const int64_t parts = by_rows < by_bytes ? by_rows : by_bytes;
    return parts < 1 ? 1 : parts < MOST_PARTS ? parts : MOST_PARTS;
}

static int64_t part_elements(int64_t v, int64_t d) { return 2 * v * (int64_t)clm_round_up(d, 16); }

static void grad(clm_tape *tape, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), v = clm_dim(call, 'V'), d = clm_dim(call, 'D');
    if (!clm_needs_gradient(tape, call->arg[TABLE])) return;
    clm_tensor *dtable = clm_activation(tape, "dtable", CLM_F32, CLM_DIMS(v, d));
    clm_tensor *partial = clm_activation(tape, "embedding sums", CLM_F32,
                                         CLM_DIMS(most_parts(n, v), part_elements(v, d)));
    clm_record(tape, &(clm_call){.op = &embedding_sum_backward,
                                 .arg = {call->arg[INDEX], clm_gradient_of(tape, call->arg[Y]),
                                         call->arg[LIVE], dtable, partial}});
    clm_gradient_add(tape, call->arg[TABLE], dtable);
}

static clm_status launch_backward(clm_plan *plan, const clm_call *call, int64_t wanted)
{
    const int64_t n = clm_dim(call, 'N'), v = clm_dim(call, 'V'), most = clm_dim(call, 'P');
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    const int64_t parts = wanted < 1 ? 1 : wanted < most ? wanted : most;
    char options[128];
    const clm_blocks row = blocks(plan, call, options);
    CLM_TRY(
        clm_launch(plan, call, "embedding_sum_backward_f32", options,
                   (clm_range){{clm_round_up(parts * row.blocks, group)}, {group}},
                   CLM_ARGS(clm_t(call->arg[INDEX]), clm_t(call->arg[DY]), clm_t(call->arg[LIVE]),
                            clm_t(call->arg[PARTIAL]), clm_i(n), last(call),
                            clm_i((n + parts - 1) / parts), clm_i(parts), clm_i(v))));
    return clm_launch(
        plan, call, "embedding_sum_backward_sum_f32", options,
        (clm_range){{clm_round_up(v * row.blocks, group)}, {group}},
        CLM_ARGS(clm_t(call->arg[PARTIAL]), clm_t(call->arg[DTABLE]), clm_i(parts), clm_i(v)));
}

static clm_status prepare_backward_cpu(clm_plan *plan, const clm_call *call)
{
    char options[128];
    const int64_t items = ITEMS_PER_UNIT * (int64_t)clm_plan_device(plan)->compute_units;
    return launch_backward(plan, call, items / blocks(plan, call, options).blocks);
}

static clm_status prepare_backward(clm_plan *plan, const clm_call *call)
{
    return launch_backward(plan, call, MOST_PARTS);
}

static void reference_backward(const clm_call *call)
{
    const int32_t *index = clm_i32(call, INDEX);
    const double *dy = clm_f64(call, DY);
    double *dtable = clm_f64(call, DTABLE);
    const int64_t v = clm_dim(call, 'V'), d = clm_dim(call, 'D'), each = clm_dim(call, 'A');
    for (int64_t i = 0; i < v * d; i++)
        dtable[i] = 0;
    for (int64_t n = 0; n < live_rows(call); n++)
        for (int64_t a = 0; a < each; a++)
            for (int64_t c = 0; c < d; c++)
                dtable[index[n * each + a] * d + c] += dy[n * d + c];
}

static bool example_backward(clm_example *e, int index)
{
    if (!example_rows(e, index)) return false;
    const int64_t n = sizes[index].n, v = sizes[index].v, d = sizes[index].d;
    clm_example_normal(e, DY, 1, CLM_DIMS(n, d));
    clm_example_out(e, DTABLE, CLM_DIMS(v, d));
    clm_example_out(e, PARTIAL, CLM_DIMS(most_parts(n, v), part_elements(v, d)));
    return true;
}

static void bench(clm_tape *tape, const clm_workload *w)
{
    enum { CATEGORIES = 9, ROWS = 173 }; /* of atoms in molecules */
    clm_tensor *index = clm_bench_below(tape, "categories", ROWS, w->nodes * CATEGORIES);
    if (!index) return;
    index->rank = 2;
    index->dim[0] = w->nodes;
    index->dim[1] = CATEGORIES;
    clm_tensor *y = clm_embedding_sum(
        tape, index, clm_bench_normal(tape, "table", 1, CLM_DIMS(ROWS, w->width)), NULL);
    if (y) clm_keep(tape, y);
}

/* Few columns to a work-item backward, for many of them: the table is cut by columns first. */
#define VARIANTS(forward, cpu, other, vectors)                                                     \
    {                                                                                              \
        {.name = "cpu",                                                                            \
         .classes = CLM_CPU,                                                                       \
         .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},                                     \
                     {"VECTORS", vectors, {1, 2, 4, 8, 16}, NULL},                                 \
                     {"ROWS", 32, {8, 16, 32, 64, 128}, NULL},                                     \
                     {"GROUP", 1, {1}, NULL}},                                                     \
         .prepare = cpu},                                                                          \
            {.name = "gpu",                                                                        \
             .classes = CLM_GPU,                                                                   \
             .tunable = {{"WIDTH", forward ? 4 : 1, {1, 4}, NULL},                                 \
                         {"VECTORS", 1, {1}, NULL},                                                \
                         {"ROWS", 1, {1, 2, 4}, NULL},                                             \
                         {"GROUP", 128, {64, 128, 256}, NULL}},                                    \
             .prepare = other},                                                                    \
        {                                                                                          \
            .name = "plain", .classes = CLM_ANY_DEVICE,                                            \
            .tunable = {{"WIDTH", 1, {1, 4}, NULL},                                                \
                        {"VECTORS", 1, {1}, NULL},                                                 \
                        {"ROWS", 1, {1, 2, 4}, NULL},                                              \
                        {"GROUP", 64, {32, 64, 128}, NULL}},                                       \
            .prepare = other                                                                       \
        }                                                                                          \
    }

static const clm_op embedding_sum = {
    .name = "embedding_sum",
    .about = "sums of rows of a table, one of each category",
    .source = &clm_source_embedding_sum,
    .operand = {{"index", CLM_IN, CLM_I32, "N A", false, NULL},
                {"table", CLM_IN, CLM_F32, "V D", false, NULL},
                {"live", CLM_IN, CLM_I32, "L", true, NULL},
                {"y", CLM_OUT, CLM_REAL, "N D", false, NULL}},
    .variant = VARIANTS(true, prepare, prepare, 16),
    .grad = grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench,
};

static const clm_op embedding_sum_backward = {
    .name = "embedding_sum_backward",
    .about = "gradient of the table of embedding_sum",
    .source = &clm_source_embedding_sum,
    .operand = {{"index", CLM_IN, CLM_I32, "N A", false, NULL},
                {"dy", CLM_IN, CLM_REAL, "N D", false, NULL},
                {"live", CLM_IN, CLM_I32, "L", true, NULL},
                {"dtable", CLM_OUT, CLM_F32, "V D", false, NULL},
                {"partial", CLM_SCRATCH, CLM_F32, "P B", false, NULL}},
    .variant = VARIANTS(false, prepare_backward_cpu, prepare_backward, 4),
    .reference = reference_backward,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example_backward,
};

const clm_op *const clm_ops_embedding_sum[] = {&embedding_sum, &embedding_sum_backward, NULL};
