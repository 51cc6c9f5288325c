/* Graphs of a workload: edges drawn relation by relation, then sorted by target and by source row
 * with counting sorts, so that time and memory are linear in nodes and edges. */
#include "base/philox.h"
#include "nn/workload_internal.h"

enum { GRAPH = 2, PRIME = 2147483647 }; /* Philox layer; coprime to any smaller number of nodes */

/* A node of 0 .. count-1. Power law: weight of rank i in proportion to i^(-2/3), which gives degrees
 * with exponent 2.5 (Chung and Lu 2002), by inversion of its distribution; ranks are spread over the
 * ids, so that hubs are not neighbours. */
static int32_t pick(const clm_workload *w, uint32_t word, int32_t count)
{
    if (w->graph == CLM_GRAPH_UNIFORM) return (int32_t)clm_uniform_below(word, (uint32_t)count);
    const double u = (word + 0.5) / 4294967296.0;
    const int64_t rank = (int64_t)(u * u * u * count);
    return (int32_t)((rank * PRIME + 1) % count);
}

/* Positions 0 .. n-1 in stable order of key[i] in [0, keys): ptr [keys + 1], order [n]. */
static void counting_sort(clm_scope *scope, const int32_t *key, int32_t n, int32_t keys,
                          int32_t **ptr, int32_t *order)
{
    int32_t *first = clm_alloc_array(scope, (size_t)keys + 2, sizeof *first);
    for (int32_t i = 0; i < n; i++)
        first[key[i] + 2]++;
    for (int32_t k = 0; k < keys; k++)
        first[k + 2] += first[k + 1];
    for (int32_t i = 0; i < n; i++)
        order[first[key[i] + 1]++] = i; /* afterwards first[k] is where key k begins */
    *ptr = first;
}

typedef struct drawing {
    int32_t *source, *target; /* [M] row, node; in order of relation */
    int32_t *type_first, *source_type, *row_first, *row_node;
    int32_t rows;
} drawing;

static drawing draw_edges(clm_scope *scope, const clm_workload *w)
{
    const size_t m = (size_t)w->edges;
    const int64_t t = w->types, r = w->relations;
    drawing d = {.source = clm_alloc_array(scope, m + 1, 4),
                 .target = clm_alloc_array(scope, m + 1, 4),
                 .type_first = clm_alloc_array(scope, (size_t)t + 1, 4),
                 .source_type = clm_alloc_array(scope, (size_t)r, 4),
                 .row_first = clm_alloc_array(scope, (size_t)r + 1, 4),
                 .row_node = clm_alloc_array(scope, (size_t)(r * w->nodes), 4)};
    for (int64_t i = 0; i <= t; i++)
        d.type_first[i] = (int32_t)(w->nodes * i / t);
    for (int64_t i = 0; i < r; i++) {
        const int32_t from = (int32_t)(i % t), to = (int32_t)((i + 1) % t);
        const int32_t sources = d.type_first[from + 1] - d.type_first[from];
        const int32_t targets = d.type_first[to + 1] - d.type_first[to];
        d.source_type[i] = from;
        for (int64_t e = w->edges * i / r; e < w->edges * (i + 1) / r; e++) {
            const clm_philox draw =
                clm_philox_draw((uint32_t)e, 0, CLM_STREAM_GENERATE, GRAPH, w->seed);
            d.source[e] = d.rows + pick(w, draw.word[0], sources);
            d.target[e] = d.type_first[to] + pick(w, draw.word[1], targets);
        }
        for (int32_t s = 0; s < sources; s++)
            d.row_node[d.rows++] = d.type_first[from] + s;
        d.row_first[i + 1] = d.rows;
    }
    return d;
}

void clm_workload_draw_graph(clm_scope *scope, clm_workload *w)
{
    const int32_t n = (int32_t)w->nodes, m = (int32_t)w->edges;
    const drawing d = draw_edges(scope, w);
    int32_t *order = clm_alloc_array(scope, (size_t)m + 1, 4), *edge_ptr, *source_ptr;
    int32_t *source = clm_alloc_array(scope, (size_t)m + 1, 4),
            *target = clm_alloc_array(scope, (size_t)m + 1, 4),
            *source_target = clm_alloc_array(scope, (size_t)m + 1, 4);
    int32_t *segment_ptr = clm_alloc_array(scope, (size_t)n + 1, 4);
    counting_sort(scope, d.target, m, n, &edge_ptr, order);
    for (int32_t i = 0; i < m; i++) {
        source[i] = d.source[order[i]];
        target[i] = d.target[order[i]];
    }
    for (int32_t i = 0; i <= n; i++)
        segment_ptr[i] = i;
    counting_sort(scope, source, m, d.rows, &source_ptr, order);
    for (int32_t i = 0; i < m; i++)
        source_target[i] = target[order[i]];
    w->edge = (clm_typed_edges){.nodes = n,
                                .rows = d.rows,
                                .edges = m,
                                .segments = n,
                                .types = (int32_t)w->types,
                                .relations = (int32_t)w->relations,
                                .type_first = d.type_first,
                                .source_type = d.source_type,
                                .row_first = d.row_first,
                                .row_node = d.row_node,
                                .segment_ptr = segment_ptr,
                                .edge_ptr = edge_ptr,
                                .source = source,
                                .target = target,
                                .source_ptr = source_ptr,
                                .source_edge = order,
                                .source_target = source_target};
}
