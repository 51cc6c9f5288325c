#include "cl/pack_graphs/internal.h"

#include <math.h>

enum {
    NODE,
    GRAPH_PTR,
    ROW,
    ROW_PTR,
    SRC,
    KIND,
    T_ROW_PTR,
    DST,
    T_KIND,
    ROW_PTR_OUT,
    SRC_OUT,
    KIND_OUT,
    T_ROW_PTR_OUT,
    DST_OUT,
    T_KIND_OUT,
    FACTOR,
    TOTAL
};

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t graphs = clm_dim(call, 'B');
    const clm_range range = clm_lanes_range(graphs, clm_tune(plan, "LANES"), 1);
    clm_tensor *const *x = call->arg;
    CLM_TRY(
        clm_launch(plan, call, "pack_edges_i32_count", "", range,
                   CLM_ARGS(clm_t(x[NODE]), clm_t(x[GRAPH_PTR]), clm_t(x[ROW]), clm_t(x[ROW_PTR]),
                            clm_t(x[SRC]), clm_t(x[T_ROW_PTR]), clm_t(x[DST]),
                            clm_t(x[ROW_PTR_OUT]), clm_t(x[T_ROW_PTR_OUT]), clm_t(x[TOTAL]))));
    return clm_launch(
        plan, call, "pack_edges_i32_place", "", range,
        CLM_ARGS(clm_t(x[NODE]), clm_t(x[GRAPH_PTR]), clm_t(x[ROW]), clm_t(x[ROW_PTR]),
                 clm_t(x[SRC]), clm_t(x[KIND]), clm_t(x[T_ROW_PTR]), clm_t(x[DST]),
                 clm_t(x[T_KIND]), clm_t(x[TOTAL]), clm_t(x[ROW_PTR_OUT]), clm_t(x[SRC_OUT]),
                 clm_t(x[KIND_OUT]), clm_t(x[T_ROW_PTR_OUT]), clm_t(x[DST_OUT]),
                 clm_t(x[T_KIND_OUT]), clm_t(x[FACTOR]), clm_i(graphs), clm_i(clm_dim(call, 'N'))));
}

/* One direction of the list; with `factor` the by-source one. */
static void reference_list(const clm_call *call, int row_ptr, int other, int kind, int row_ptr_out,
                           double *factor)
{
    const int64_t graphs = clm_dim(call, 'B'), rows = clm_dim(call, 'N');
    const int32_t *row = clm_i32(call, ROW), live = clm_i32(call, GRAPH_PTR)[graphs];
    const int32_t *from = clm_i32(call, row_ptr), *end = clm_i32(call, other);
    int32_t *to = clm_i32(call, row_ptr_out), count = 0;
    to[0] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const int32_t v = clm_i32(call, NODE)[r], before = count;
        for (int32_t e = from[v]; r < live && e < from[v + 1]; e++) {
            if (row[end[e]] < 0) continue;
            clm_i32(call, row_ptr_out + 1)[count] = row[end[e]];
            if (clm_i32(call, kind)) clm_i32(call, row_ptr_out + 2)[count] = clm_i32(call, kind)[e];
            count++;
        }
        to[r + 1] = count;
        if (factor) factor[r] = 1 / sqrt(1.0 + (count - before));
    }
}

static void reference(const clm_call *call)
{
    reference_list(call, ROW_PTR, SRC, KIND, ROW_PTR_OUT, NULL);
    reference_list(call, T_ROW_PTR, DST, T_KIND, T_ROW_PTR_OUT, clm_f64(call, FACTOR));
}

static clm_cost cost(const clm_call *call)
{
    const int64_t edge = call->arg[KIND] ? 8 : 4; /* read and written, both ways */
    return (clm_cost){.flops = 3 * (double)clm_dim(call, 'N'),
                      .bytes = 4.0 * (double)(7 * clm_dim(call, 'N') + edge * clm_dim(call, 'M') +
                                              clm_dim(call, 'B'))};
}

/* --- examples --- */

typedef struct sizes {
    int32_t set, least, most, big; /* graphs of least ... most nodes; one has `big` unless 0 */
    int32_t degree;                /* edges for each node, on average */
    int32_t first_graph, graphs;   /* of the batch; those past the set are empty */
    int32_t lost;                  /* one node in so many is dropped; 0: none is */
    bool kinds;
} sizes;

static const sizes list[] = {
    {1, 1, 1, 0, 0, 0, 1, 0, true},                                          /* one node, no edge */
    {4, 1, 4, 0, 2, 1, 2, 0, true},         {9, 3, 9, 0, 0, 2, 7, 3, false}, /* no edge at all */
    {6, 0, 7, 0, 3, 0, 11, 4, true}, /* graphs without nodes; fewer than a batch holds */
    {13, 9, 40, 0, 2, 0, 13, 5, true},      {97, 3, 65, 0, 3, 17, 31, 5, true},
    {64, 1, 9, 1031, 4, 16, 32, 3, true}, /* one large graph among small ones */
    {300, 10, 40, 0, 2, 20, 257, 5, false},
};

/* Sorts edges by `key`, in their order: ptr [nodes + 1] and the other end and kind of each. */
static void by_node(clm_example *e, int64_t nodes, int64_t edges, const int32_t *key,
                    const int32_t *other, const int32_t *kind, int operand)
{
    int32_t *ptr = clm_example_memory(e, ((size_t)nodes + 2) * sizeof *ptr);
    int32_t *end = clm_example_memory(e, (size_t)edges * sizeof *end);
    int32_t *sorted = clm_example_memory(e, (size_t)edges * sizeof *sorted);
    for (int64_t n = 0; n < nodes + 2; n++)
        ptr[n] = 0;
    for (int64_t i = 0; i < edges; i++)
        ptr[key[i] + 2]++;
    for (int64_t n = 0; n < nodes; n++)
        ptr[n + 2] += ptr[n + 1];
    for (int64_t i = 0; i < edges; i++) {
        const int32_t to = ptr[key[i] + 1]++; /* afterwards ptr[n] is where node n begins */
        end[to] = other[i];
        if (kind) sorted[to] = kind[i];
    }
    clm_example_i32(e, operand, ptr, CLM_DIMS(nodes + 1));
    clm_example_i32(e, operand + 1, end, CLM_DIMS(edges));
    if (kind) clm_example_i32(e, operand + 2, sorted, CLM_DIMS(edges));
}

static void draw_edges(clm_example *e, const sizes *s, const int32_t *first)
{
    const int32_t nodes = first[s->set];
    int64_t edges = 0;
    int32_t *end[3]; /* source, target, kind */
    for (int i = 0; i < 3; i++)
        end[i] = clm_example_memory(e, (size_t)nodes * (size_t)s->degree * sizeof *end[i]);
    for (int32_t g = 0; g < s->set; g++)
        for (int32_t i = 0; i < (first[g + 1] - first[g]) * s->degree; i++, edges++) {
            const int32_t count = first[g + 1] - first[g];
            end[0][edges] = first[g] + clm_example_random(e, count);
            end[1][edges] = first[g] + clm_example_random(e, count);
            end[2][edges] = clm_example_random(e, 20);
        }
    by_node(e, nodes, edges, end[1], end[0], s->kinds ? end[2] : NULL, ROW_PTR);
    by_node(e, nodes, edges, end[0], end[1], s->kinds ? end[2] : NULL, T_ROW_PTR);
}

static bool example(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const sizes *s = &list[index];
    int32_t *first = clm_example_memory(e, ((size_t)s->set + 1) * sizeof *first);
    int32_t *ptr = clm_example_memory(e, ((size_t)s->graphs + 1) * sizeof *ptr);
    first[0] = ptr[0] = 0;
    for (int32_t g = 0; g < s->set; g++) {
        const int32_t drawn = s->least + clm_example_random(e, s->most - s->least + 1);
        first[g + 1] = first[g] + (s->big && g == s->set / 2 ? s->big : drawn);
    }
    const int32_t nodes = first[s->set];
    draw_edges(e, s, first);
    int32_t *row = clm_example_memory(e, (size_t)nodes * sizeof *row);
    int32_t *node = clm_example_memory(e, ((size_t)nodes + 3) * sizeof *node);
    for (int32_t v = 0; v < nodes; v++)
        row[v] = clm_example_random(e, 1000); /* of other graphs: what an earlier batch left */
    int32_t rows = 0;
    for (int32_t b = 0; b < s->graphs; b++) {
        const int32_t g = s->set - 1 - s->first_graph - b; /* not in the order of the set */
        for (int32_t v = g < 0 ? 0 : first[g]; g >= 0 && v < first[g + 1]; v++) {
            row[v] = s->lost && clm_example_random(e, s->lost) == 0 ? -1 : rows;
            if (row[v] >= 0) node[rows++] = v;
        }
        ptr[b + 1] = rows;
    }
    for (int i = 0; i < 3; i++)
        node[rows + i] = 0;
    clm_example_i32(e, NODE, node, CLM_DIMS(rows + 3));
    clm_example_i32(e, GRAPH_PTR, ptr, CLM_DIMS(s->graphs + 1));
    clm_example_i32(e, ROW, row, CLM_DIMS(nodes));
    for (int o = ROW_PTR_OUT; o <= T_ROW_PTR_OUT; o += 3) {
        const int64_t edges = (int64_t)nodes * s->degree;
        clm_example_out(e, o, CLM_DIMS(rows + 4));
        clm_example_out(e, o + 1, CLM_DIMS(edges));
        if (s->kinds) clm_example_out(e, o + 2, CLM_DIMS(edges));
    }
    clm_example_out(e, FACTOR, CLM_DIMS(rows + 3));
    clm_example_out(e, TOTAL, CLM_DIMS(s->graphs));
    return true;
}

const clm_op clm_pack_graphs_edges = {
    .name = "pack_edges",
    .about = "edges of a set of graphs between the nodes of a mini-batch",
    .source = &clm_source_pack_graphs,
    .operand = {{"node", CLM_IN, CLM_I32, "N", false, NULL},
                {"graph_ptr", CLM_IN, CLM_I32, "B+1", false, NULL},
                {"row", CLM_IN, CLM_I32, "V", false, NULL},
                {"row_ptr", CLM_IN, CLM_I32, "V+1", false, NULL},
                {"src", CLM_IN, CLM_I32, "U", false, NULL},
                {"kind", CLM_IN, CLM_I32, "U", true, NULL},
                {"t_row_ptr", CLM_IN, CLM_I32, "V+1", false, NULL},
                {"dst", CLM_IN, CLM_I32, "U", false, NULL},
                {"t_kind", CLM_IN, CLM_I32, "U", true, NULL},
                {"row_ptr_out", CLM_OUT, CLM_I32, "N+1", false, NULL},
                {"src_out", CLM_OUT, CLM_I32, "M", false, NULL},
                {"kind_out", CLM_OUT, CLM_I32, "M", true, NULL},
                {"t_row_ptr_out", CLM_OUT, CLM_I32, "N+1", false, NULL},
                {"dst_out", CLM_OUT, CLM_I32, "M", false, NULL},
                {"t_kind_out", CLM_OUT, CLM_I32, "M", true, NULL},
                {"factor", CLM_OUT, CLM_F32, "N", false, NULL},
                {"total", CLM_SCRATCH, CLM_I32, "B", false, NULL}},
    .variant = CLM_GRAPH_VARIANTS(prepare),
    .reference = reference,
    .cost = cost,
    .suspect = 1e-6,
    .wrong = 1e-5,
    .example = example,
};

clm_packed_edges clm_pack_edges(clm_tape *tape, const clm_set_edges *set, clm_tensor *node,
                                clm_tensor *graph_ptr, clm_tensor *row, int64_t edges)
{
    if (!set->t_row_ptr || !node) return (clm_packed_edges){0};
    const int64_t nodes = clm_elements(node);
    clm_packed_edges made = {.kinds = set->kinds, .table_rows = set->table_rows};
    made.row_ptr = clm_activation(tape, "row_ptr", CLM_I32, CLM_DIMS(nodes + 1));
    made.src = clm_activation(tape, "src", CLM_I32, CLM_DIMS(edges));
    made.t_row_ptr = clm_activation(tape, "t_row_ptr", CLM_I32, CLM_DIMS(nodes + 1));
    made.dst = clm_activation(tape, "dst", CLM_I32, CLM_DIMS(edges));
    made.factor = clm_activation(tape, "factor", CLM_F32, CLM_DIMS(nodes));
    if (set->kind) {
        made.kind = clm_activation(tape, "kind", CLM_I32, CLM_DIMS(edges));
        made.t_kind = clm_activation(tape, "t_kind", CLM_I32, CLM_DIMS(edges));
    }
    clm_record(tape, &(clm_call){
                         .op = &clm_pack_graphs_edges,
                         .arg = {[NODE] = node,
                                 [GRAPH_PTR] = graph_ptr,
                                 [ROW] = row,
                                 [ROW_PTR] = set->row_ptr,
                                 [SRC] = set->src,
                                 [KIND] = set->kind,
                                 [T_ROW_PTR] = set->t_row_ptr,
                                 [DST] = set->dst,
                                 [T_KIND] = set->t_kind,
                                 [ROW_PTR_OUT] = made.row_ptr,
                                 [SRC_OUT] = made.src,
                                 [KIND_OUT] = made.kind,
                                 [T_ROW_PTR_OUT] = made.t_row_ptr,
                                 [DST_OUT] = made.dst,
                                 [T_KIND_OUT] = made.t_kind,
                                 [FACTOR] = made.factor,
                                 [TOTAL] = clm_activation(tape, "total", CLM_I32,
                                                          CLM_DIMS(clm_elements(graph_ptr) - 1))}});
    return made;
}
