#ifndef CLM_CL_TYPE_GATE_H
#define CLM_CL_TYPE_GATE_H

#include "cl/type_fusion/type_fusion.h"

/* type_gate: z = s * h + (1 - s) * m[n] table[type[n], :], s = 1 / (1 + e^-a) element by element.
 *
 *   h      [N, D]  real
 *   a      [N, D]  real  logits of the gate
 *   table  [T, D]  f32  embedding of each type
 *   z      [N, D]  real
 *
 * Differentiable in h, a and table.
 *
 * Cost     7 N D flop; 4 (3 N D + T D + N) bytes, and 4 N for a given mask
 * Source   Shakirov and Arakelov, arXiv 2511.07603, eqs. 8 (gated form) and 9 */
clm_tensor *clm_type_gate(clm_tape *tape, clm_tensor *h, clm_tensor *a, clm_tensor *table,
                          const clm_type_mask *mask);

/* type_gate_backward: gradients of h and a; and of what the embedding is multiplied by, which
 * type_fusion_backward sums over the nodes of a type.
 *
 *   h, a, table, dz  as above
 *   dh      [N, D]  real  s dz, may share the storage of dz
 *   da      [N, D]  real  s (1 - s) (h - m table[type]) dz
 *   dterm   [N, D]  real  (1 - s) dz
 *
 * Cost     10 N D flop; 4 (6 N D + T D + N) bytes, and 4 N for a given mask */

#endif
