#include "cl/pack_graphs/internal.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

enum {
    STEP,
    ORDER,
    FIRST,
    KEPT,
    CATEGORY,
    FEATURE,
    TARGET,
    LABEL,
    LIVE,
    GRAPH_PTR,
    GRAPH_OF,
    NODE,
    ROW,
    ROW_CATEGORY,
    ROW_FEATURE,
    GRAPH_TARGET,
    GRAPH_LABEL
};
enum { STEPS };

static clm_status prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t graphs = clm_dim(call, 'B');
    clm_tensor *const *x = call->arg;
    return clm_launch(
        plan, call, "pack_graphs_i32", "", clm_lanes_range(graphs, clm_tune(plan, "LANES"), 1),
        CLM_ARGS(clm_t(x[STEP]), clm_t(x[ORDER]), clm_t(x[FIRST]), clm_t(x[KEPT]),
                 clm_t(x[CATEGORY]), clm_t(x[FEATURE]), clm_t(x[TARGET]), clm_t(x[LABEL]),
                 clm_t(x[LIVE]), clm_t(x[GRAPH_PTR]), clm_t(x[GRAPH_OF]), clm_t(x[NODE]),
                 clm_t(x[ROW]), clm_t(x[ROW_CATEGORY]), clm_t(x[ROW_FEATURE]),
                 clm_t(x[GRAPH_TARGET]), clm_t(x[GRAPH_LABEL]), clm_i(graphs),
                 clm_i(clm_dim(call, 'I')), clm_i((int64_t)call->attribute[STEPS]),
                 clm_i(clm_dim(call, 'N')), clm_i(clm_dim(call, 'A')), clm_i(clm_dim(call, 'F')),
                 clm_i(clm_dim(call, 'C'))));
}

static bool stays(const clm_call *call, int32_t first, int32_t count, int32_t kept, int32_t node)
{
    const int32_t *step = clm_i32(call, STEP);
    const uint32_t index = (uint32_t)step[CLM_STEP_INDEX], seed = (uint32_t)step[CLM_STEP_SEED];
    const uint32_t mine = clm_philox_draw((uint32_t)node, index, CLM_STREAM_MASK, 0, seed).word[0];
    int32_t rank = 0;
    for (int32_t v = first; kept < count && v < first + count; v++) {
        const uint32_t word = clm_philox_draw((uint32_t)v, index, CLM_STREAM_MASK, 0, seed).word[0];
        rank += word < mine || (word == mine && v < node);
    }
    return rank < kept;
}

static void reference_row(const clm_call *call, int64_t r, int64_t v, int32_t b, bool alive)
{
    const int64_t fields = clm_dim(call, 'A'), width = clm_dim(call, 'F');
    clm_i32(call, NODE)[r] = (int32_t)v;
    clm_i32(call, GRAPH_OF)[r] = b;
    if (alive) clm_i32(call, ROW)[v] = (int32_t)r;
    for (int64_t a = 0; a < fields; a++)
        clm_i32(call, ROW_CATEGORY)[r * fields + a] =
            alive ? clm_i32(call, CATEGORY)[v * fields + a] : 0;
    for (int64_t f = 0; f < width; f++)
        clm_f64(call, ROW_FEATURE)[r * width + f] =
            alive ? clm_f64(call, FEATURE)[v * width + f] : 0;
}

static int32_t reference_graph(const clm_call *call, int32_t b, int32_t g, int32_t r)
{
    const int64_t tasks = clm_dim(call, 'C');
    for (int64_t c = 0; c < tasks; c++)
        clm_f64(call, GRAPH_TARGET)[b * tasks + c] =
            g < 0 ? NAN : clm_f64(call, TARGET)[g * tasks + c];
    if (clm_i32(call, LABEL)) clm_i32(call, GRAPH_LABEL)[b] = g < 0 ? -1 : clm_i32(call, LABEL)[g];
    if (g < 0) return r;
    const int32_t *first = clm_i32(call, FIRST), count = first[g + 1] - first[g];
    const int32_t kept = clm_i32(call, KEPT) ? clm_i32(call, KEPT)[g] : count;
    for (int32_t v = first[g]; v < first[g] + count; v++) {
        clm_i32(call, ROW)[v] = -1;
        if (stays(call, first[g], count, kept, v)) reference_row(call, r++, v, b, true);
    }
    return r;
}

static void reference(const clm_call *call)
{
    const int32_t graphs = (int32_t)clm_dim(call, 'B'), *order = clm_i32(call, ORDER);
    const int64_t ordered = clm_dim(call, 'I'), rows = clm_dim(call, 'N');
    const int64_t window =
        clm_i32(call, STEP)[CLM_STEP_INDEX] % (int64_t)call->attribute[STEPS] * graphs;
    int32_t r = 0;
    clm_i32(call, GRAPH_PTR)[0] = 0;
    for (int32_t b = 0; b < graphs; b++) {
        r = reference_graph(call, b, window + b < ordered ? order[window + b] : -1, r);
        clm_i32(call, GRAPH_PTR)[b + 1] = r;
    }
    clm_i32(call, LIVE)[0] = 0;
    clm_i32(call, LIVE)[1] = r;
    for (; r < rows; r++)
        reference_row(call, r, 0, graphs - 1, false);
}

static clm_cost cost(const clm_call *call)
{
    const int64_t row = 4 + 2 * (clm_dim(call, 'A') + clm_dim(call, 'F'));
    const int64_t graph = 5 + 2 * clm_dim(call, 'C');
    return (clm_cost){.bytes =
                          4.0 * (double)(clm_dim(call, 'N') * row + clm_dim(call, 'B') * graph)};
}

/* --- examples --- */

typedef struct sizes {
    int32_t set, least, most, big; /* graphs of least ... most nodes; one has `big` unless 0 */
    int32_t graphs, ordered, steps, step;
    double drop; /* share of nodes that graphs of at least 5 lose */
    int32_t fields, width, tasks;
    bool classes;
} sizes;

static const sizes list[] = {
    {1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, false},
    {3, 1, 4, 0, 2, 3, 2, 1, 0.2, 9, 0, 1, false}, /* too small to lose any; a short batch */
    {7, 0, 6, 0, 5, 7, 1, 3, 0.5, 0, 3, 0, true},  /* graphs without nodes */
    {5, 5, 5, 0, 8, 5, 1, 0, 0.2, 2, 1, 2, false}, /* fewer graphs than a batch holds */
    {13, 9, 40, 0, 13, 13, 1, 2, 0.2, 9, 0, 12, false},
    {97, 3, 65, 0, 31, 89, 3, 5, 0.3, 9, 0, 1, false},
    {64, 1, 9, 1031, 32, 64, 2, 7, 0.2, 3, 5, 1, true}, /* one large graph among small ones */
    {300, 10, 40, 0, 257, 300, 2, 4, 0.2, 9, 18, 0, true},
};

static bool example(clm_example *e, int index)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    const sizes *s = &list[index];
    int32_t *first = clm_example_memory(e, ((size_t)s->set + 1) * sizeof *first);
    int32_t *kept = clm_example_memory(e, (size_t)s->set * sizeof *kept);
    int32_t *order = clm_example_memory(e, (size_t)s->ordered * sizeof *order);
    first[0] = 0;
    int64_t rows = 3; /* more than any batch has */
    for (int32_t g = 0; g < s->set; g++) {
        const int32_t drawn = s->least + clm_example_random(e, s->most - s->least + 1);
        const int32_t count = s->big && g == s->set / 2 ? s->big : drawn;
        first[g + 1] = first[g] + count;
        kept[g] = count < 5 ? count : count - (int32_t)(s->drop * count);
    }
    for (int32_t i = 0; i < s->ordered; i++)
        order[i] = (int32_t)(((int64_t)i * 7919 + 1) % s->set); /* a permutation: 7919 is prime */
    const int32_t window = s->step % s->steps * s->graphs, nodes = first[s->set];
    for (int32_t i = window; i < window + s->graphs && i < s->ordered; i++)
        rows += kept[order[i]];
    clm_example_i32(e, STEP, (const int32_t[CLM_STEP_WORDS]){s->step, 11},
                    CLM_DIMS(CLM_STEP_WORDS));
    clm_example_i32(e, ORDER, order, CLM_DIMS(s->ordered));
    clm_example_i32(e, FIRST, first, CLM_DIMS(s->set + 1));
    if (s->drop > 0) clm_example_i32(e, KEPT, kept, CLM_DIMS(s->set));
    if (s->fields) clm_example_below(e, CATEGORY, 100, CLM_DIMS(nodes, s->fields));
    if (s->width) clm_example_normal(e, FEATURE, 1, CLM_DIMS(nodes, s->width));
    if (s->tasks) clm_example_normal(e, TARGET, 1, CLM_DIMS(s->set, s->tasks));
    if (s->classes) clm_example_below(e, LABEL, 6, CLM_DIMS(s->set));
    clm_example_out(e, LIVE, CLM_DIMS(2));
    clm_example_out(e, GRAPH_PTR, CLM_DIMS(s->graphs + 1));
    clm_example_out(e, GRAPH_OF, CLM_DIMS(rows));
    clm_example_out(e, NODE, CLM_DIMS(rows));
    clm_example_out(e, ROW, CLM_DIMS(nodes));
    if (s->fields) clm_example_out(e, ROW_CATEGORY, CLM_DIMS(rows, s->fields));
    if (s->width) clm_example_out(e, ROW_FEATURE, CLM_DIMS(rows, s->width));
    if (s->tasks) clm_example_out(e, GRAPH_TARGET, CLM_DIMS(s->graphs, s->tasks));
    if (s->classes) clm_example_out(e, GRAPH_LABEL, CLM_DIMS(s->graphs));
    clm_example_call(e)->attribute[STEPS] = s->steps;
    return true;
}

/* Graphs like molecules: 25 nodes, 55 edges, 9 categories; the workload's nodes in batches of 32.
 */
static void bench(clm_tape *tape, const clm_workload *w)
{
    enum { NODES = 25, BATCH = 32, FIELDS = 9, DEGREE = 2 };
    const int64_t graphs = w->nodes / NODES < 1 ? 1 : w->nodes / NODES, v = graphs * NODES;
    const int64_t batch = graphs < BATCH ? graphs : BATCH, rows = batch * (NODES - NODES / 5);
    const clm_graph_set set = {.first = clm_bench_segments(tape, "first nodes", graphs, NODES),
                               .kept = clm_input_i32(tape, "kept nodes", NULL, CLM_DIMS(graphs)),
                               .category =
                                   clm_input_i32(tape, "categories", NULL, CLM_DIMS(v, FIELDS)),
                               .target = clm_input_f32(tape, "targets", NULL, CLM_DIMS(graphs, 1)),
                               .nodes = v};
    clm_tensor *src = clm_input_i32(tape, "sources", NULL, CLM_DIMS(v * DEGREE));
    clm_tensor *order = clm_input_i32(tape, "order", NULL, CLM_DIMS(graphs));
    if (!order) return;
    for (int64_t g = 0; g < graphs; g++) {
        ((int32_t *)set.kept->value)[g] = NODES - NODES / 5;
        ((int32_t *)order->value)[g] = (int32_t)g;
    }
    for (int64_t e = 0; e < v * DEGREE; e++) { /* a ring: the node before and the node behind */
        const int64_t n = e / DEGREE, next = (n + (e % DEGREE ? 1 : NODES - 1)) % NODES;
        ((int32_t *)src->value)[e] = (int32_t)(n / NODES * NODES + next);
    }
    clm_tensor *row_ptr = clm_bench_segments(tape, "edge rows", v, DEGREE);
    const clm_set_edges edges = {.row_ptr = row_ptr,
                                 .src = src,
                                 .kind = src,
                                 .t_row_ptr = row_ptr,
                                 .dst = src,
                                 .t_kind = src};
    const clm_graph_batch made =
        clm_pack_graphs(tape, &set, (const clm_set_edges *const[2]){&edges, NULL}, order, batch,
                        graphs / batch, rows, (const int64_t[2]){batch * NODES * DEGREE, 0});
    if (made.hop[0].factor) clm_keep(tape, made.hop[0].factor);
}

static const clm_op pack_graphs = {
    .name = "pack_graphs",
    .about = "nodes of a mini-batch of graphs, drawn and packed",
    .source = &clm_source_pack_graphs,
    .operand = {{"step", CLM_IN, CLM_I32, "8", false, NULL},
                {"order", CLM_IN, CLM_I32, "I", false, NULL},
                {"first", CLM_IN, CLM_I32, "S+1", false, NULL},
                {"kept", CLM_IN, CLM_I32, "S", true, NULL},
                {"category", CLM_IN, CLM_I32, "V A", true, NULL},
                {"feature", CLM_IN, CLM_F32, "V F", true, NULL},
                {"target", CLM_IN, CLM_F32, "S C", true, NULL},
                {"label", CLM_IN, CLM_I32, "S", true, NULL},
                {"live", CLM_OUT, CLM_I32, "2", false, NULL},
                {"graph_ptr", CLM_OUT, CLM_I32, "B+1", false, NULL},
                {"graph_of", CLM_OUT, CLM_I32, "N", false, NULL},
                {"node", CLM_OUT, CLM_I32, "N", false, NULL},
                {"row", CLM_OUT, CLM_I32, "V", false, NULL},
                {"row_category", CLM_OUT, CLM_I32, "N A", true, NULL},
                {"row_feature", CLM_OUT, CLM_F32, "N F", true, NULL},
                {"graph_target", CLM_OUT, CLM_F32, "B C", true, NULL},
                {"graph_label", CLM_OUT, CLM_I32, "B", true, NULL}},
    .attribute = {"steps"},
    .variant = CLM_GRAPH_VARIANTS(prepare),
    .reference = reference,
    .cost = cost,
    .example = example,
    .bench = bench,
};

const clm_op *const clm_ops_pack_graphs[] = {&pack_graphs, &clm_pack_graphs_edges, NULL};

static clm_graph_batch pack_nodes(clm_tape *tape, const clm_graph_set *set, clm_tensor *order,
                                  int64_t graphs, int64_t steps, int64_t nodes, clm_tensor **row)
{
    clm_graph_batch made = {.graphs = graphs, .nodes = nodes};
    made.live = clm_activation(tape, "live", CLM_I32, CLM_DIMS(2));
    made.node = clm_activation(tape, "node", CLM_I32, CLM_DIMS(nodes));
    made.graph_ptr = clm_activation(tape, "graph_ptr", CLM_I32, CLM_DIMS(graphs + 1));
    made.graph_of = clm_activation(tape, "graph_of", CLM_I32, CLM_DIMS(nodes));
    *row = clm_activation(tape, "row", CLM_I32, CLM_DIMS(set->nodes));
    clm_call call = {.op = &pack_graphs,
                     .arg = {[STEP] = clm_tape_step(tape),
                             [ORDER] = order,
                             [FIRST] = set->first,
                             [KEPT] = set->kept,
                             [CATEGORY] = set->category,
                             [FEATURE] = set->feature,
                             [TARGET] = set->target,
                             [LABEL] = set->label,
                             [LIVE] = made.live,
                             [GRAPH_PTR] = made.graph_ptr,
                             [GRAPH_OF] = made.graph_of,
                             [NODE] = made.node,
                             [ROW] = *row},
                     .attribute = {(double)steps}};
    if (set->category)
        call.arg[ROW_CATEGORY] = made.category =
            clm_activation(tape, "category", CLM_I32, CLM_DIMS(nodes, set->category->dim[1]));
    if (set->feature)
        call.arg[ROW_FEATURE] = made.feature =
            clm_activation(tape, "feature", CLM_F32, CLM_DIMS(nodes, set->feature->dim[1]));
    if (set->target)
        call.arg[GRAPH_TARGET] = made.label =
            clm_activation(tape, "label", CLM_F32, CLM_DIMS(graphs, set->target->dim[1]));
    if (set->label)
        call.arg[GRAPH_LABEL] = made.label =
            clm_activation(tape, "label", CLM_I32, CLM_DIMS(graphs));
    clm_record(tape, &call);
    return made;
}

clm_graph_batch clm_pack_graphs(clm_tape *tape, const clm_graph_set *set,
                                const clm_set_edges *const hop[2], clm_tensor *order,
                                int64_t graphs, int64_t steps, int64_t nodes,
                                const int64_t edges[2])
{
    if (!set->first || !order) return (clm_graph_batch){0};
    clm_tensor *row;
    clm_graph_batch made = pack_nodes(tape, set, order, graphs, steps, nodes, &row);
    for (int h = 0; h < 2 && hop[h]; h++)
        made.hop[h] = clm_pack_edges(tape, hop[h], made.node, made.graph_ptr, row, edges[h]);
    return made;
}
