/* How a row of D floats is cut into vectors, for kernels built with -DVEC (cl/common.clh). */
#ifndef CLM_OP_LANES_H
#define CLM_OP_LANES_H

#include "op/op.h"

/* For `pick`: the device's native number of float lanes as one of 4, 8, 16. */
static inline int clm_pick_lanes(const clm_device *device, const clm_call *call)
{
    (void)call;
    return device->vector_width >= 16 ? 16 : device->vector_width >= 8 ? 8 : 4;
}

/* For `pick`: how many gathered rows ahead of their use a kernel asks for them; 0 where the
 * compiler has no builtin for that. */
static inline int clm_pick_ahead(const clm_device *device, const clm_call *call)
{
    (void)call;
    return (device->features & CLM_FEATURE_PREFETCH) != 0 ? 8 : 0;
}

/* A row is `panels` panels of `columns` columns, each held by one work-item in `count` vectors of
 * `vec` lanes. When columns is no multiple of vec, the last vector of the panel overlaps the one
 * before. */
typedef struct clm_panels {
    int vec, count, columns, panels;
} clm_panels;

/* Cuts rows of `d` floats into vectors of at most `lanes` (1, 4, 8 or 16) lanes, at most `most` of
 * them in a panel. Vectors overlap only where one panel is the whole row, so that no two work-items
 * share a column. */
static inline clm_panels clm_cut_row(int64_t d, int lanes, int most)
{
    const int width = (int)d;
    int vec = lanes;
    while (vec > width)
        vec = vec > 4 ? vec / 2 : 1;
    int count = (width + vec - 1) / vec;
    if (count <= most) return (clm_panels){vec, count, width, 1};
    while (width % vec != 0)
        vec = vec > 4 ? vec / 2 : 1;
    count = most;
    while (width / vec % count != 0)
        count--;
    return (clm_panels){vec, count, count * vec, width / (count * vec)};
}

/* A row as `blocks` blocks of `count` vectors of `vec` lanes, each for one work-item. Where that is
 * more than the row has, the last `slack` vectors of the last block end where the row ends and
 * overlap others of the same block, so that no two work-items share a column:
 *
 *     #define COLUMN(v) ((v) < COUNT - SLACK ? (v)*VEC : min((v)*VEC, D - column - VEC))
 *
 * with `column` the first of the block. */
typedef struct clm_blocks {
    int vec, count, blocks, slack;
} clm_blocks;

/* Cuts rows of `d` floats into vectors of at most `lanes` (1, 4, 8 or 16) lanes and blocks of at most
 * `most` vectors, or a few more, of any number of them; as few lanes as possible are left over.
 * All blocks together have at most 2 clm_round_up(d, 16) lanes. */
static inline clm_blocks clm_cut_blocks(int64_t d, int lanes, int most)
{
    const int width = (int)d;
    int vec = lanes;
    while (vec > width)
        vec = vec > 4 ? vec / 2 : 1;
    const int vectors = (width + vec - 1) / vec;
    int best = vectors < most ? vectors : most;
    for (int count = best; 2 * count > best; count--)
        if ((vectors + count - 1) / count * count < (vectors + best - 1) / best * best)
            best = count;
    while ((width - 1) % (best * vec) + 1 < vec) /* the last block holds a whole vector */
        best++;
    const int blocks = (vectors + best - 1) / best;
    return (clm_blocks){vec, best, blocks, blocks * best - vectors + (width % vec != 0)};
}

#endif
