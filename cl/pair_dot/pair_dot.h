/* pair_dot: scores of node pairs as inner products of their rows.
 *
 *   a      [A, D]  real  rows of the first nodes
 *   b      [B, D]  real  rows of the second nodes; may be a
 *   u, v   [P]     i32  row of a, in [0, A), and of b, in [0, B)
 *   score  [P]     f32  a[u] . b[v]
 *
 * pair_dot_backward, once for a and once with the sides swapped for b: with the pairs sorted by u
 * (offsets [A + 1], order [P]; dispatch), da[n] = sum over pairs i of node n of dscore[i] b[v[i]].
 *
 * Cost     2 P D flop; 4 (2 P D + 3 P) bytes; backward 2 P D flop; 4 (P D + A D + 3 P + A) bytes */
#ifndef CL_PAIR_DOT_PAIR_DOT_H
#define CL_PAIR_DOT_PAIR_DOT_H

#include "nn/tape.h"

/* Records score [P]. Differentiable in a and b. */
clm_tensor *clm_pair_dot(clm_tape *tape, clm_tensor *a, clm_tensor *b, clm_tensor *u,
                         clm_tensor *v);

#endif
