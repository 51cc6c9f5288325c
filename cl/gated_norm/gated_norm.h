/* gated_norm: expert_sum of batch_norm in one go: the normalised rows of all experts, of which a
 * node's gates choose few, are never stored.
 *
 *   v           [N, E D]  real  expert e has columns e D ... (e + 1) D - 1
 *   w, b        [E D]     f32   scale and shift of the norm
 *   gate, topk  [N, K]          weights, and experts, of which v has those from `first` on: others
 *                               add nothing and get no gradient; null topk: K = E, in order
 *   live        [2]       i32   {0, rows that count}: other rows are neither read nor written
 *   mean_estimate, variance_estimate, mean, rstd   as in cl/batch_norm, one group: the live rows
 *   y           [N, D]    real  scale sum_j gate[n, j] norm(v)[n, topk[n, j] - first]
 *
 * gated_norm_backward: dv, dw, db and dgate; gated_norm_evaluate: y by the running statistics.
 *
 * Cost     4 N E D + 5 N K D flop; 4 (N E D + N D + 2 N K + 8 E D) bytes in f32
 *          backward 6 N E D + 9 N K D flop; 4 (2 N E D + N D + 3 N K + 6 E D) bytes
 * Source   Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2 and its code */
#ifndef CL_GATED_NORM_GATED_NORM_H
#define CL_GATED_NORM_GATED_NORM_H

#include "cl/batch_norm/batch_norm.h"

/* Records y [N, D] of the `experts` experts from `first` on. A tape that is training normalises by
 * the rows, differentiable in v, w, b and gate, and updates the running statistics; another one
 * normalises by these. */
clm_tensor *clm_gated_norm(clm_tape *tape, clm_tensor *v, int64_t first, int64_t experts,
                           const clm_norm *norm, clm_tensor *gate, clm_tensor *topk,
                           clm_tensor *live, double scale);

#endif
