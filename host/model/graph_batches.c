#include "model/graph_batches.h"

#include "base/philox.h"
#include "data/two_hop.h"

#include <string.h>

enum { LEAST_DROPPED = 5 }; /* smaller graphs lose no node, as in the released GMoE */

/* --- the set on the host --- */

/* Edges in stable order of `key`: ptr [nodes + 1], the other end and kind of each. */
static void sort_edges(clm_scope *scope, int32_t nodes, int32_t edges, const int32_t *key,
                       const int32_t *other, const int32_t *kind, int32_t **ptr, int32_t **end,
                       int32_t **end_kind)
{
    int32_t *next = clm_alloc_array(scope, (size_t)nodes + 2, sizeof *next);
    *ptr = next;
    *end = clm_alloc_array(scope, (size_t)edges + 1, sizeof **end);
    *end_kind = clm_alloc_array(scope, (size_t)edges + 1, sizeof **end_kind);
    for (int32_t e = 0; e < edges; e++)
        next[key[e] + 2]++;
    for (int32_t n = 0; n < nodes; n++)
        next[n + 2] += next[n + 1];
    for (int32_t e = 0; e < edges; e++) {
        const int32_t to = next[key[e] + 1]++; /* afterwards next[n] is where node n begins */
        (*end)[to] = other[e];
        (*end_kind)[to] = kind[e];
    }
}

static clm_status add_list(clm_scope *scope, const clm_relation *relation, int32_t nodes,
                           clm_batch_edges *list)
{
    list->count = relation->count;
    CLM_TRY(clm_edge_kinds_new(scope, relation, &list->kinds));
    sort_edges(scope, nodes, relation->count, relation->dst, relation->src, list->kinds.kind,
               &list->row_ptr, &list->src, &list->kind);
    sort_edges(scope, nodes, relation->count, relation->src, relation->dst, list->kinds.kind,
               &list->t_row_ptr, &list->dst, &list->t_kind);
    return CLM_OK;
}

/* Their pairs and categories are many, and no longer needed once sorted. */
static clm_status add_two_hops(clm_scope *scope, const clm_graph *graph, bool released,
                               clm_batch_edges *list)
{
    clm_scope work = {0};
    clm_relation far;
    clm_status status = clm_two_hop(&work, graph, released, &far);
    if (status == CLM_OK) status = add_list(scope, &far, graph->nodes, list);
    clm_scope_end(&work);
    return status;
}

clm_status clm_batch_set_new(clm_scope *scope, const clm_graph *graph, clm_two_hops two_hops,
                             clm_batch_set *set)
{
    if (graph->graphs == 0)
        return clm_fail(CLM_ERROR_USAGE, "%s is one graph, no set of graphs", graph->name);
    *set = (clm_batch_set){.graph = graph,
                           .hops = two_hops == CLM_TWO_HOPS_NONE ? 1 : 2,
                           .category_rows = clm_category_rows(&graph->category)};
    CLM_TRY(add_list(scope, &graph->relation[0], graph->nodes, &set->list[0]));
    if (set->hops == 1) return CLM_OK;
    return add_two_hops(scope, graph, two_hops == CLM_TWO_HOPS_RELEASED, &set->list[1]);
}

/* --- orders and capacities --- */

/* Raises the capacities to what the batches of an order need. */
static void measure(clm_graph_batches *b, const int32_t *order)
{
    const clm_graph *graph = b->set->graph;
    for (int64_t s = 0; s < b->steps; s++) {
        int64_t nodes = 0, edges[2] = {0};
        const int64_t end = (s + 1) * b->choice.graphs;
        for (int64_t i = s * b->choice.graphs; i < end && i < b->choice.count; i++) {
            const int32_t first = graph->graph_first[order[i]];
            const int32_t last = graph->graph_first[order[i] + 1];
            nodes += b->kept ? b->kept[order[i]] : last - first;
            for (int h = 0; h < b->set->hops; h++)
                edges[h] += b->set->list[h].row_ptr[last] - b->set->list[h].row_ptr[first];
        }
        if (nodes > b->nodes) b->nodes = nodes;
        for (int h = 0; h < 2; h++)
            if (edges[h] > b->edges[h]) b->edges[h] = edges[h];
    }
}

static void draw_order(const clm_graph_batches *b, uint32_t epoch)
{
    clm_permutation(b->order, b->choice.count, b->choice.seed, CLM_STREAM_SHUFFLE, epoch);
    for (int32_t i = 0; i < b->choice.count; i++)
        b->order[i] = b->choice.id[b->order[i]];
}

static void keep_nodes(clm_scope *scope, const clm_graph *graph, double drop, int32_t **kept)
{
    *kept = clm_alloc_array(scope, (size_t)graph->graphs, sizeof **kept);
    for (int32_t g = 0; g < graph->graphs; g++) {
        const int32_t count = graph->graph_first[g + 1] - graph->graph_first[g];
        (*kept)[g] = count < LEAST_DROPPED ? count : count - (int32_t)(drop * count);
    }
}

clm_status clm_graph_batches_new(clm_scope *scope, clm_batch_set *set,
                                 const clm_batch_choice *choice, clm_graph_batches *batches)
{
    const int64_t count = choice->count, graphs = choice->graphs;
    if (count < 1 || graphs < 1)
        return clm_fail(CLM_ERROR_USAGE, "%lld graphs in batches of %lld: there is no batch",
                        (long long)count, (long long)graphs);
    *batches = (clm_graph_batches){.set = set, .choice = *choice};
    batches->steps = (count + graphs - 1) / graphs;
    if (choice->epochs > 0 && count % graphs == 1 && batches->steps > 1) batches->steps--;
    if (choice->drop > 0) keep_nodes(scope, set->graph, choice->drop, &batches->kept);
    int32_t *id = clm_alloc_array(scope, 2 * (size_t)count, sizeof *id);
    memcpy(id, choice->id, (size_t)count * sizeof *id);
    batches->choice.id = id;
    batches->order = id + count;
    memcpy(batches->order, id, (size_t)count * sizeof *id);
    if (choice->epochs == 0) measure(batches, id);
    for (int e = choice->epochs; e-- > 0;) { /* the first epoch's is left in place */
        draw_order(batches, (uint32_t)e);
        measure(batches, batches->order);
    }
    return CLM_OK;
}

clm_status clm_graph_batches_shuffle(clm_graph_batches *batches, uint32_t epoch)
{
    draw_order(batches, epoch);
    return batches->input ? clm_tensor_write(batches->input, batches->order) : CLM_OK;
}

/* --- inputs --- */

static clm_tensor *share(clm_tape *tape, clm_tensor *input)
{
    return input ? clm_input_shared(tape, input) : NULL;
}

/* Categories as rows of the stacked table. */
static clm_tensor *category_input(clm_tape *tape, const clm_graph *graph)
{
    const clm_categories *c = &graph->category;
    clm_tensor *t =
        clm_input_i32(tape, "node categories", c->value, CLM_DIMS(graph->nodes, c->fields));
    int32_t *row = t ? t->value : NULL, above = 0;
    for (int32_t f = 0; row && f < c->fields; above += c->size[f++])
        for (int64_t n = 0; n < graph->nodes; n++)
            row[n * c->fields + f] += above;
    return t;
}

static clm_tensor *feature_input(clm_tape *tape, const clm_graph *graph)
{
    const int64_t width = graph->type[0].dim;
    clm_tensor *t = clm_input_f32(tape, "node features", NULL, CLM_DIMS(graph->nodes, width));
    float *value = t ? t->value : NULL;
    for (int64_t n = 0; value && n < graph->nodes; n++)
        for (int64_t i = graph->row_ptr[n]; i < graph->row_ptr[n + 1]; i++)
            value[n * width + graph->col[i]] = graph->val[i];
    return t;
}

static clm_graph_set set_inputs(clm_tape *tape, const clm_graph *graph)
{
    clm_graph_set in = {.nodes = graph->nodes};
    in.first = clm_input_i32(tape, "graph nodes", graph->graph_first, CLM_DIMS(graph->graphs + 1));
    if (graph->category.fields > 0) in.category = category_input(tape, graph);
    if (graph->type[0].dim > 0) in.feature = feature_input(tape, graph);
    if (graph->target)
        in.target = clm_input_f32(tape, "graph targets", graph->target,
                                  CLM_DIMS(graph->graphs, graph->tasks));
    else if (graph->graph_label)
        in.label =
            clm_input_i32(tape, "graph classes", graph->graph_label, CLM_DIMS(graph->graphs));
    return in;
}

static clm_set_edges edge_inputs(clm_tape *tape, const clm_batch_edges *list, int32_t nodes)
{
    const clm_edge_kinds *kinds = &list->kinds;
    clm_set_edges in = {
        .row_ptr = clm_input_i32(tape, "edge rows", list->row_ptr, CLM_DIMS(nodes + 1)),
        .src = clm_input_i32(tape, "edge sources", list->src, CLM_DIMS(list->count)),
        .t_row_ptr = clm_input_i32(tape, "source rows", list->t_row_ptr, CLM_DIMS(nodes + 1)),
        .dst = clm_input_i32(tape, "edge targets", list->dst, CLM_DIMS(list->count))};
    if (kinds->fields == 0) return in;
    in.kind = clm_input_i32(tape, "edge kinds", list->kind, CLM_DIMS(list->count));
    in.t_kind = clm_input_i32(tape, "kinds by source", list->t_kind, CLM_DIMS(list->count));
    in.kinds =
        clm_input_i32(tape, "rows of kinds", kinds->row, CLM_DIMS(kinds->count, kinds->fields));
    in.table_rows = kinds->rows;
    return in;
}

static clm_graph_set share_set(clm_tape *tape, const clm_graph_set *of)
{
    return (clm_graph_set){.first = share(tape, of->first),
                           .category = share(tape, of->category),
                           .feature = share(tape, of->feature),
                           .target = share(tape, of->target),
                           .label = share(tape, of->label),
                           .nodes = of->nodes};
}

static clm_set_edges share_edges(clm_tape *tape, const clm_set_edges *of)
{
    return (clm_set_edges){.row_ptr = share(tape, of->row_ptr),
                           .src = share(tape, of->src),
                           .kind = share(tape, of->kind),
                           .t_row_ptr = share(tape, of->t_row_ptr),
                           .dst = share(tape, of->dst),
                           .t_kind = share(tape, of->t_kind),
                           .kinds = share(tape, of->kinds),
                           .table_rows = of->table_rows};
}

clm_graph_batch clm_graph_batch_record(clm_tape *tape, clm_graph_batches *batches)
{
    clm_batch_set *set = batches->set;
    const clm_graph *graph = set->graph;
    const bool recorded = set->shared.first != NULL;
    clm_graph_set in = recorded ? share_set(tape, &set->shared) : set_inputs(tape, graph);
    clm_set_edges edges[2] = {{0}};
    for (int h = 0; h < set->hops; h++) {
        edges[h] = recorded ? share_edges(tape, &set->shared_edges[h])
                            : edge_inputs(tape, &set->list[h], graph->nodes);
        if (!recorded) set->shared_edges[h] = edges[h];
    }
    if (!recorded) set->shared = in;
    clm_tensor *order = share(tape, batches->input);
    in.kept = share(tape, batches->kept_input);
    if (!batches->input) {
        order = clm_input_i32(tape, "order", batches->order, CLM_DIMS(batches->choice.count));
        if (batches->kept)
            in.kept = clm_input_i32(tape, "kept nodes", batches->kept, CLM_DIMS(graph->graphs));
        batches->input = order;
        batches->kept_input = in.kept;
    }
    return clm_pack_graphs(
        tape, &in, (const clm_set_edges *const[2]){&edges[0], set->hops > 1 ? &edges[1] : NULL},
        order, batches->choice.graphs, batches->steps, batches->nodes, batches->edges);
}
