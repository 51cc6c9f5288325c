/* Examples of both operators. */
#include "cl/expert_pairs/internal.h"

#include <string.h>

static const clm_pair_sizes list[] = {
    {1, 1, 0, 1, 0, 1, 1, 0, true, false},   /* one node, no edge */
    {5, 4, 2, 3, 0, 3, 2, 0, true, false},   /* a row past the live ones */
    {7, 7, 1, 2, 2, 5, 1, 0, true, false},   /* some nodes choose none of the pool */
    {11, 9, 3, 4, 0, 4, 0, 0, false, false}, /* every expert takes every node */
    {67, 61, 3, 8, 0, 8, 1, 0, true, false},
    {67, 61, 1, 8, 4, 12, 2, 0, true, true},
    {131, 131, 2, 8, 4, 12, 4, 0, true, false},
    {257, 250, 4, 5, 0, 5, 2, 1, true, false}, /* the first two experts take all */
    {1021, 997, 3, 8, 0, 8, 4, 0, true, false},
    {1021, 1021, 3, 37, 0, 37, 1, 0, false, false},
    {700, 0, 0, 4, 0, 4, 2, 0, true, false}, /* a batch of nothing */
    {600, 599, 3, 8, 0, 8, 0, 0, true, false},
    {600, 599, 3, 8, 0, 8, 1, 0, false, true},
};

static const int32_t *draw_choices(clm_example *e, const clm_pair_sizes *s)
{
    if (s->top_k == 0) return NULL;
    int32_t *topk = clm_example_memory(e, (size_t)(s->nodes * s->top_k) * sizeof *topk);
    for (int32_t n = 0; n < s->nodes; n++) {
        const int32_t base = clm_example_random(e, s->crowded ? s->crowded : s->total);
        for (int32_t j = 0; j < s->top_k; j++)
            topk[n * s->top_k + j] = (base + j) % s->total;
    }
    return topk;
}

/* Edges by one of their ends, in their order. */
static void by_end(clm_example *e, const clm_pair_sizes *s, const int32_t *key,
                   const int32_t *other, const int32_t *kind, const int32_t **ptr,
                   const int32_t **end, const int32_t **end_kind)
{
    const int32_t edges = s->live * s->degree;
    int32_t *next = clm_example_memory(e, ((size_t)s->nodes + 2) * sizeof *next);
    int32_t *sorted = clm_example_memory(e, (size_t)edges * sizeof *sorted);
    int32_t *kinds = clm_example_memory(e, (size_t)edges * sizeof *kinds);
    memset(next, 0, ((size_t)s->nodes + 2) * sizeof *next);
    for (int32_t i = 0; i < edges; i++)
        next[key[i] + 2]++;
    for (int32_t n = 0; n < s->nodes; n++)
        next[n + 2] += next[n + 1];
    for (int32_t i = 0; i < edges; i++) {
        const int32_t to = next[key[i] + 1]++;
        sorted[to] = other[i];
        kinds[to] = kind[i];
    }
    *ptr = next;
    *end = sorted;
    *end_kind = s->features ? kinds : NULL;
}

bool clm_expert_pairs_draw(clm_example *e, int index, clm_pair_sizes *s, clm_pair_batch *batch)
{
    if (index >= (int)(sizeof list / sizeof *list)) return false;
    *s = list[index];
    const int32_t edges = s->live * s->degree;
    int32_t *end[3]; /* source, target, kind */
    for (int i = 0; i < 3; i++)
        end[i] = clm_example_memory(e, (size_t)edges * sizeof *end[i]);
    for (int32_t i = 0; i < edges; i++) {
        end[0][i] = clm_example_random(e, s->live);
        end[1][i] = clm_example_random(e, (s->live + 1) / 2); /* the others have no in-edge */
        end[2][i] = clm_example_random(e, 20);
    }
    *batch = (clm_pair_batch){.nodes = s->nodes,
                              .live = s->live,
                              .experts = s->experts,
                              .first = s->first,
                              .top_k = s->top_k ? s->top_k : s->experts,
                              .all = s->all,
                              .topk = draw_choices(e, s)};
    by_end(e, s, end[1], end[0], end[2], &batch->row_ptr, &batch->src, &batch->kind);
    by_end(e, s, end[0], end[1], end[2], &batch->t_row_ptr, &batch->dst, &batch->t_kind);
    return true;
}
