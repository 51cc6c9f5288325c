/* dropout: zeroes each element with probability p and scales the others by 1 / (1 - p).
 *
 *   x     [N]  real  any shape
 *   step  [8]  i32  step number and seed (nn/tape.h)
 *   y     [N]  real  x / (1 - p) where word i % 4 of Philox(i / 4, step, DROPOUT, layer) >= p 2^32,
 *                   else 0
 *
 * The backward pass is the same operator on dy: the mask is drawn again, not stored.
 *
 * Cost     N flop; 8 N bytes
 * Source   Srivastava et al., Dropout, JMLR 2014, section 4, scaled while training */
#ifndef CL_DROPOUT_DROPOUT_H
#define CL_DROPOUT_DROPOUT_H

#include "nn/tape.h"

/* Records dropout with 0 <= p < 1; `layer` tells draws of one step apart. Returns x itself when
 * p == 0 or the tape is not training. Differentiable. */
clm_tensor *clm_dropout(clm_tape *tape, clm_tensor *x, double p, int layer);

#endif
