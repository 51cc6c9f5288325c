/* expert_sum: outputs of the experts that a node chose, in rows by expert, weighted by its gates and
 * added.
 *
 *   v      [Y, D]  real  rows of the experts
 *   gate   [N, K]  f32   weights
 *   slot   [N, K]  i32   row of v of each choice, in [0, Y), of no other choice; negative: none
 *   y      [N, D]  real  scale sum_j gate[n, j] v[slot[n, j]]; zero where there is none
 *
 * expert_sum_backward: dv [Y, D], rows of no choice are left alone, and dgate [N, K], zero where
 * there is no row, from v, gate, slot and dy.
 *
 * Cost     2 N K D flop; N (K + 1) D elements of v and y, 8 N K bytes
 *          backward 4 N K D flop; N (2 K + 1) D elements, 12 N K bytes
 * Source   Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2 */
#ifndef CL_EXPERT_SUM_EXPERT_SUM_H
#define CL_EXPERT_SUM_EXPERT_SUM_H

#include "nn/tape.h"

/* Records y; differentiable in v and gate. */
clm_tensor *clm_expert_sum(clm_tape *tape, clm_tensor *v, clm_tensor *gate, clm_tensor *slot,
                           double scale);

#endif
