/* gcn_sum and gin_sum, forward. */
#include "cl/bond_sum/internal.h"

#include "nn/workload.h"

#include <math.h>
#include <stdio.h>

enum {
    X = CLM_BOND_X,
    BOND = CLM_BOND_BOND,
    ROOT = CLM_BOND_ROOT,
    ROW_PTR = CLM_BOND_ROW_PTR,
    SRC = CLM_BOND_SRC,
    KIND = CLM_BOND_KIND,
    SELF = CLM_BOND_SELF,
    GROUP = CLM_BOND_GROUP,
    LIVE = CLM_BOND_LIVE,
    Y = CLM_BOND_Y,
    FACTOR = CLM_BOND_FACTOR,
    X_FACTOR = CLM_BOND_X_FACTOR
};

static clm_tensor *record(clm_tape *tape, const clm_op *op, clm_tensor *x, clm_tensor *bond,
                          clm_tensor *root, const clm_message_edges *e)
{
    if (!x || !root || !e->row_ptr || !e->src) return NULL;
    const int64_t shape[] = {e->row_ptr->dim[0] - 1, x->dim[1]};
    const bool gcn = op == &clm_op_gcn_sum, same = e->self == NULL;
    clm_tensor *y = clm_activation(tape, op->name, x->type, 2, shape);
    clm_record(tape,
               &(clm_call){.op = op,
                           .arg = {x, bond, root, e->row_ptr, e->src, bond ? e->kind : NULL,
                                   e->self, e->group, e->live, e->t_row_ptr, e->dst,
                                   bond ? e->t_kind : NULL, e->t_self, same ? e->live : e->x_live,
                                   y, gcn ? e->factor : NULL, gcn ? e->x_factor : NULL}});
    return y;
}

clm_tensor *clm_gcn_sum(clm_tape *tape, clm_tensor *x, clm_tensor *bond, clm_tensor *root,
                        const clm_message_edges *edges)
{
    return record(tape, &clm_op_gcn_sum, x, bond, root, edges);
}

clm_tensor *clm_gin_sum(clm_tape *tape, clm_tensor *x, clm_tensor *bond, clm_tensor *eps,
                        const clm_message_edges *edges)
{
    return record(tape, &clm_op_gin_sum, x, bond, eps, edges);
}

/* --- what the backward operators share --- */

clm_arg clm_bond_last(const clm_tensor *live) { return clm_i(live ? live->dim[0] - 1 : 0); }

int64_t clm_bond_live(const clm_tensor *live, int64_t rows)
{
    return live ? ((const int32_t *)live->host)[live->dim[0] - 1] : rows;
}

double clm_bond_bytes(const clm_call *call)
{
    double bytes = 0;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        const bool kept = o >= CLM_BOND_T_ROW_PTR && o < Y && call->op->grad; /* for later */
        if (call->arg[o] && call->op->operand[o].role != CLM_SCRATCH && !kept)
            bytes += (double)clm_tensor_bytes(call->arg[o]);
    }
    return bytes;
}

clm_blocks clm_bond_blocks(const clm_plan *plan, const clm_call *call, char options[128])
{
    const clm_op *op = call->op;
    const clm_blocks row =
        clm_cut_blocks(clm_dim(call, 'C'), clm_tune(plan, "WIDTH"), clm_tune(plan, "VECTORS"));
    snprintf(options, 128,
             "-DC=%d -DVEC=%d -DCOUNT=%d -DBLOCKS=%d -DSLACK=%d -DGCN=%d -DHAS_BOND=%d",
             (int)clm_dim(call, 'C'), row.vec, row.count, row.blocks, row.slack,
             op == &clm_op_gcn_sum || op == &clm_op_gcn_sum_backward, call->arg[BOND] != NULL);
    return row;
}

/* --- variants --- */

#define OPERANDS                                                                                   \
    clm_t(a[X]), clm_t(a[BOND]), clm_t(a[ROOT]), clm_t(a[ROW_PTR]), clm_t(a[SRC]), clm_t(a[KIND]), \
        clm_t(a[SELF]), clm_t(a[GROUP]), clm_t(a[LIVE]), clm_t(a[FACTOR]), clm_t(a[X_FACTOR]),     \
        clm_t(a[Y]), clm_i(clm_dim(call, 'Y')), clm_bond_last(a[LIVE])

static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t work = (size_t)clm_tune(plan, "WORK");
    const size_t all = clm_round_up(clm_dim(call, 'Y') + clm_dim(call, 'M'), work);
    char options[128];
    clm_bond_blocks(plan, call, options);
    return clm_launch(plan, call, "bond_sum_f32_cpu", options, (clm_range){{all / work}, {1}},
                      CLM_ARGS(OPERANDS));
}

static clm_status prepare_plain(clm_plan *plan, const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    char options[128];
    const clm_blocks row = clm_bond_blocks(plan, call, options);
    return clm_launch(plan, call, "bond_sum_f32_plain", options,
                      (clm_range){{clm_round_up(clm_dim(call, 'Y') * row.blocks, group)}, {group}},
                      CLM_ARGS(OPERANDS));
}

/* --- reference --- */

static void reference(const clm_call *call)
{
    const double *x = clm_f64(call, X), *bond = clm_f64(call, BOND), *root = clm_f64(call, ROOT);
    const double *factor = clm_f64(call, FACTOR), *x_factor = clm_f64(call, X_FACTOR);
    const int32_t *row_ptr = clm_i32(call, ROW_PTR), *src = clm_i32(call, SRC);
    const int32_t *kind = clm_i32(call, KIND), *self = clm_i32(call, SELF);
    const int32_t *group = clm_i32(call, GROUP);
    double *y = clm_f64(call, Y);
    const int64_t width = clm_dim(call, 'C');
    for (int64_t r = 0; r < clm_bond_live(call->arg[LIVE], clm_dim(call, 'Y')); r++)
        for (int64_t c = 0; c < width; c++) {
            const int64_t g = group ? group[r] : 0;
            const double own = x[(self ? self[r] : r) * width + c];
            double sum = factor ? factor[r] * factor[r] * fmax(own + root[g * width + c], 0)
                                : (1 + root[g]) * own;
            for (int32_t e = row_ptr[r]; e < row_ptr[r + 1]; e++) {
                const double with = bond ? bond[kind[e] * width + c] : 0;
                sum += (factor ? factor[r] * x_factor[src[e]] : 1) *
                       fmax(x[src[e] * width + c] + with, 0);
            }
            y[r * width + c] = sum;
        }
}

static clm_cost cost(const clm_call *call)
{
    const double c = (double)clm_dim(call, 'C'), y = (double)clm_dim(call, 'Y');
    const double m = (double)clm_dim(call, 'M');
    return (clm_cost){.flops = (call->arg[FACTOR] ? 4 * (m + y) : 3 * m + 2 * y) * c,
                      .bytes = clm_bond_bytes(call)};
}

/* --- examples --- */

static bool example(clm_example *e, int index)
{
    static const clm_bond_places at = {X,
                                       BOND,
                                       ROOT,
                                       CLM_BOND_T_ROW_PTR,
                                       CLM_BOND_DST,
                                       CLM_BOND_T_KIND,
                                       CLM_BOND_T_SELF,
                                       GROUP,
                                       CLM_BOND_X_LIVE,
                                       FACTOR,
                                       X_FACTOR};
    clm_bond_graph of;
    if (!clm_bond_structure(e, index, &of)) return false;
    const clm_bond_sizes *s = &of.size;
    clm_bond_example_common(e, &of, &at, clm_example_call(e)->op == &clm_op_gcn_sum);
    clm_example_i32(e, ROW_PTR, of.row_ptr, CLM_DIMS(s->y + 1));
    clm_example_i32(e, SRC, of.src, CLM_DIMS(s->m));
    if (s->q > 0) clm_example_i32(e, KIND, of.kind, CLM_DIMS(s->m));
    if (!of.same) clm_example_i32(e, SELF, of.self, CLM_DIMS(s->y));
    if (s->live < s->y) clm_example_i32(e, LIVE, (int32_t[]){0, (int32_t)s->live}, CLM_DIMS(2));
    clm_example_out(e, Y, CLM_DIMS(s->y, s->c));
    return true;
}

/* --- bench --- */

/* Ends of segments of `key` [m] in [0, n), and the edges in stable order of it. */
static int32_t *sort_edges(clm_scope *scope, const int32_t *key, int64_t m, int64_t n,
                           int32_t *order)
{
    int32_t *ptr = clm_alloc_array(scope, (size_t)n + 2, sizeof *ptr);
    for (int64_t e = 0; e < m; e++)
        ptr[key[e] + 2]++;
    for (int64_t i = 2; i <= n; i++)
        ptr[i] += ptr[i - 1];
    for (int64_t e = 0; e < m; e++)
        order[ptr[key[e] + 1]++] = (int32_t)e;
    return ptr;
}

enum { KINDS = 20 }; /* of bonds in a batch of molecules */

/* The workload's graph between nodes, all of them rows. */
static clm_message_edges bench_edges(clm_tape *tape, const clm_workload *w)
{
    const clm_typed_edges *g = &w->edge;
    clm_scope *scope = clm_tape_scope(tape);
    const int64_t n = g->nodes, m = g->edges;
    int32_t *row_ptr = clm_alloc_array(scope, (size_t)n + 1, 4);
    int32_t *src = clm_alloc_array(scope, (size_t)m + 1, 4);
    int32_t *order = clm_alloc_array(scope, (size_t)m + 1, 4);
    for (int64_t i = 0; i <= n; i++)
        row_ptr[i] = g->edge_ptr[g->segment_ptr[i]];
    for (int64_t e = 0; e < m; e++)
        src[e] = g->row_node[g->source[e]];
    const int32_t *t_row_ptr = sort_edges(scope, src, m, n, order);
    clm_tensor *kind = clm_bench_below(tape, "kind", KINDS, m);
    if (!kind) return (clm_message_edges){NULL};
    int32_t *dst = clm_alloc_array(scope, (size_t)m + 1, 4),
            *t_kind = clm_alloc_array(scope, (size_t)m + 1, 4);
    float *factor = clm_alloc_array(scope, (size_t)n + 1, 4);
    for (int64_t i = 0; i < m; i++) {
        dst[i] = g->target[order[i]];
        t_kind[i] = ((const int32_t *)kind->value)[order[i]];
    }
    for (int64_t i = 0; i < n; i++)
        factor[i] = 1 / sqrtf(1 + (float)(t_row_ptr[i + 1] - t_row_ptr[i]));
    clm_tensor *factors = clm_input_f32(tape, "factor", factor, CLM_DIMS(n));
    return (clm_message_edges){
        .row_ptr = clm_input_i32(tape, "edges of a row", row_ptr, CLM_DIMS(n + 1)),
        .src = clm_input_i32(tape, "source", src, CLM_DIMS(m)),
        .kind = kind,
        .t_row_ptr = clm_input_i32(tape, "edges of a source", t_row_ptr, CLM_DIMS(n + 1)),
        .dst = clm_input_i32(tape, "target", dst, CLM_DIMS(m)),
        .t_kind = clm_input_i32(tape, "kind by source", t_kind, CLM_DIMS(m)),
        .factor = factors,
        .x_factor = factors};
}

static void bench_gcn(clm_tape *tape, const clm_workload *w)
{
    const clm_message_edges edges = bench_edges(tape, w);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *bond = clm_bench_rows(tape, "bond", 1, CLM_DIMS(KINDS, w->width));
    clm_tensor *root = clm_bench_normal(tape, "root", 1, CLM_DIMS(1, w->width));
    clm_tensor *y = clm_gcn_sum(tape, x, bond, root, &edges);
    if (y) clm_keep(tape, y);
}

static void bench_gin(clm_tape *tape, const clm_workload *w)
{
    const clm_message_edges edges = bench_edges(tape, w);
    clm_tensor *x = clm_bench_rows(tape, "x", 1, CLM_DIMS(w->nodes, w->width));
    clm_tensor *bond = clm_bench_rows(tape, "bond", 1, CLM_DIMS(KINDS, w->width));
    clm_tensor *y =
        clm_gin_sum(tape, x, bond, clm_bench_normal(tape, "eps", 1, CLM_DIMS(1)), &edges);
    if (y) clm_keep(tape, y);
}

/* --- the operators --- */

/* clang-format off */
#define OPERANDS_OF(name, shape)                                                                       \
    {"x", CLM_IN, CLM_REAL, "X C", false, NULL},                                                   \
    {"bond", CLM_IN, CLM_REAL, "Q C", true, NULL},                                                 \
    {name, CLM_IN, CLM_F32, shape, false, NULL},                                                   \
    {"row_ptr", CLM_IN, CLM_I32, "Y+1", false, NULL},                                              \
    {"src", CLM_IN, CLM_I32, "M", false, NULL},                                                    \
    {"kind", CLM_IN, CLM_I32, "M", true, NULL},                                                    \
    {"self", CLM_IN, CLM_I32, "Y", true, NULL},                                                    \
    {"group", CLM_IN, CLM_I32, "Y", true, NULL},                                                   \
    {"live", CLM_IN, CLM_I32, "L", true, NULL},                                                    \
    {"t_row_ptr", CLM_IN, CLM_I32, "X+1", true, NULL},                                             \
    {"dst", CLM_IN, CLM_I32, "M", true, NULL},                                                     \
    {"t_kind", CLM_IN, CLM_I32, "M", true, NULL},                                                  \
    {"t_self", CLM_IN, CLM_I32, "X", true, NULL},                                                  \
    {"x_live", CLM_IN, CLM_I32, "K", true, NULL},                                                  \
    {"y", CLM_OUT, CLM_REAL, "Y C", false, NULL}

#define VARIANTS                                                                                   \
    {{.name = "cpu",                                                                               \
      .classes = CLM_CPU,                                                                          \
      .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},                                        \
                  {"VECTORS", 15, {2, 5, 10, 15}, NULL},                                           \
                  {"WORK", 96, {32, 64, 96, 128, 256}, NULL}},                                     \
      .prepare = prepare_cpu},                                                                     \
     {.name = "gpu",                                                                               \
      .classes = CLM_GPU,                                                                          \
      .tunable = {{"WIDTH", 4, {1, 4}, NULL}, {"VECTORS", 1, {1}, NULL},                           \
                  {"GROUP", 128, {64, 128, 256}, NULL}},                                           \
      .prepare = prepare_plain},                                                                   \
     {.name = "plain",                                                                             \
      .classes = CLM_ANY_DEVICE,                                                                   \
      .tunable = {{"WIDTH", 1, {1, 4}, NULL}, {"VECTORS", 1, {1}, NULL},                           \
                  {"GROUP", 64, {32, 64, 128}, NULL}},                                             \
      .prepare = prepare_plain}}
/* clang-format on */

const clm_op clm_op_gcn_sum = {
    .name = "gcn_sum",
    .about = "normalised sums of messages along edges with features",
    .paper = "Kipf & Welling 2017, eq. 2; Hu et al. 2020, appendix A",
    .source = &clm_source_bond_sum,
    .operand = {OPERANDS_OF("root", "G C"),
                {"factor", CLM_IN, CLM_F32, "Y", false, NULL},
                {"x_factor", CLM_IN, CLM_F32, "X", false, NULL}},
    .variant = VARIANTS,
    .grad = clm_bond_sum_grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench_gcn,
};

const clm_op clm_op_gin_sum = {
    .name = "gin_sum",
    .about = "sums of messages along edges with features",
    .paper = "Xu et al. 2019, eq. 4.1; Hu et al. 2020, appendix A",
    .source = &clm_source_bond_sum,
    .operand = {OPERANDS_OF("eps", "G")},
    .variant = VARIANTS,
    .grad = clm_bond_sum_grad,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
    .bench = bench_gin,
};

const clm_op *const clm_ops_bond_sum[] = {&clm_op_gcn_sum, &clm_op_gcn_sum_backward,
                                          &clm_op_gin_sum, &clm_op_gin_sum_backward, NULL};
