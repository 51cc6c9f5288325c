/* Examples of bond_sum: edge lists with rows without edges, hubs, rows of no use behind the live
 * ones, and output rows that are other rows than the input's. */
#include "cl/bond_sum/internal.h"

#include <math.h>

enum { NOBODY = 1 << 30 }; /* an index that no kernel may use */

/* Targets and sources of the edges: rows below y_live and x_live, but with a hub row 0 everywhere
 * or at random. Row 1 has no edges at all. */
static void draw(clm_example *e, const clm_bond_sizes *s, int64_t y_live, int64_t x_live,
                 int32_t *target, int32_t *source)
{
    for (int64_t i = 0; i < s->m; i++) {
        target[i] = s->hub == 1 ? 0 : clm_example_random(e, (int32_t)y_live);
        source[i] = s->hub == 2 ? 0 : clm_example_random(e, (int32_t)x_live);
        if (target[i] == 1) target[i] = 0;
        if (source[i] == 1) source[i] = 0;
    }
}

/* The edges sorted by `key`: ends of its segments, and the other end and the kind of each. */
static int32_t *sort(clm_example *e, const clm_bond_sizes *s, const int32_t *key, int64_t rows,
                     const int32_t *other, const int32_t *kind, int32_t *to_other, int32_t *to_kind)
{
    int32_t *ptr = clm_example_memory(e, (size_t)(rows + 2) * 4);
    for (int64_t i = 0; i < s->m; i++)
        ptr[key[i] + 2]++;
    for (int64_t i = 2; i <= rows; i++)
        ptr[i] += ptr[i - 1];
    for (int64_t i = 0; i < s->m; i++) {
        const int32_t at = ptr[key[i] + 1]++;
        to_other[at] = other[i];
        to_kind[at] = kind[i];
    }
    return ptr;
}

static int32_t *integers(clm_example *e, int64_t n) { return clm_example_memory(e, (size_t)n * 4); }

static float *factors(clm_example *e, int64_t n, int64_t live)
{
    float *factor = clm_example_memory(e, (size_t)n * 4);
    for (int64_t i = 0; i < n; i++)
        factor[i] = i < live ? 0.1F + 0.01F * (float)clm_example_random(e, 90) : NAN;
    return factor;
}

bool clm_bond_structure(clm_example *e, int index, clm_bond_graph *to)
{
    static const clm_bond_sizes size[] = {
        {3, 3, 4, 4, 2, 1, 3, 0},
        {5, 5, 7, 16, 0, 1, 4, 0},
        {4, 8, 9, 24, 5, 3, 4, 0},
        {1, 1, 0, 1, 3, 1, 1, 0},
        {50, 50, 300, 64, 4, 1, 50, 1},
        {50, 50, 300, 64, 4, 1, 50, 2},
        {211, 211, 450, 150, 13, 1, 190, 0},
        {33, 33, 70, 1200, 60, 1, 33, 0},
        {97, 131, 400, 150, 40, 8, 90, 0},
        {20, 20, 0, 33, 1, 1, 20, 0},
        {700, 700, 1500, 75, 20, 1, 666, 0},
        {9, 9, 40, 300, 0, 2, 9, 0},
    };
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const clm_bond_sizes *s = &size[index];
    const bool same = s->x == s->y;
    const int64_t y_live = s->live, x_live = same ? y_live : s->x - 3;
    int32_t *target = integers(e, s->m), *source = integers(e, s->m), *kind = integers(e, s->m);
    *to = (clm_bond_graph){.size = *s, .same = same, .x_live = x_live};
    draw(e, s, y_live, x_live, target, source);
    for (int64_t i = 0; i < s->m && s->q > 0; i++)
        kind[i] = clm_example_random(e, (int32_t)s->q);
    to->src = integers(e, s->m), to->kind = integers(e, s->m);
    to->dst = integers(e, s->m), to->t_kind = integers(e, s->m);
    to->row_ptr = sort(e, s, target, s->y, source, kind, to->src, to->kind);
    to->t_row_ptr = sort(e, s, source, s->x, target, kind, to->dst, to->t_kind);
    to->self = integers(e, s->y), to->t_self = integers(e, s->x), to->group = integers(e, s->y);
    for (int64_t i = 0; i < s->x; i++)
        to->t_self[i] = i < x_live ? -1 : NOBODY;
    for (int64_t i = 0; i < s->y; i++) { /* backwards, so that they are other rows */
        to->self[i] = i < y_live ? (int32_t)(x_live - 1 - i) : NOBODY;
        to->group[i] = i < y_live ? clm_example_random(e, (int32_t)s->g) : NOBODY;
        if (i < y_live) to->t_self[to->self[i]] = (int32_t)i;
    }
    to->factor = factors(e, s->y, y_live);
    to->x_factor = same ? to->factor : factors(e, s->x, x_live);
    return true;
}

void clm_bond_example_common(clm_example *e, const clm_bond_graph *of, const clm_bond_places *at,
                             bool gcn)
{
    const clm_bond_sizes *s = &of->size;
    clm_example_normal(e, at->x, 1, CLM_DIMS(s->x, s->c));
    if (s->q > 0) clm_example_normal(e, at->bond, 1, CLM_DIMS(s->q, s->c));
    if (gcn)
        clm_example_normal(e, at->root, 1, CLM_DIMS(s->g, s->c));
    else
        clm_example_normal(e, at->root, 0.5, CLM_DIMS(s->g));
    clm_example_i32(e, at->t_row_ptr, of->t_row_ptr, CLM_DIMS(s->x + 1));
    clm_example_i32(e, at->dst, of->dst, CLM_DIMS(s->m));
    if (s->q > 0) clm_example_i32(e, at->t_kind, of->t_kind, CLM_DIMS(s->m));
    if (!of->same) clm_example_i32(e, at->t_self, of->t_self, CLM_DIMS(s->x));
    if (s->g > 1) clm_example_i32(e, at->group, of->group, CLM_DIMS(s->y));
    if (of->x_live < s->x)
        clm_example_i32(e, at->x_live, (int32_t[]){0, 1, (int32_t)of->x_live}, CLM_DIMS(3));
    if (!gcn) return;
    clm_example_f32(e, at->factor, of->factor, CLM_DIMS(s->y));
    clm_example_f32(e, at->x_factor, of->x_factor, CLM_DIMS(s->x));
}
