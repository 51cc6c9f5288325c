/* Typed edges sorted by target and by source, by counting sorts: linear in edges, nodes and rows.
 */
#include "data/graph.h"

#include <string.h>

/* One relation's edges as they enter the message graph. */
typedef struct edge_list {
    int32_t count;
    const int32_t *src, *dst;
} edge_list;

static void *integers(clm_scope *scope, int64_t count)
{
    return clm_alloc_array(scope, (size_t)count, sizeof(int32_t));
}

/* The message graph's edges of relation r: the target's are replaced, and so is its flipped copy.
 */
static edge_list edges_of(const clm_dataset *dataset, const clm_pairs_host *target_edges,
                          const clm_adjacency_choice *choice, int32_t r)
{
    const clm_relation *relation = &dataset->graph.relation[r];
    if (choice->into != NULL && !choice->into[relation->to]) return (edge_list){0};
    if (target_edges != NULL && r == dataset->target)
        return (edge_list){target_edges->count, target_edges->u, target_edges->v};
    if (target_edges != NULL && r == dataset->reverse && !choice->leak)
        return (edge_list){target_edges->count, target_edges->v, target_edges->u};
    return (edge_list){relation->count, relation->src, relation->dst};
}

/* Rows of relation r: its source nodes that have an edge, in order; those without would be keys and
 * values that nobody reads. `row_of` [nodes of the source type] gets their rows. */
static void number_rows(const clm_graph *graph, int32_t r, const edge_list *edges, int32_t *row_of,
                        clm_adjacency *adjacency)
{
    const clm_node_type *from = &graph->type[graph->relation[r].from];
    memset(row_of, 0, (size_t)from->count * sizeof *row_of);
    for (int32_t e = 0; e < edges->count; e++)
        row_of[edges->src[e] - from->first] = 1;
    for (int32_t i = 0; i < from->count; i++)
        if (row_of[i]) {
            adjacency->row_node[adjacency->rows] = from->first + i;
            row_of[i] = adjacency->rows++;
        }
    adjacency->row_first[r + 1] = adjacency->rows;
}

/* Numbers the rows and writes the row of every edge, relation after relation, to `row`. */
static clm_status count_rows(clm_scope *scope, clm_scope *work, const clm_dataset *dataset,
                             const edge_list *edges, int32_t **row, clm_adjacency *adjacency)
{
    const clm_graph *graph = &dataset->graph;
    int64_t rows = 0, count = 0;
    for (int32_t r = 0; r < graph->relations; r++) {
        rows += graph->type[graph->relation[r].from].count;
        count += edges[r].count;
    }
    if (rows > INT32_MAX || count > INT32_MAX)
        return clm_fail(CLM_ERROR_TOO_LARGE, "%s: the links have more than 2^31 edges or sources",
                        dataset->name);
    *adjacency = (clm_adjacency){.nodes = graph->nodes,
                                 .relations = graph->relations,
                                 .edges = (int32_t)count,
                                 .row_first = integers(scope, graph->relations + 1),
                                 .row_node = integers(scope, rows),
                                 .source_type = integers(scope, graph->relations)};
    int32_t *row_of = integers(work, graph->nodes), e = 0;
    *row = integers(work, count);
    for (int32_t r = 0; r < graph->relations; r++) {
        const int32_t from = graph->relation[r].from;
        adjacency->source_type[r] = from;
        number_rows(graph, r, &edges[r], row_of, adjacency);
        for (int32_t i = 0; i < edges[r].count; i++)
            (*row)[e++] = row_of[edges[r].src[i] - graph->type[from].first];
    }
    return CLM_OK;
}

/* Edges by target and, within one, by relation: relations are visited in order and the sort is
 * stable. */
static void sort_by_target(clm_scope *scope, clm_scope *work, const clm_graph *graph,
                           const edge_list *edges, const int32_t *row, clm_adjacency *adjacency)
{
    int32_t *next = integers(work, graph->nodes + 1);
    for (int32_t r = 0; r < graph->relations; r++)
        for (int32_t e = 0; e < edges[r].count; e++)
            next[edges[r].dst[e] + 1]++;
    for (int32_t node = 0; node < graph->nodes; node++)
        next[node + 1] += next[node];
    adjacency->source = integers(scope, adjacency->edges);
    adjacency->target = integers(scope, adjacency->edges);
    adjacency->relation = integers(scope, adjacency->edges);
    adjacency->input = integers(scope, adjacency->edges);
    int32_t input = 0;
    for (int32_t r = 0; r < graph->relations; r++)
        for (int32_t e = 0; e < edges[r].count; e++) {
            const int32_t at = next[edges[r].dst[e]]++;
            adjacency->source[at] = row[input];
            adjacency->target[at] = edges[r].dst[e];
            adjacency->relation[at] = r;
            adjacency->input[at] = input++;
        }
}

/* Segments: one per target, empty or not; or one per target and relation between which there are
 * edges, so that a target without edges has none. */
static void cut_segments(clm_scope *scope, bool per_relation, clm_adjacency *adjacency)
{
    const int32_t nodes = adjacency->nodes, count = adjacency->edges;
    adjacency->segments = per_relation ? 0 : nodes;
    for (int32_t e = 0; per_relation && e < count; e++)
        if (e == 0 || adjacency->target[e] != adjacency->target[e - 1] ||
            adjacency->relation[e] != adjacency->relation[e - 1])
            adjacency->segments++;
    adjacency->segment_ptr = integers(scope, nodes + 1);
    adjacency->edge_ptr = integers(scope, adjacency->segments + 1);
    int32_t segment = 0, e = 0;
    for (int32_t node = 0; node < nodes; node++) {
        if (!per_relation) {
            while (e < count && adjacency->target[e] == node)
                e++;
            adjacency->edge_ptr[++segment] = e;
        }
        while (e < count && adjacency->target[e] == node) {
            const int32_t relation = adjacency->relation[e];
            while (e < count && adjacency->target[e] == node && adjacency->relation[e] == relation)
                e++;
            adjacency->edge_ptr[++segment] = e;
        }
        adjacency->segment_ptr[node + 1] = segment;
    }
}

static void sort_by_source(clm_scope *scope, clm_scope *work, clm_adjacency *adjacency)
{
    int32_t *ptr = integers(scope, adjacency->rows + 1);
    for (int32_t e = 0; e < adjacency->edges; e++)
        ptr[adjacency->source[e] + 1]++;
    for (int32_t row = 0; row < adjacency->rows; row++)
        ptr[row + 1] += ptr[row];
    int32_t *next = integers(work, adjacency->rows + 1);
    memcpy(next, ptr, ((size_t)adjacency->rows + 1) * sizeof *next);
    adjacency->source_ptr = ptr;
    adjacency->source_edge = integers(scope, adjacency->edges);
    adjacency->source_target = integers(scope, adjacency->edges);
    for (int32_t e = 0; e < adjacency->edges; e++) {
        const int32_t at = next[adjacency->source[e]]++;
        adjacency->source_edge[at] = e;
        adjacency->source_target[at] = adjacency->target[e];
    }
}

static clm_status build(clm_scope *scope, clm_scope *work, const clm_dataset *dataset,
                        const clm_pairs_host *target_edges, const clm_adjacency_choice *choice,
                        clm_adjacency *adjacency)
{
    const clm_graph *graph = &dataset->graph;
    edge_list *edges_by = clm_alloc_array(work, (size_t)graph->relations, sizeof *edges_by);
    int32_t *row = NULL;
    for (int32_t r = 0; r < graph->relations; r++)
        edges_by[r] = edges_of(dataset, target_edges, choice, r);
    CLM_TRY(count_rows(scope, work, dataset, edges_by, &row, adjacency));
    sort_by_target(scope, work, graph, edges_by, row, adjacency);
    cut_segments(scope, choice->per_relation, adjacency);
    sort_by_source(scope, work, adjacency);
    return CLM_OK;
}

clm_status clm_adjacency_new(clm_scope *scope, const clm_dataset *dataset,
                             const clm_pairs_host *target_edges, clm_adjacency_choice choice,
                             clm_adjacency *adjacency)
{
    clm_scope work = {0};
    const clm_status status = build(scope, &work, dataset, target_edges, &choice, adjacency);
    clm_scope_end(&work);
    return status;
}
