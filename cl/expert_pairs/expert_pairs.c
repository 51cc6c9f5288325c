#include "cl/expert_pairs/internal.h"

enum {
    TOPK,
    LIVE,
    ROW_PTR,
    T_ROW_PTR,
    DST,
    FACTOR,
    OFFSETS,
    NODE,
    GROUP,
    ROW_FACTOR,
    SELF,
    X_OFFSETS,
    X_NODE,
    X_FACTOR,
    T_SELF,
    ROW_PTR_OUT,
    T_ROW_PTR_OUT,
    Y_ROW,
    X_ROW,
    COUNTS
};
enum { FIRST, ALL };
enum { LEAST_BLOCK = 4, KINDS_OF_COUNTS = 4 };

static int64_t counts_room(int64_t nodes, int64_t experts)
{
    return KINDS_OF_COUNTS * ((nodes + LEAST_BLOCK - 1) / LEAST_BLOCK * experts + 1);
}

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), experts = clm_dim(call, 'E');
    const int64_t block = clm_tune(plan, "BLOCK"), blocks = (nodes + block - 1) / block;
    const size_t group = (size_t)clm_tune(plan, "GROUP"), lanes = (size_t)clm_tune(plan, "LANES");
    const clm_range jobs = {{clm_round_up(blocks * experts, group)}, {group}};
    clm_tensor *const *x = call->arg;
    CLM_TRY(clm_launch(plan, call, "expert_pairs_i32_count", "", jobs,
                       CLM_ARGS(clm_t(x[TOPK]), clm_t(x[LIVE]), clm_t(x[ROW_PTR]),
                                clm_t(x[T_ROW_PTR]), clm_t(x[DST]), clm_t(x[Y_ROW]),
                                clm_t(x[X_ROW]), clm_t(x[COUNTS]), clm_i(nodes), clm_i(experts),
                                clm_i(clm_dim(call, 'K')), clm_i((int64_t)call->attribute[FIRST]),
                                clm_i(call->attribute[ALL] != 0), clm_i(block), clm_i(blocks))));
    CLM_TRY(clm_launch(plan, call, "expert_pairs_i32_scan", "",
                       (clm_range){{lanes, KINDS_OF_COUNTS}, {lanes, 1}},
                       CLM_ARGS(clm_t(x[COUNTS]), clm_i(blocks * experts))));
    return clm_launch(
        plan, call, "expert_pairs_i32_place", "", jobs,
        CLM_ARGS(clm_t(x[ROW_PTR]), clm_t(x[FACTOR]), clm_t(x[COUNTS]), clm_t(x[OFFSETS]),
                 clm_t(x[NODE]), clm_t(x[GROUP]), clm_t(x[ROW_FACTOR]), clm_t(x[SELF]),
                 clm_t(x[X_OFFSETS]), clm_t(x[X_NODE]), clm_t(x[X_FACTOR]), clm_t(x[T_SELF]),
                 clm_t(x[ROW_PTR_OUT]), clm_t(x[T_ROW_PTR_OUT]), clm_t(x[Y_ROW]), clm_t(x[X_ROW]),
                 clm_i(nodes), clm_i(experts), clm_i(block), clm_i(blocks),
                 clm_i(clm_dim(call, 'Y')), clm_i(clm_dim(call, 'X'))));
}

/* --- reference --- */

static bool routed(const clm_pair_batch *b, int64_t n, int64_t e)
{
    if (n >= b->live) return false;
    for (int64_t j = 0; b->topk && j < b->top_k; j++)
        if (b->topk[n * b->top_k + j] == b->first + e) return true;
    return !b->topk;
}

void clm_expert_pairs_number(const clm_pair_batch *b, const clm_pair_rows *rows)
{
    int32_t y = 0, x = 0;
    rows->end[0] = rows->t_end[0] = rows->offsets[0] = rows->x_offsets[0] = 0;
    for (int64_t e = 0; e < b->experts; e++) {
        for (int64_t n = 0; n < b->nodes; n++) {
            const bool chosen = routed(b, n, e);
            int32_t leaving = 0;
            for (int32_t k = b->t_row_ptr[n]; k < b->t_row_ptr[n + 1]; k++)
                leaving += routed(b, b->dst[k], e);
            const bool needed = chosen || leaving || (b->all && n < b->live);
            rows->y_row[n * b->experts + e] = chosen ? y : -1;
            rows->x_row[n * b->experts + e] = needed ? x : -1;
            if (chosen) {
                rows->end[y + 1] = rows->end[y] + b->row_ptr[n + 1] - b->row_ptr[n];
                y++;
            }
            if (needed) {
                rows->t_end[x + 1] = rows->t_end[x] + leaving;
                x++;
            }
        }
        rows->offsets[e + 1] = y;
        rows->x_offsets[e + 1] = x;
    }
}

static void reference_pair(const clm_call *call, int64_t n, int64_t e, int32_t y, int32_t x)
{
    const double *factor = clm_f64(call, FACTOR);
    if (y >= 0) {
        clm_i32(call, NODE)[y] = (int32_t)n;
        clm_i32(call, GROUP)[y] = (int32_t)e;
        clm_i32(call, SELF)[y] = x;
        if (factor) clm_f64(call, ROW_FACTOR)[y] = factor[n];
    }
    if (x >= 0) {
        clm_i32(call, X_NODE)[x] = (int32_t)n;
        clm_i32(call, T_SELF)[x] = y;
        if (factor) clm_f64(call, X_FACTOR)[x] = factor[n];
    }
}

/* Rows past the last ones. */
static void reference_rest(const clm_call *call, int64_t experts)
{
    const int32_t routed_rows = clm_i32(call, OFFSETS)[experts];
    const int32_t needed_rows = clm_i32(call, X_OFFSETS)[experts];
    int32_t *end = clm_i32(call, ROW_PTR_OUT), *t_end = clm_i32(call, T_ROW_PTR_OUT);
    for (int64_t y = routed_rows; y < clm_dim(call, 'Y'); y++) {
        end[y + 1] = end[routed_rows];
        clm_i32(call, NODE)[y] = clm_i32(call, GROUP)[y] = clm_i32(call, SELF)[y] = 0;
        if (clm_f64(call, ROW_FACTOR)) clm_f64(call, ROW_FACTOR)[y] = 0;
    }
    for (int64_t x = needed_rows; x < clm_dim(call, 'X'); x++) {
        t_end[x + 1] = t_end[needed_rows];
        clm_i32(call, X_NODE)[x] = 0;
        clm_i32(call, T_SELF)[x] = -1;
        if (clm_f64(call, X_FACTOR)) clm_f64(call, X_FACTOR)[x] = 0;
    }
}

static void reference(const clm_call *call)
{
    const clm_pair_batch batch = {.nodes = clm_dim(call, 'N'),
                                  .live = clm_i32(call, LIVE)[1],
                                  .experts = clm_dim(call, 'E'),
                                  .first = (int64_t)call->attribute[FIRST],
                                  .top_k = clm_dim(call, 'K'),
                                  .all = call->attribute[ALL] != 0,
                                  .topk = clm_i32(call, TOPK),
                                  .row_ptr = clm_i32(call, ROW_PTR),
                                  .t_row_ptr = clm_i32(call, T_ROW_PTR),
                                  .dst = clm_i32(call, DST)};
    const clm_pair_rows rows = {clm_i32(call, Y_ROW),       clm_i32(call, X_ROW),
                                clm_i32(call, ROW_PTR_OUT), clm_i32(call, T_ROW_PTR_OUT),
                                clm_i32(call, OFFSETS),     clm_i32(call, X_OFFSETS)};
    clm_expert_pairs_number(&batch, &rows);
    for (int64_t i = 0; i < batch.nodes * batch.experts; i++)
        reference_pair(call, i / batch.experts, i % batch.experts, rows.y_row[i], rows.x_row[i]);
    reference_rest(call, batch.experts);
}

static clm_cost cost(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    const int64_t words = n * (2 * clm_dim(call, 'E') + clm_dim(call, 'K') + 3) +
                          clm_dim(call, 'M') + 5 * clm_dim(call, 'Y') + 4 * clm_dim(call, 'X');
    return (clm_cost){.bytes = 4.0 * (double)words};
}

static bool example(clm_example *e, int index)
{
    clm_pair_sizes s;
    clm_pair_batch b;
    if (!clm_expert_pairs_draw(e, index, &s, &b)) return false;
    const int64_t edges = s.live * s.degree, most = b.top_k < s.experts ? b.top_k : s.experts;
    const int64_t y = s.nodes * most, all = s.nodes * s.experts;
    const int64_t x = s.all || all < most * (s.nodes + edges) ? all : most * (s.nodes + edges);
    if (b.topk) clm_example_i32(e, TOPK, b.topk, CLM_DIMS(s.nodes, s.top_k));
    clm_example_i32(e, LIVE, (const int32_t[]){0, s.live}, CLM_DIMS(2));
    clm_example_i32(e, ROW_PTR, b.row_ptr, CLM_DIMS(s.nodes + 1));
    clm_example_i32(e, T_ROW_PTR, b.t_row_ptr, CLM_DIMS(s.nodes + 1));
    clm_example_i32(e, DST, b.dst, CLM_DIMS(edges));
    clm_example_out(e, OFFSETS, CLM_DIMS(s.experts + 1));
    clm_example_out(e, X_OFFSETS, CLM_DIMS(s.experts + 1));
    for (int o = NODE; o <= SELF; o++)
        if (o != ROW_FACTOR) clm_example_out(e, o, CLM_DIMS(y));
    clm_example_out(e, X_NODE, CLM_DIMS(x));
    clm_example_out(e, T_SELF, CLM_DIMS(x));
    clm_example_out(e, ROW_PTR_OUT, CLM_DIMS(y + 1));
    clm_example_out(e, T_ROW_PTR_OUT, CLM_DIMS(x + 1));
    clm_example_out(e, Y_ROW, CLM_DIMS(s.nodes, s.experts));
    clm_example_out(e, X_ROW, CLM_DIMS(s.nodes, s.experts));
    clm_example_out(e, COUNTS, CLM_DIMS(counts_room(s.nodes, s.experts)));
    clm_example_call(e)->attribute[FIRST] = s.first;
    clm_example_call(e)->attribute[ALL] = s.all;
    if (!s.features) return true;
    clm_example_normal(e, FACTOR, 1, CLM_DIMS(s.nodes));
    clm_example_out(e, ROW_FACTOR, CLM_DIMS(y));
    clm_example_out(e, X_FACTOR, CLM_DIMS(x));
    return true;
}

/* A ring of the workload's nodes: two edges into each. */
static void bench(clm_tape *tape, const clm_workload *w)
{
    const int64_t n = w->nodes;
    clm_tensor *live = clm_input_i32(tape, "live", (const int32_t[]){0, (int32_t)n}, CLM_DIMS(2));
    clm_tensor *neighbour = clm_input_i32(tape, "neighbours", NULL, CLM_DIMS(2 * n));
    if (!neighbour) return;
    for (int64_t e = 0; e < 2 * n; e++)
        ((int32_t *)neighbour->value)[e] = (int32_t)((e / 2 + (e % 2 ? 1 : n - 1)) % n);
    clm_tensor *row_ptr = clm_bench_segments(tape, "edge rows", n, 2);
    const clm_packed_edges edges = {
        .row_ptr = row_ptr,
        .src = neighbour,
        .t_row_ptr = row_ptr,
        .dst = neighbour,
        .factor = clm_bench_constant(tape, "factor", CLM_F32, 1, CLM_DIMS(n))};
    const clm_expert_pairs made =
        clm_expert_pairs_new(tape, clm_bench_keys(tape, w), 0, w->experts, live, &edges, false);
    if (made.edges.factor) clm_keep(tape, made.edges.factor);
    if (made.slot) clm_keep(tape, made.slot);
}

/* clang-format off */
#define BLOCK(n) {"BLOCK", n, {4, 8, 16, 32, 64}, NULL}
#define GROUP(n) {"GROUP", n, {8, 16, 32, 64}, NULL}
/* clang-format on */

static const clm_op expert_pairs = {
    .name = "expert_pairs",
    .about = "(expert, node) rows that a sparse mixture computes and reads",
    .paper = "Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2",
    .source = &clm_source_expert_pairs,
    .operand = {{"topk", CLM_IN, CLM_I32, "N K", true, NULL},
                {"live", CLM_IN, CLM_I32, "2", false, NULL},
                {"row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"t_row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"dst", CLM_IN, CLM_I32, "M", false, NULL},
                {"factor", CLM_IN, CLM_F32, "N", true, NULL},
                {"offsets", CLM_OUT, CLM_I32, "E+1", false, NULL},
                {"node", CLM_OUT, CLM_I32, "Y", false, NULL},
                {"group", CLM_OUT, CLM_I32, "Y", false, NULL},
                {"row_factor", CLM_OUT, CLM_F32, "Y", true, NULL},
                {"self", CLM_OUT, CLM_I32, "Y", false, NULL},
                {"x_offsets", CLM_OUT, CLM_I32, "E+1", false, NULL},
                {"x_node", CLM_OUT, CLM_I32, "X", false, NULL},
                {"x_factor", CLM_OUT, CLM_F32, "X", true, NULL},
                {"t_self", CLM_OUT, CLM_I32, "X", false, NULL},
                {"row_ptr_out", CLM_OUT, CLM_I32, "Y+1", false, NULL},
                {"t_row_ptr_out", CLM_OUT, CLM_I32, "X+1", false, NULL},
                {"y_row", CLM_OUT, CLM_I32, "N E", false, NULL},
                {"x_row", CLM_OUT, CLM_I32, "N E", false, NULL},
                {"counts", CLM_SCRATCH, CLM_I32, "S", false, NULL}},
    .attribute = {"first", "all"},
    .variant =
        {{"cpu", CLM_CPU, 0, {BLOCK(32), GROUP(8), CLM_LANES(1, 1)}, NULL, prepare},
         {"gpu", CLM_GPU, 0, {BLOCK(8), GROUP(64), CLM_LANES(64, 64, 128, 256)}, NULL, prepare},
         {"plain", CLM_ANY_DEVICE, 0, {BLOCK(32), GROUP(8), CLM_LANES(1, 1)}, NULL, prepare}},
    .reference = reference,
    .cost = cost,
    .suspect = 1e-7,
    .wrong = 1e-6,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_expert_pairs[] = {&expert_pairs, &clm_expert_pairs_edges, NULL};

/* --- recording --- */

/* Rows of the experts' stacked tables [V E, .] for kinds of edges and experts. */
static clm_tensor *expert_kinds(clm_tape *tape, const clm_tensor *kinds, int64_t experts)
{
    if (!kinds || !kinds->value) return NULL;
    const int64_t count = kinds->dim[0], fields = kinds->dim[1];
    clm_tensor *t =
        clm_input_i32(tape, "rows of experts' kinds", NULL, CLM_DIMS(count * experts, fields));
    for (int64_t i = 0; t && i < count * experts * fields; i++) {
        const int64_t row = i / fields, q = row / experts, e = row % experts;
        ((int32_t *)t->value)[i] =
            (int32_t)(((const int32_t *)kinds->value)[q * fields + i % fields] * experts + e);
    }
    return t;
}

static void record_rows(clm_tape *tape, clm_tensor *topk, int64_t first, clm_tensor *live,
                        const clm_packed_edges *batch, bool all, clm_expert_pairs *made)
{
    const int64_t n = clm_elements(batch->row_ptr) - 1, y = made->routed, x = made->needed;
    clm_message_edges *edges = &made->edges;
    made->offsets = clm_activation(tape, "offsets", CLM_I32, CLM_DIMS(made->experts + 1));
    made->x_offsets = clm_activation(tape, "x_offsets", CLM_I32, CLM_DIMS(made->experts + 1));
    made->node = clm_activation(tape, "node", CLM_I32, CLM_DIMS(y));
    made->slot = clm_activation(tape, "y_row", CLM_I32, CLM_DIMS(n, made->experts));
    made->rows.index = clm_activation(tape, "x_node", CLM_I32, CLM_DIMS(x));
    made->rows.inverse = clm_activation(tape, "x_row", CLM_I32, CLM_DIMS(n, made->experts));
    edges->group = clm_activation(tape, "group", CLM_I32, CLM_DIMS(y));
    edges->self = clm_activation(tape, "self", CLM_I32, CLM_DIMS(y));
    edges->t_self = clm_activation(tape, "t_self", CLM_I32, CLM_DIMS(x));
    edges->row_ptr = clm_activation(tape, "row_ptr", CLM_I32, CLM_DIMS(y + 1));
    edges->t_row_ptr = clm_activation(tape, "t_row_ptr", CLM_I32, CLM_DIMS(x + 1));
    if (batch->factor) {
        edges->factor = clm_activation(tape, "row_factor", CLM_F32, CLM_DIMS(y));
        edges->x_factor = clm_activation(tape, "x_factor", CLM_F32, CLM_DIMS(x));
    }
    edges->live = made->offsets;
    edges->x_live = made->x_offsets;
    clm_tensor *counts =
        clm_activation(tape, "counts", CLM_I32, CLM_DIMS(counts_room(n, made->experts)));
    clm_record(tape, &(clm_call){.op = &expert_pairs,
                                 .arg = {[TOPK] = topk,
                                         [LIVE] = live,
                                         [ROW_PTR] = batch->row_ptr,
                                         [T_ROW_PTR] = batch->t_row_ptr,
                                         [DST] = batch->dst,
                                         [FACTOR] = batch->factor,
                                         [OFFSETS] = made->offsets,
                                         [NODE] = made->node,
                                         [GROUP] = edges->group,
                                         [ROW_FACTOR] = edges->factor,
                                         [SELF] = edges->self,
                                         [X_OFFSETS] = made->x_offsets,
                                         [X_NODE] = made->rows.index,
                                         [X_FACTOR] = edges->x_factor,
                                         [T_SELF] = edges->t_self,
                                         [ROW_PTR_OUT] = edges->row_ptr,
                                         [T_ROW_PTR_OUT] = edges->t_row_ptr,
                                         [Y_ROW] = made->slot,
                                         [X_ROW] = made->rows.inverse,
                                         [COUNTS] = counts},
                                 .attribute = {(double)first, all}});
}

clm_expert_pairs clm_expert_pairs_new(clm_tape *tape, clm_tensor *topk, int64_t first,
                                      int64_t experts, clm_tensor *live,
                                      const clm_packed_edges *edges, bool all)
{
    clm_expert_pairs made = {.experts = experts};
    if (!live || !edges->row_ptr || !edges->dst) return made;
    const int64_t n = clm_elements(edges->row_ptr) - 1, m = clm_elements(edges->src);
    const int64_t top_k = topk && topk->dim[1] < experts ? topk->dim[1] : experts;
    const int64_t most = all ? n * experts : top_k * (n + m);
    made.routed = n * top_k;
    made.needed = most < n * experts ? most : n * experts;
    int32_t *first_row = clm_alloc_array(clm_tape_scope(tape), (size_t)n + 1, sizeof *first_row);
    for (int64_t i = 0; i <= n; i++)
        first_row[i] = (int32_t)(i * experts);
    record_rows(tape, topk, first, live, edges, all, &made);
    made.rows.inverse_offsets = clm_input_i32(tape, "rows of a node", first_row, CLM_DIMS(n + 1));
    made.kinds = expert_kinds(tape, edges->kinds, experts);
    clm_expert_edges(tape, topk, first, edges, top_k * m, &made);
    return made;
}
