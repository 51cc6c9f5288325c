/* Rows of (expert, node) pairs, taken from the nodes and brought back to them.
 *
 * clm_pick_rows   y[r] = x[rows.index[r]]
 * clm_pair_sum    y[n] = sum_j gate[n, j] v[slot[n, j]]; no term where slot is negative
 *
 *   x      [N, D]  real        rows  clm_rows of Y rows, with the way back
 *   v      [Y, D]  real        gate  [N, K] f32        slot  [N, K] i32, below Y
 *   node   [Y]     i32  node of a row of v, order [Y] i32 place of its gate in [N, K]; in range for
 *                       rows that no slot names too, whose gradient means nothing
 *
 * Differentiable in x, v and gate. Every row is collected by who owns it: no atomics. */
#ifndef CLM_NN_PAIR_SUM_H
#define CLM_NN_PAIR_SUM_H

#include "cl/grouped_gemm/grouped_gemm.h"
#include "nn/tape.h"

clm_tensor *clm_pick_rows(clm_tape *tape, clm_tensor *x, const clm_rows *rows);
clm_tensor *clm_pair_sum(clm_tape *tape, clm_tensor *v, clm_tensor *gate, clm_tensor *slot,
                         clm_tensor *node, clm_tensor *order);

#endif
