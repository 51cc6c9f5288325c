#include "data/refex.h"
#include "base/parallel.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { GENERATIONS = 10, FIRST_FEATURES = 5 };

typedef struct feature {
    const char *name;
    int generation;
    double *value; /* [nodes] */
    int32_t *bin;  /* [nodes] */
    bool active;   /* not pruned so far: others are compared with it */
} feature;

/* What is known while features are made. */
typedef struct refex {
    clm_scope *work;
    int32_t nodes;
    int32_t *ptr, *neighbour; /* [nodes + 1], [edges]: out-neighbours, ascending, each once */
    int32_t *in_degree;
    feature *list;
    size_t count, capacity;
} refex;

static int ascending_nodes(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static int ascending_values(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void find_neighbours(refex *all, const clm_relation *relation)
{
    const size_t nodes = (size_t)all->nodes;
    int32_t *row = clm_alloc_array(all->work, nodes + 1, sizeof *row);
    all->ptr = clm_alloc_array(all->work, nodes + 1, sizeof *all->ptr);
    all->neighbour = clm_alloc_array(all->work, (size_t)relation->count, sizeof *all->neighbour);
    all->in_degree = clm_alloc_array(all->work, nodes, sizeof *all->in_degree);
    for (int32_t e = 0; e < relation->count; e++)
        row[relation->src[e] + 1]++;
    for (int32_t u = 0; u < all->nodes; u++)
        all->ptr[u + 1] = row[u + 1] += row[u];
    for (int32_t e = 0; e < relation->count; e++)
        all->neighbour[all->ptr[relation->src[e]]++] = relation->dst[e];
    int32_t kept = 0;
    for (int32_t u = 0; u < all->nodes; u++) {
        int32_t *own = all->neighbour + row[u];
        const int32_t count = row[u + 1] - row[u];
        qsort(own, (size_t)count, sizeof *own, ascending_nodes);
        all->ptr[u] = kept;
        for (int32_t i = 0; i < count; i++) {
            if (kept > all->ptr[u] && all->neighbour[kept - 1] == own[i]) continue;
            all->in_degree[own[i]]++;
            all->neighbour[kept++] = own[i];
        }
    }
    all->ptr[all->nodes] = kept;
}

static feature *add_feature(refex *all, const char *name, int generation)
{
    if (all->count == all->capacity) {
        feature *old = all->list;
        all->capacity = 2 * all->capacity + 16;
        all->list = clm_alloc_array(all->work, all->capacity, sizeof *all->list);
        if (old != NULL) memcpy(all->list, old, all->count * sizeof *old);
    }
    feature *added = &all->list[all->count++];
    *added = (feature){.name = name, .generation = generation, .active = true};
    added->value = clm_alloc_array(all->work, (size_t)all->nodes, sizeof *added->value);
    added->bin = clm_alloc_array(all->work, (size_t)all->nodes, sizeof *added->bin);
    return added;
}

/* Edges of v to nodes that are marked, and to others. */
static void count_edges_of(const refex *all, int32_t v, const int32_t *mark, int32_t marked,
                           double *internal, double *external)
{
    for (int32_t i = all->ptr[v]; i < all->ptr[v + 1]; i++)
        *(mark[all->neighbour[i]] == marked ? internal : external) += 1;
}

/* Edges inside and out of the ego-nets of a range of nodes. */
static void count_ego_edges(void *user, int64_t first, int64_t end)
{
    const refex *all = user;
    clm_scope scope = {0};
    double *external = all->list[0].value, *internal = all->list[2].value;
    int32_t *mark = clm_alloc_array(&scope, (size_t)all->nodes, sizeof *mark);
    for (int32_t u = (int32_t)first; u < end; u++) {
        mark[u] = u + 1;
        for (int32_t i = all->ptr[u]; i < all->ptr[u + 1]; i++)
            mark[all->neighbour[i]] = u + 1;
        count_edges_of(all, u, mark, u + 1, &internal[u], &external[u]);
        for (int32_t i = all->ptr[u]; i < all->ptr[u + 1]; i++)
            if (all->neighbour[i] != u)
                count_edges_of(all, all->neighbour[i], mark, u + 1, &internal[u], &external[u]);
    }
    clm_scope_end(&scope);
}

static void first_generation(refex *all)
{
    static const char *const names[FIRST_FEATURES] = {
        "external_edges", "in_degree", "internal_edges", "out_degree", "total_degree"};
    for (int i = 0; i < FIRST_FEATURES; i++)
        (void)add_feature(all, names[i], 0);
    clm_parallel(all->nodes, count_ego_edges, all);
    for (int32_t u = 0; u < all->nodes; u++) {
        const double in = all->in_degree[u], out = all->ptr[u + 1] - all->ptr[u];
        all->list[1].value[u] = in;
        all->list[3].value[u] = out;
        all->list[4].value[u] = in + out;
    }
}

/* Sum and mean over out-neighbours of the features that the last generation kept; 0 where there
 * are none. */
static void next_generation(refex *all, int generation)
{
    const size_t before = all->count;
    for (size_t f = 0; f < before; f++) {
        if (all->list[f].generation != generation - 1 || !all->list[f].active) continue;
        const char *name = all->list[f].name;
        double *mean = add_feature(all, clm_text(all->work, "%s(mean)", name), generation)->value;
        double *sum = add_feature(all, clm_text(all->work, "%s(sum)", name), generation)->value;
        const double *value = all->list[f].value;
        for (int32_t u = 0; u < all->nodes; u++) {
            for (int32_t i = all->ptr[u]; i < all->ptr[u + 1]; i++)
                sum[u] += value[all->neighbour[i]];
            const int32_t degree = all->ptr[u + 1] - all->ptr[u];
            if (degree > 0) mean[u] = sum[u] / degree;
        }
    }
}

void clm_refex_bins(const double *value, int32_t count, int32_t *bin)
{
    clm_scope work = {0};
    double *sorted = clm_alloc_array(&work, (size_t)count, sizeof *sorted);
    memcpy(sorted, value, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending_values);
    double *highest = clm_alloc_array(&work, (size_t)count, sizeof *highest); /* of each bin */
    int32_t bins = 0;
    for (int32_t done = 0; done < count; bins++) {
        const int32_t half = (count - done) / 2;
        done += half > 0 ? half : 1;
        highest[bins] = sorted[done - 1];
        while (done < count && sorted[done] <= highest[bins])
            done++;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t low = 0, high = bins - 1;
        while (low < high) {
            const int32_t middle = (low + high) / 2;
            if (value[i] <= highest[middle])
                high = middle;
            else
                low = middle + 1;
        }
        bin[i] = low;
    }
    clm_scope_end(&work);
}

/* Whether no node's bins differ by more than `most`. */
static bool alike(const feature *a, const feature *b, int32_t nodes, int32_t most)
{
    for (int32_t u = 0; u < nodes; u++)
        if (abs(a->bin[u] - b->bin[u]) > most) return false;
    return true;
}

static size_t root_of(size_t *parent, size_t f)
{
    while (parent[f] != f)
        f = parent[f] = parent[parent[f]];
    return f;
}

/* Joins two groups under the feature that will stand for both. */
static void join(const refex *all, size_t *parent, size_t a, size_t b)
{
    const feature *x = &all->list[a], *y = &all->list[b];
    const bool first = x->generation != y->generation ? x->generation < y->generation
                                                      : strcmp(x->name, y->name) < 0;
    parent[first ? b : a] = first ? a : b;
}

/* Of features that are alike, directly or through others, only the one of the earliest generation
 * stays, and of these the one whose name comes first. Returns how many new ones stay. */
static size_t prune(refex *all, int generation)
{
    size_t *parent = clm_alloc_array(all->work, all->count, sizeof *parent), kept = 0;
    for (size_t f = 0; f < all->count; f++) {
        parent[f] = f;
        if (all->list[f].generation == generation)
            clm_refex_bins(all->list[f].value, all->nodes, all->list[f].bin);
    }
    for (size_t a = 0; a < all->count; a++)
        for (size_t b = a + 1; b < all->count; b++)
            if (all->list[a].active && all->list[b].active &&
                root_of(parent, a) != root_of(parent, b) &&
                alike(&all->list[a], &all->list[b], all->nodes, generation))
                join(all, parent, root_of(parent, a), root_of(parent, b));
    for (size_t f = 0; f < all->count; f++) {
        feature *one = &all->list[f];
        if (one->active && root_of(parent, f) != f) one->active = false;
        if (one->generation == generation && one->active) kept++;
    }
    return kept;
}

/* What each generation kept, also where a later one found it to be like others: those were made
 * from it. */
static void emit(clm_scope *scope, const refex *all, const bool *kept, clm_refex *features)
{
    int32_t count = 0;
    for (size_t f = 0; f < all->count; f++)
        count += kept[f] ? 1 : 0;
    const char **name = clm_alloc_array(scope, (size_t)count, sizeof *name);
    *features = (clm_refex){.nodes = all->nodes, .count = count, .name = name};
    features->value =
        clm_alloc_array(scope, (size_t)all->nodes * (size_t)count, sizeof *features->value);
    int64_t at = 0;
    for (size_t f = 0; f < all->count; f++) {
        if (!kept[f]) continue;
        name[at] = clm_text(scope, "%s", all->list[f].name);
        for (int32_t u = 0; u < all->nodes; u++)
            features->value[(int64_t)u * count + at] = all->list[f].value[u];
        at++;
    }
}

void clm_refex_new(clm_scope *scope, const clm_graph *graph, clm_refex *features)
{
    clm_scope work = {0};
    refex all = {.work = &work, .nodes = graph->nodes};
    find_neighbours(&all, graph->relation);
    first_generation(&all);
    bool *kept = NULL;
    size_t known = 0;
    for (int generation = 0; generation < GENERATIONS; generation++) {
        if (generation > 0) next_generation(&all, generation);
        const size_t stayed = prune(&all, generation);
        bool *grown = clm_alloc_array(&work, all.count, sizeof *grown);
        if (known > 0) memcpy(grown, kept, known * sizeof *grown);
        for (size_t f = known; f < all.count; f++)
            grown[f] = all.list[f].active;
        kept = grown;
        known = all.count;
        if (stayed == 0) break;
    }
    emit(scope, &all, kept, features);
    clm_scope_end(&work);
}
