/* gelu: Gaussian error linear unit with the exact error function.
 *
 *   x  [N]  real  any shape
 *   y  [N]  real  x (1 + erf(x / sqrt 2)) / 2
 *
 * gelu_backward: dx = dy (Phi(x) + x phi(x)), Phi and phi the normal distribution and its density.
 *
 * Cost     4 N flop; 8 N bytes in f32; backward 7 N flop; 12 N bytes
 * Source   Hendrycks and Gimpel, Gaussian error linear units, 2016, section 2 */
#ifndef CL_GELU_GELU_H
#define CL_GELU_GELU_H

#include "nn/tape.h"

/* Records y = gelu(x). Differentiable. */
clm_tensor *clm_gelu(clm_tape *tape, clm_tensor *x);

#endif
