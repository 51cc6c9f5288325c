/* row_normalise: rows scaled to Euclidean length 1.
 *
 *   x       [N, D]  real
 *   y       [N, D]  real  x[n] / max(|x[n]|, 1e-12); a row of zeros stays one
 *   factor  [N]     f32   1 / max(|x[n]|, 1e-12), for the backward pass; 0: a row of zeros
 *
 * row_normalise_backward: dx[n] = factor (dy[n] - y[n] (y[n] . dy[n])), without the second term
 * where the length was below 1e-12; a row of zeros passes no gradient.
 *
 * Cost     3 N D flop; 4 (2 N D + N) bytes; backward 5 N D flop; 4 (3 N D + N) bytes
 * Source   none: common knowledge; PyTorch's functional.normalize, but for rows of zeros */
#ifndef CL_ROW_NORMALISE_ROW_NORMALISE_H
#define CL_ROW_NORMALISE_ROW_NORMALISE_H

#include "nn/tape.h"

/* Records it. Differentiable in x. Returns y [N, D]. */
clm_tensor *clm_row_normalise(clm_tape *tape, clm_tensor *x);

#endif
