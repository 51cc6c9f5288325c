/* index_select: the columns of chosen experts, taken out of the weights of all.
 *
 *   w      [R, E D]  f32  in any shape with rows of E D: expert e has columns e D ... (e + 1) D - 1
 *   index  [K]       i32  chosen experts, in [0, E), all different
 *   y      [R, K D]  f32  y[r, j D + c] = w[r, index[j] D + c]
 *
 * When one choice holds for all rows of a batch, the product is with K D columns instead of E D.
 *
 * index_select_backward: dw [R, E D], zero for experts that were not chosen.
 *
 * Cost     0 flop; 4 (2 R K D + K) bytes; backward 4 (R K D + R E D + K) bytes
 * Source   none: common knowledge */
#ifndef CL_INDEX_SELECT_INDEX_SELECT_H
#define CL_INDEX_SELECT_INDEX_SELECT_H

#include "nn/tape.h"

/* Records y, of w's shape but for its last dimension, K D. Differentiable in w. */
clm_tensor *clm_index_select(clm_tape *tape, clm_tensor *w, int64_t experts, clm_tensor *index);

#endif
