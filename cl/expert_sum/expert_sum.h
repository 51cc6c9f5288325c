/* expert_sum: outputs of the experts that a node chose, weighted by its gates and added.
 *
 *   v      [Y, D]  real  rows by expert; or, without slots, [N, K D]: a node's outputs side by side
 *   gate   [N, K]  f32   weights
 *   slot   [N, K]  i32   row of v of each choice, in [0, Y), of no other choice; negative: none;
 *                        null: side by side
 *   live   [2]     i32   {0, nodes that count}: others are neither read nor written; null: all
 *   y      [N, D]  real  scale sum_j gate[n, j] v[slot[n, j]]; zero where there is none
 *
 * expert_sum_backward: dv, rows of no choice are left alone, and dgate [N, K], zero where there is no
 * row, from v, gate, slot and dy.
 *
 * Cost     2 N K D flop; N (K + 1) D elements of v and y, 8 N K bytes (4 without slots)
 *          backward 4 N K D flop; N (2 K + 1) D elements, 12 N K bytes (8)
 * Source   Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2 */
#ifndef CL_EXPERT_SUM_EXPERT_SUM_H
#define CL_EXPERT_SUM_EXPERT_SUM_H

#include "nn/tape.h"

/* Records y; differentiable in v and gate. slot and live may be null. */
clm_tensor *clm_expert_sum(clm_tape *tape, clm_tensor *v, clm_tensor *gate, clm_tensor *slot,
                           clm_tensor *live, double scale);

#endif
