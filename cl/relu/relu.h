/* relu: rectified linear unit.
 *
 *   x  [N]  real  any shape
 *   y  [N]  real  x where it is positive, else 0; NaN stays NaN
 *
 * relu_backward: dx = dy where y > 0, else 0.
 *
 * Cost     N flop; 8 N bytes in f32; backward N flop; 12 N bytes
 * Source   Nair and Hinton, Rectified linear units, ICML 2010 */
#ifndef CL_RELU_RELU_H
#define CL_RELU_RELU_H

#include "nn/tape.h"

/* Records y = relu(x). Differentiable. */
clm_tensor *clm_relu(clm_tape *tape, clm_tensor *x);

#endif
