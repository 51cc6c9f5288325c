/* draw_pairs: the node pairs that a step of link prediction scores, positives first.
 *
 *   pos_u, pos_v  [B]    i32  the supervision edges
 *   step          [8]    i32  step number and seed (nn/tape.h)
 *   u, v          [2 B]  i32  the positives, then B negatives
 *
 * Negative i is (first_u + w0, first_v + w1), w0 and w1 being words 0 and 1 of Philox(i, step,
 * NEGATIVES, 0) scaled to [0, count_u) and [0, count_v): uniform, with replacement, true edges not
 * removed.
 *
 * Cost     24 B bytes
 * The protocol is that of PyTorch Geometric's RandomLinkSplit. */
#ifndef CL_DRAW_PAIRS_DRAW_PAIRS_H
#define CL_DRAW_PAIRS_DRAW_PAIRS_H

#include "nn/tape.h"

typedef struct clm_pairs {
    clm_tensor *u, *v;
} clm_pairs;

/* Records the pairs [2 B] of this step; count_u and count_v at least 1. Nothing flows back. */
clm_pairs clm_draw_pairs(clm_tape *tape, clm_tensor *pos_u, clm_tensor *pos_v, int first_u,
                         int count_u, int first_v, int count_v);

#endif
