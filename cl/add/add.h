/* add: weighted sum of one to four tensors of one shape.
 *
 *   a, b, c, d  [N]  real  terms; b, c and d may be absent
 *   y           [N]  real  w0 a + w1 b + w2 c + w3 d
 *
 * Cost     N (2 terms - 1) flop; 4 N (terms + 1) bytes in f32 */
#ifndef CL_ADD_ADD_H
#define CL_ADD_ADD_H

#include "nn/tape.h"

/* Records the sum of x[i] * weight[i] over n >= 1 tensors of one shape; weight null: all ones. One
 * tensor is copied, more than four take several calls. Differentiable in every x. */
clm_tensor *clm_add(clm_tape *tape, int n, clm_tensor *const *x, const double *weight);

#endif
