/* layer_norm: rows normalised to mean 0 and variance 1, then scaled and shifted by column.
 *
 *   x           [N, D]  real
 *   w, b        [D]     f32  scale and shift
 *   y           [N, D]  real  (x - mean) rstd w + b
 *   mean, rstd  [N]     f32  of the row; rstd = 1 / sqrt(variance + 1e-5), biased variance
 *
 * layer_norm_backward: dx, dw, db from x, w, dy, mean and rstd.
 *
 * Cost     8 N D flop; 4 (2 N D + 2 N + 2 D) bytes
 *          backward 14 N D flop; 4 (3 N D + 2 N + 3 D) bytes
 * Source   Ba, Kiros and Hinton, Layer normalization, 2016, eqs. 3-4 */
#ifndef CL_LAYER_NORM_LAYER_NORM_H
#define CL_LAYER_NORM_LAYER_NORM_H

#include "nn/tape.h"

/* Records y [N, D]. Differentiable in x, w and b. */
clm_tensor *clm_layer_norm(clm_tape *tape, clm_tensor *x, clm_tensor *w, clm_tensor *b);

#endif
