/* Gradients of gcn_sum and gin_sum. */
#include "cl/bond_sum/internal.h"

#include <stdio.h>
#include <string.h>

enum {
    X,
    BOND,
    ROOT,
    DY,
    T_ROW_PTR,
    DST,
    T_KIND,
    T_SELF,
    GROUP,
    X_LIVE,
    DX,
    DBOND,
    DROOT,
    PARTIAL,
    FACTOR,
    X_FACTOR
};

enum {
    LEAST_PART = 32,   /* rows that are worth sums of their own */
    MOST_PARTS = 64,   /* enough for any device to be busy */
    ITEMS_PER_UNIT = 8 /* that even out the times of a CPU's work-items */
};

/* Shape of partial: most parts, as many as take no more memory than messages would, and the elements
 * of one. */
static void partial_shape(int64_t rows, int64_t edges, int64_t sums, int64_t columns,
                          int64_t shape[2])
{
    const int64_t by_rows = (rows + LEAST_PART - 1) / LEAST_PART, by_bytes = (rows + edges) / sums;
    const int64_t parts = by_rows < by_bytes ? by_rows : by_bytes;
    shape[0] = parts < 1 ? 1 : parts < MOST_PARTS ? parts : MOST_PARTS;
    shape[1] = 2 * sums * (int64_t)clm_round_up(columns, 16);
}

void clm_bond_sum_grad(clm_tape *tape, const clm_call *call)
{
    clm_tensor *const *a = call->arg, *x = a[CLM_BOND_X], *bond = a[CLM_BOND_BOND];
    clm_tensor *root = a[CLM_BOND_ROOT];
    const bool gcn = call->op == &clm_op_gcn_sum;
    const bool want_bond = clm_needs_gradient(tape, bond);
    const int64_t sums = (want_bond ? bond->dim[0] : 0) + root->dim[0];
    int64_t shape[2];
    partial_shape(x->dim[0], a[CLM_BOND_SRC]->dim[0], sums, x->dim[1], shape);
    clm_call back = {.op = gcn ? &clm_op_gcn_sum_backward : &clm_op_gin_sum_backward,
                     .arg = {x, bond, root, clm_gradient_of(tape, a[CLM_BOND_Y]),
                             a[CLM_BOND_T_ROW_PTR], a[CLM_BOND_DST], a[CLM_BOND_T_KIND],
                             a[CLM_BOND_T_SELF], a[CLM_BOND_GROUP], a[CLM_BOND_X_LIVE]}};
    back.arg[DX] = clm_activation(tape, "dx", x->type, 2, x->dim);
    if (want_bond) back.arg[DBOND] = clm_activation(tape, "dbond", bond->type, 2, bond->dim);
    back.arg[DROOT] = clm_activation(tape, gcn ? "droot" : "deps", CLM_F32, root->rank, root->dim);
    back.arg[PARTIAL] = clm_activation(tape, "bond sums", CLM_F32, 2, shape);
    back.arg[FACTOR] = a[CLM_BOND_FACTOR];
    back.arg[X_FACTOR] = a[CLM_BOND_X_FACTOR];
    clm_record(tape, &back);
    clm_gradient_add(tape, x, back.arg[DX]);
    if (want_bond) clm_gradient_add(tape, bond, back.arg[DBOND]);
    clm_gradient_add(tape, root, back.arg[DROOT]);
}

/* --- variants --- */

/* The rows in `wanted` parts, or as many as there is room for. */
static clm_status launch(clm_plan *plan, const clm_call *call, int64_t wanted)
{
    clm_tensor *const *a = call->arg;
    const int64_t most = clm_dim(call, 'P'), rows = clm_dim(call, 'X');
    const int64_t parts = wanted < 1 ? 1 : wanted < most ? wanted : most;
    const int64_t kinds = a[DBOND] ? a[DBOND]->dim[0] : 0, groups = a[ROOT]->dim[0];
    const size_t group = (size_t)clm_tune(plan, "GROUP");
    const bool gcn = a[FACTOR] != NULL;
    char options[160];
    const clm_blocks row = clm_bond_blocks(plan, call, options);
    snprintf(options + strlen(options), sizeof options - strlen(options), " -DHAS_DBOND=%d",
             a[DBOND] != NULL);
    CLM_TRY(
        clm_launch(plan, call, "bond_sum_backward_f32", options,
                   (clm_range){{clm_round_up(parts * row.blocks, group)}, {group}},
                   CLM_ARGS(clm_t(a[X]), clm_t(a[BOND]), clm_t(a[ROOT]), clm_t(a[DY]),
                            clm_t(a[T_ROW_PTR]), clm_t(a[DST]), clm_t(a[T_KIND]), clm_t(a[T_SELF]),
                            clm_t(a[GROUP]), clm_t(a[X_LIVE]), clm_t(a[FACTOR]), clm_t(a[X_FACTOR]),
                            clm_t(a[DX]), clm_t(a[PARTIAL]), clm_i(rows), clm_bond_last(a[X_LIVE]),
                            clm_i(parts), clm_i(kinds), clm_i(groups))));
    const int64_t vectors = (kinds + (gcn ? groups : 0)) * row.blocks * row.count;
    if (vectors > 0)
        CLM_TRY(clm_launch(plan, call, "bond_sum_backward_rows_f32", options,
                           (clm_range){{clm_round_up(vectors, group)}, {group}},
                           CLM_ARGS(clm_t(a[PARTIAL]), clm_t(a[DBOND]), clm_t(a[DROOT]),
                                    clm_i(parts), clm_i(kinds), clm_i(groups))));
    if (gcn) return CLM_OK;
    const int lanes = clm_tune(plan, "LANES");
    return clm_launch(
        plan, call, "bond_sum_backward_eps_f32", options,
        (clm_range){{(size_t)lanes, (size_t)groups}, {(size_t)lanes, 1}},
        CLM_ARGS(clm_t(a[PARTIAL]), clm_t(a[DROOT]), clm_i(parts), clm_i(kinds), clm_i(groups)));
}

/* Blocks of columns are work-items already; parts only where those are too few. */
static clm_status prepare_cpu(clm_plan *plan, const clm_call *call)
{
    char options[128];
    const int64_t items = ITEMS_PER_UNIT * (int64_t)clm_plan_device(plan)->compute_units;
    return launch(plan, call, items / clm_bond_blocks(plan, call, options).blocks);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    return launch(plan, call, MOST_PARTS);
}

/* --- reference --- */

/* One product of an input row's column: what flows back along an edge, or from its own row. */
static double gated(double x, double with, double dy) { return x + with > 0 ? dy : 0; }

static void reference_row(const clm_call *call, int64_t s)
{
    const double *x = clm_f64(call, X), *bond = clm_f64(call, BOND), *root = clm_f64(call, ROOT);
    const double *dy = clm_f64(call, DY), *factor = clm_f64(call, FACTOR);
    const double *x_factor = clm_f64(call, X_FACTOR);
    const int32_t *t_row_ptr = clm_i32(call, T_ROW_PTR), *dst = clm_i32(call, DST);
    const int32_t *t_kind = clm_i32(call, T_KIND), *t_self = clm_i32(call, T_SELF);
    const int32_t *group = clm_i32(call, GROUP);
    double *dbond = clm_f64(call, DBOND), *droot = clm_f64(call, DROOT);
    const int64_t width = clm_dim(call, 'C'), r = t_self ? t_self[s] : s;
    const int64_t g = group && r >= 0 ? group[r] : 0;
    for (int64_t c = 0; c < width; c++) {
        const double own = x[s * width + c];
        double d = 0;
        if (r >= 0 && factor) {
            d = gated(own, root[g * width + c], factor[r] * factor[r] * dy[r * width + c]);
            droot[g * width + c] += d;
        } else if (r >= 0) {
            d = (1 + root[g]) * dy[r * width + c];
            droot[g] += own * dy[r * width + c];
        }
        for (int32_t e = t_row_ptr[s]; e < t_row_ptr[s + 1]; e++) {
            const double given =
                (factor ? factor[dst[e]] * x_factor[s] : 1) * dy[dst[e] * width + c];
            const double back = gated(own, bond ? bond[t_kind[e] * width + c] : 0, given);
            if (dbond) dbond[t_kind[e] * width + c] += back;
            d += back;
        }
        clm_f64(call, DX)[s * width + c] = d;
    }
}

static void reference(const clm_call *call)
{
    clm_tensor *const *a = call->arg;
    for (int64_t i = 0; a[DBOND] && i < clm_elements(a[DBOND]); i++)
        clm_f64(call, DBOND)[i] = 0;
    for (int64_t i = 0; i < clm_elements(a[DROOT]); i++)
        clm_f64(call, DROOT)[i] = 0;
    for (int64_t s = 0; s < clm_bond_live(a[X_LIVE], clm_dim(call, 'X')); s++)
        reference_row(call, s);
}

static clm_cost cost(const clm_call *call)
{
    const double c = (double)clm_dim(call, 'C'), y = (double)clm_dim(call, 'Y');
    const double m = (double)clm_dim(call, 'M');
    return (clm_cost){.flops = (call->arg[FACTOR] ? 5 : 4) * (m + y) * c,
                      .bytes = clm_bond_bytes(call)};
}

static bool example(clm_example *e, int index)
{
    static const clm_bond_places at = {X,      BOND,  ROOT,   T_ROW_PTR, DST,     T_KIND,
                                       T_SELF, GROUP, X_LIVE, FACTOR,    X_FACTOR};
    clm_bond_graph of;
    if (!clm_bond_structure(e, index, &of)) return false;
    const clm_bond_sizes *s = &of.size;
    const bool gcn = clm_example_call(e)->op == &clm_op_gcn_sum_backward;
    int64_t shape[2];
    partial_shape(s->x, s->m, s->q + s->g, s->c, shape);
    clm_bond_example_common(e, &of, &at, gcn);
    clm_example_normal(e, DY, 1, CLM_DIMS(s->y, s->c));
    clm_example_out(e, DX, CLM_DIMS(s->x, s->c));
    if (s->q > 0 && index % 5 != 4) clm_example_out(e, DBOND, CLM_DIMS(s->q, s->c));
    clm_example_out(e, DROOT, gcn ? 2 : 1, (int64_t[]){s->g, s->c});
    clm_example_out(e, PARTIAL, 2, shape);
    return true;
}

/* --- the operators --- */

/* clang-format off */
#define OPERANDS(root, shape)                                                                      \
    {"x", CLM_IN, CLM_REAL, "X C", false, NULL},                                                   \
    {"bond", CLM_IN, CLM_REAL, "Q C", true, NULL},                                                 \
    {root, CLM_IN, CLM_F32, shape, false, NULL},                                                   \
    {"dy", CLM_IN, CLM_REAL, "Y C", false, NULL},                                                  \
    {"t_row_ptr", CLM_IN, CLM_I32, "X+1", false, NULL},                                            \
    {"dst", CLM_IN, CLM_I32, "M", false, NULL},                                                    \
    {"t_kind", CLM_IN, CLM_I32, "M", true, NULL},                                                  \
    {"t_self", CLM_IN, CLM_I32, "X", true, NULL},                                                  \
    {"group", CLM_IN, CLM_I32, "Y", true, NULL},                                                   \
    {"x_live", CLM_IN, CLM_I32, "K", true, NULL},                                                  \
    {"dx", CLM_OUT, CLM_REAL, "X C", false, NULL},                                                 \
    {"dbond", CLM_OUT, CLM_REAL, "Q C", true, NULL},                                               \
    {"d" root, CLM_OUT, CLM_F32, shape, false, NULL},                                              \
    {"partial", CLM_SCRATCH, CLM_F32, "P A", false, NULL}

#define VARIANTS                                                                                   \
    {{.name = "cpu",                                                                               \
      .classes = CLM_CPU,                                                                          \
      .tunable = {{"WIDTH", 8, {4, 8, 16}, clm_pick_lanes},                                        \
                  {"VECTORS", 5, {1, 2, 3, 5, 8, 15}, NULL}, {"GROUP", 1, {1}, NULL},              \
                  {"LANES", 1, {1}, NULL}},                                                        \
      .prepare = prepare_cpu},                                                                     \
     {.name = "gpu",                                                                               \
      .classes = CLM_GPU,                                                                          \
      .tunable = {{"WIDTH", 1, {1, 4}, NULL}, {"VECTORS", 1, {1}, NULL},                           \
                  {"GROUP", 128, {64, 128, 256}, NULL}, {"LANES", 64, {32, 64, 128}, NULL}},       \
      .prepare = prepare},                                                                         \
     {.name = "plain",                                                                             \
      .classes = CLM_ANY_DEVICE,                                                                   \
      .tunable = {{"WIDTH", 1, {1, 4}, NULL}, {"VECTORS", 1, {1}, NULL},                           \
                  {"GROUP", 64, {32, 64, 128}, NULL}, {"LANES", 1, {1}, NULL}},                    \
      .prepare = prepare}}
/* clang-format on */

const clm_op clm_op_gcn_sum_backward = {
    .name = "gcn_sum_backward",
    .about = "gradients of gcn_sum",
    .paper = "Kipf & Welling 2017, eq. 2; Hu et al. 2020, appendix A",
    .source = &clm_source_bond_sum,
    .operand = {OPERANDS("root", "G C"),
                {"factor", CLM_IN, CLM_F32, "Y", false, NULL},
                {"x_factor", CLM_IN, CLM_F32, "X", false, NULL}},
    .variant = VARIANTS,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
};

const clm_op clm_op_gin_sum_backward = {
    .name = "gin_sum_backward",
    .about = "gradients of gin_sum",
    .paper = "Xu et al. 2019, eq. 4.1; Hu et al. 2020, appendix A",
    .source = &clm_source_bond_sum,
    .operand = {OPERANDS("eps", "G")},
    .variant = VARIANTS,
    .reference = reference,
    .cost = cost,
    .suspect = 1e-5, /* deps is a sum of products that cancel */
    .wrong = 5e-5,
    .example = example,
};
