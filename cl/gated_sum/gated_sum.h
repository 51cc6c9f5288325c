/* gated_sum: a node's experts, side by side in one row, weighted by its gates and added.
 *
 *   v      [N, E D]  real  expert e has columns e D ... (e + 1) D - 1
 *   gate   [N, K]    f32   weights
 *   topk   [N, K]    i32   expert of each weight, all different; v has those from `first` on, others
 *                          add nothing; null: K = E, in order
 *   live   [2]       i32   {0, rows that count}: other rows are neither read nor written; null: all
 *   y      [N, D]    real  scale sum_j gate[n, j] v[n, topk[n, j] - first]
 *
 * gated_sum_backward: dv (zero for experts that were not chosen) and dgate from v, gate, topk, dy.
 *
 * Cost     2 N K D flop; 4 N (K D + D + 2 K) bytes in f32
 *          backward 4 N K D flop; 4 N (E D + K D + D + 3 K) bytes
 * Source   Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2 */
#ifndef CL_GATED_SUM_GATED_SUM_H
#define CL_GATED_SUM_GATED_SUM_H

#include "nn/tape.h"

/* Records y [N, D]; `experts` is E. Differentiable in v and gate. */
clm_tensor *clm_gated_sum(clm_tape *tape, clm_tensor *v, int64_t experts, clm_tensor *gate,
                          clm_tensor *topk, clm_tensor *live, double scale);

/* The same where v holds only some of the experts that topk names: `first` and those after it. */
clm_tensor *clm_gated_part(clm_tape *tape, clm_tensor *v, int64_t first, int64_t experts,
                           clm_tensor *gate, clm_tensor *topk, clm_tensor *live, double scale);

#endif
