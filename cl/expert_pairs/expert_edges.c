#include "cl/expert_pairs/internal.h"

enum {
    TOPK,
    ROW_PTR,
    SRC,
    KIND,
    T_ROW_PTR,
    DST,
    T_KIND,
    Y_ROW,
    X_ROW,
    ROW_PTR_OUT,
    T_ROW_PTR_OUT,
    SRC_OUT,
    KIND_OUT,
    DST_OUT,
    T_KIND_OUT,
    SLOT
};
enum { FIRST };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t nodes = clm_dim(call, 'N'), experts = clm_dim(call, 'E');
    clm_tensor *const *x = call->arg;
    return clm_launch(plan, call, "expert_edges_i32", "", clm_vector_range(nodes * experts, 1),
                      CLM_ARGS(clm_t(x[TOPK]), clm_t(x[ROW_PTR]), clm_t(x[SRC]), clm_t(x[KIND]),
                               clm_t(x[T_ROW_PTR]), clm_t(x[DST]), clm_t(x[T_KIND]),
                               clm_t(x[Y_ROW]), clm_t(x[X_ROW]), clm_t(x[ROW_PTR_OUT]),
                               clm_t(x[T_ROW_PTR_OUT]), clm_t(x[SRC_OUT]), clm_t(x[KIND_OUT]),
                               clm_t(x[DST_OUT]), clm_t(x[T_KIND_OUT]), clm_t(x[SLOT]),
                               clm_i(nodes), clm_i(experts), clm_i(clm_dim(call, 'K')),
                               clm_i((int64_t)call->attribute[FIRST])));
}

static void reference_choices(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), experts = clm_dim(call, 'E'), k = clm_dim(call, 'K');
    const int32_t *topk = clm_i32(call, TOPK);
    for (int64_t i = 0; topk && i < n * k; i++) {
        const int64_t e = topk[i] - (int64_t)call->attribute[FIRST];
        clm_i32(call, SLOT)[i] =
            e < 0 || e >= experts ? -1 : clm_i32(call, Y_ROW)[i / k * experts + e];
    }
}

static void reference(const clm_call *call)
{
    const int32_t experts = (int32_t)clm_dim(call, 'E');
    const int32_t *y_row = clm_i32(call, Y_ROW), *x_row = clm_i32(call, X_ROW);
    const int32_t *kind = clm_i32(call, KIND), *t_kind = clm_i32(call, T_KIND);
    for (int64_t n = 0; n < clm_dim(call, 'N'); n++)
        for (int32_t e = 0; e < experts; e++) {
            const int32_t y = y_row[n * experts + e], x = x_row[n * experts + e];
            int32_t to = y < 0 ? 0 : clm_i32(call, ROW_PTR_OUT)[y];
            int32_t t_to = x < 0 ? 0 : clm_i32(call, T_ROW_PTR_OUT)[x];
            for (int32_t k = clm_i32(call, ROW_PTR)[n]; k < clm_i32(call, ROW_PTR)[n + 1]; k++) {
                if (y < 0) continue;
                clm_i32(call, SRC_OUT)[to] = x_row[clm_i32(call, SRC)[k] * experts + e];
                if (kind) clm_i32(call, KIND_OUT)[to] = kind[k] * experts + e;
                to++;
            }
            for (int32_t k = clm_i32(call, T_ROW_PTR)[n]; k < clm_i32(call, T_ROW_PTR)[n + 1];
                 k++) {
                const int32_t target = y_row[clm_i32(call, DST)[k] * experts + e];
                if (target < 0) continue;
                clm_i32(call, DST_OUT)[t_to] = target;
                if (kind) clm_i32(call, T_KIND_OUT)[t_to] = t_kind[k] * experts + e;
                t_to++;
            }
        }
    reference_choices(call);
}

static clm_cost cost(const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N'), lists = call->arg[KIND] ? 4 : 2;
    const int64_t words = 2 * n * (clm_dim(call, 'E') + clm_dim(call, 'K') + 1) +
                          clm_dim(call, 'X') + clm_dim(call, 'Y') +
                          lists * (clm_dim(call, 'M') + clm_dim(call, 'P'));
    return (clm_cost){.bytes = 4.0 * (double)words};
}

static bool example(clm_example *e, int index)
{
    clm_pair_sizes s;
    clm_pair_batch b;
    if (!clm_expert_pairs_draw(e, index, &s, &b)) return false;
    const int64_t edges = s.live * s.degree, all = s.nodes * s.experts;
    const int64_t most = b.top_k < s.experts ? b.top_k : s.experts;
    clm_pair_rows rows = {.y_row = clm_example_memory(e, (size_t)all * 4),
                          .x_row = clm_example_memory(e, (size_t)all * 4),
                          .end = clm_example_memory(e, (size_t)all * 4 + 4),
                          .t_end = clm_example_memory(e, (size_t)all * 4 + 4),
                          .offsets = clm_example_memory(e, (size_t)s.experts * 4 + 4),
                          .x_offsets = clm_example_memory(e, (size_t)s.experts * 4 + 4)};
    clm_expert_pairs_number(&b, &rows);
    const int64_t y = rows.offsets[s.experts], x = rows.x_offsets[s.experts];
    if (b.topk) clm_example_i32(e, TOPK, b.topk, CLM_DIMS(s.nodes, s.top_k));
    clm_example_i32(e, ROW_PTR, b.row_ptr, CLM_DIMS(s.nodes + 1));
    clm_example_i32(e, SRC, b.src, CLM_DIMS(edges));
    clm_example_i32(e, T_ROW_PTR, b.t_row_ptr, CLM_DIMS(s.nodes + 1));
    clm_example_i32(e, DST, b.dst, CLM_DIMS(edges));
    clm_example_i32(e, Y_ROW, rows.y_row, CLM_DIMS(s.nodes, s.experts));
    clm_example_i32(e, X_ROW, rows.x_row, CLM_DIMS(s.nodes, s.experts));
    clm_example_i32(e, ROW_PTR_OUT, rows.end, CLM_DIMS(y + 1));
    clm_example_i32(e, T_ROW_PTR_OUT, rows.t_end, CLM_DIMS(x + 1));
    clm_example_out(e, SRC_OUT, CLM_DIMS(most * edges));
    clm_example_out(e, DST_OUT, CLM_DIMS(most * edges));
    if (b.topk) clm_example_out(e, SLOT, CLM_DIMS(s.nodes, s.top_k));
    clm_example_call(e)->attribute[FIRST] = s.first;
    if (!s.features) return true;
    clm_example_i32(e, KIND, b.kind, CLM_DIMS(edges));
    clm_example_i32(e, T_KIND, b.t_kind, CLM_DIMS(edges));
    clm_example_out(e, KIND_OUT, CLM_DIMS(most * edges));
    clm_example_out(e, T_KIND_OUT, CLM_DIMS(most * edges));
    return true;
}

const clm_op clm_expert_pairs_edges = {
    .name = "expert_edges",
    .about = "edges between the rows of a sparse mixture",
    .source = &clm_source_expert_pairs,
    .operand = {{"topk", CLM_IN, CLM_I32, "N K", true, NULL},
                {"row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"src", CLM_IN, CLM_I32, "M", false, NULL},
                {"kind", CLM_IN, CLM_I32, "M", true, NULL},
                {"t_row_ptr", CLM_IN, CLM_I32, "N+1", false, NULL},
                {"dst", CLM_IN, CLM_I32, "M", false, NULL},
                {"t_kind", CLM_IN, CLM_I32, "M", true, NULL},
                {"y_row", CLM_IN, CLM_I32, "N E", false, NULL},
                {"x_row", CLM_IN, CLM_I32, "N E", false, NULL},
                {"row_ptr_out", CLM_IN, CLM_I32, "Y+1", false, NULL},
                {"t_row_ptr_out", CLM_IN, CLM_I32, "X+1", false, NULL},
                {"src_out", CLM_OUT, CLM_I32, "P", false, NULL},
                {"kind_out", CLM_OUT, CLM_I32, "P", true, NULL},
                {"dst_out", CLM_OUT, CLM_I32, "P", false, NULL},
                {"t_kind_out", CLM_OUT, CLM_I32, "P", true, NULL},
                {"slot", CLM_OUT, CLM_I32, "N K", true, NULL}},
    .attribute = {"first"},
    .variant = {{.name = "cpu", .classes = CLM_CPU, .prepare = prepare},
                {.name = "gpu", .classes = CLM_GPU, .prepare = prepare},
                {.name = "plain", .classes = CLM_ANY_DEVICE, .prepare = prepare}},
    .reference = reference,
    .cost = cost,
    .example = example,
};

void clm_expert_edges(clm_tape *tape, clm_tensor *topk, int64_t first,
                      const clm_packed_edges *batch, int64_t pairs, clm_expert_pairs *made)
{
    clm_message_edges *edges = &made->edges;
    clm_tensor *y_row = made->slot;
    edges->src = clm_activation(tape, "src", CLM_I32, CLM_DIMS(pairs));
    edges->dst = clm_activation(tape, "dst", CLM_I32, CLM_DIMS(pairs));
    if (batch->kind) {
        edges->kind = clm_activation(tape, "kind", CLM_I32, CLM_DIMS(pairs));
        edges->t_kind = clm_activation(tape, "t_kind", CLM_I32, CLM_DIMS(pairs));
    }
    if (topk) made->slot = clm_activation(tape, "slot", CLM_I32, topk->rank, topk->dim);
    clm_record(tape, &(clm_call){.op = &clm_expert_pairs_edges,
                                 .arg = {[TOPK] = topk,
                                         [ROW_PTR] = batch->row_ptr,
                                         [SRC] = batch->src,
                                         [KIND] = batch->kind,
                                         [T_ROW_PTR] = batch->t_row_ptr,
                                         [DST] = batch->dst,
                                         [T_KIND] = batch->t_kind,
                                         [Y_ROW] = y_row,
                                         [X_ROW] = made->rows.inverse,
                                         [ROW_PTR_OUT] = edges->row_ptr,
                                         [T_ROW_PTR_OUT] = edges->t_row_ptr,
                                         [SRC_OUT] = edges->src,
                                         [KIND_OUT] = edges->kind,
                                         [DST_OUT] = edges->dst,
                                         [T_KIND_OUT] = edges->t_kind,
                                         [SLOT] = topk ? made->slot : NULL},
                                 .attribute = {(double)first}});
}
