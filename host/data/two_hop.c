#include "data/two_hop.h"
#include "base/parallel.h"

#include <string.h>

/* Edges grouped by a key, in their order within each group. */
typedef struct groups {
    int32_t *ptr, *edge;
} groups;

typedef struct paths {
    const clm_graph *graph;
    const clm_relation *edge;
    groups out;        /* by source node */
    groups inner;      /* by graph: inner.edge[inner.ptr[g] + k] is the graph's edge number k */
    int32_t *graph_of; /* [nodes]; null: one graph */
    bool released;
    int64_t *first; /* [nodes + 1] two-hop edges of each node, then where they start */
    clm_relation *two;
} paths;

/* `key` null: of no group but 0. */
static groups grouped(clm_scope *work, const int32_t *node, const int32_t *key, int32_t edges,
                      int32_t count)
{
    groups made = {clm_alloc_array(work, (size_t)count + 1, sizeof(int32_t)),
                   clm_alloc_array(work, (size_t)edges, sizeof(int32_t))};
    int32_t *next = clm_alloc_array(work, (size_t)count + 1, sizeof *next);
    for (int32_t e = 0; e < edges; e++)
        made.ptr[(key != NULL ? key[node[e]] : node[e]) + 1]++;
    for (int32_t g = 0; g < count; g++)
        next[g + 1] = made.ptr[g + 1] += made.ptr[g];
    for (int32_t e = 0; e < edges; e++)
        made.edge[next[key != NULL ? key[node[e]] : node[e]]++] = e;
    return made;
}

/* Whether edge number w of u's graph starts at u; that is what the released code asks. */
static bool number_starts_at(const paths *all, int32_t w, int32_t u)
{
    const int32_t g = all->graph_of != NULL ? all->graph_of[u] : 0;
    const int32_t first = all->graph_of != NULL ? all->graph->graph_first[g] : 0;
    const int64_t at = (int64_t)all->inner.ptr[g] + (w - first);
    return at < all->inner.ptr[g + 1] && all->edge->src[all->inner.edge[at]] == u;
}

static void put(const paths *all, int64_t at, int32_t first, int32_t second)
{
    const clm_categories *from = &all->edge->category;
    clm_relation *two = all->two;
    two->src[at] = all->edge->src[first];
    two->dst[at] = all->edge->dst[second];
    const size_t fields = (size_t)from->fields;
    if (fields == 0) return;
    int32_t *to = two->category.value + 2 * fields * (size_t)at;
    memcpy(to, from->value + fields * (size_t)first, fields * sizeof *to);
    memcpy(to + fields, from->value + fields * (size_t)second, fields * sizeof *to);
}

/* Two-hop edges of node u: counts them, and writes them where there is room already. `mark` has
 * u + 1 at the neighbours of u and no such value elsewhere. */
static int64_t walk(const paths *all, int32_t u, int32_t *mark)
{
    const int32_t *ptr = all->out.ptr, *edge = all->out.edge;
    int64_t count = 0;
    for (int32_t i = ptr[u]; i < ptr[u + 1]; i++)
        mark[all->edge->dst[edge[i]]] = u + 1;
    for (int32_t i = ptr[u]; i < ptr[u + 1]; i++) {
        const int32_t v = all->edge->dst[edge[i]];
        for (int32_t j = ptr[v]; j < ptr[v + 1]; j++) {
            const int32_t w = all->edge->dst[edge[j]];
            if (w == u || (all->released ? number_starts_at(all, w, u) : mark[w] == u + 1))
                continue;
            if (all->two->src != NULL) put(all, all->first[u] + count, edge[i], edge[j]);
            count++;
        }
    }
    return count;
}

static void walk_range(void *user, int64_t first, int64_t end)
{
    const paths *all = user;
    clm_scope work = {0};
    int32_t *mark = clm_alloc_array(&work, (size_t)all->graph->nodes, sizeof *mark);
    for (int64_t u = first; u < end; u++) {
        const int64_t count = walk(all, (int32_t)u, mark);
        if (all->two->src == NULL) all->first[u + 1] = count;
    }
    clm_scope_end(&work);
}

static void make_room(clm_scope *scope, const clm_relation *edge, int32_t count, clm_relation *two)
{
    const clm_categories *from = &edge->category;
    two->count = count;
    two->src = clm_alloc_array(scope, (size_t)count, sizeof *two->src);
    two->dst = clm_alloc_array(scope, (size_t)count, sizeof *two->dst);
    if (from->fields == 0) return;
    const size_t fields = (size_t)from->fields;
    int32_t *size = clm_alloc_array(scope, 2 * fields, sizeof *size);
    memcpy(size, from->size, fields * sizeof *size);
    memcpy(size + fields, from->size, fields * sizeof *size);
    two->category =
        (clm_categories){2 * from->fields, size,
                         clm_alloc_array(scope, (size_t)count, 2 * fields * sizeof(int32_t))};
}

static clm_status build(clm_scope *scope, clm_scope *work, paths *all)
{
    const clm_graph *graph = all->graph;
    const clm_relation *edge = all->edge;
    all->out = grouped(work, edge->src, NULL, edge->count, graph->nodes);
    const int32_t graphs = graph->graphs > 0 ? graph->graphs : 1;
    int32_t *graph_of = clm_alloc_array(work, (size_t)graph->nodes, sizeof *graph_of);
    for (int32_t g = 0; g < graph->graphs; g++)
        for (int32_t v = graph->graph_first[g]; v < graph->graph_first[g + 1]; v++)
            graph_of[v] = g;
    all->graph_of = graph->graphs > 0 ? graph_of : NULL;
    if (all->released) all->inner = grouped(work, edge->src, graph_of, edge->count, graphs);
    all->first = clm_alloc_array(work, (size_t)graph->nodes + 1, sizeof *all->first);
    clm_parallel(graph->nodes, walk_range, all);
    for (int32_t u = 0; u < graph->nodes; u++)
        all->first[u + 1] += all->first[u];
    if (all->first[graph->nodes] > INT32_MAX) {
        clm_fail(CLM_ERROR_TOO_LARGE, "%s: has %lld two-hop edges, more than 2^31", graph->name,
                 (long long)all->first[graph->nodes]);
        clm_error_advice("use a sparser graph, or experts that look one edge far alone");
        return CLM_FAIL;
    }
    make_room(scope, edge, (int32_t)all->first[graph->nodes], all->two);
    clm_parallel(graph->nodes, walk_range, all);
    return CLM_OK;
}

clm_status clm_two_hop(clm_scope *scope, const clm_graph *graph, bool released,
                       clm_relation *relation)
{
    clm_scope work = {0};
    *relation =
        (clm_relation){.name = "two-hop", .from = graph->relation->from, .to = graph->relation->to};
    paths all = {.graph = graph, .edge = graph->relation, .released = released, .two = relation};
    const clm_status status = build(scope, &work, &all);
    clm_scope_end(&work);
    return status;
}
