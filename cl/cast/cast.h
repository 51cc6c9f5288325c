/* cast: the same numbers in another storage type, rounded to nearest, ties to even.
 *
 *   x  [N]  f32 or real  any shape
 *   y  [N]  real or f32  x
 *
 * Two operators: cast_narrow from f32, of weights and of what is computed in f32; cast_widen to
 * f32. The gradient goes the other way; that of a weight's copy is in f32 already and passes.
 *
 * Cost     0 flop; 8 N bytes */
#ifndef CL_CAST_CAST_H
#define CL_CAST_CAST_H

#include "nn/tape.h"

/* Records x stored as `type`, CLM_REAL: in the tape's precision. x itself where it is stored so.
 * Between types of two bytes there is no cast. Differentiable. */
clm_tensor *clm_cast(clm_tape *tape, clm_tensor *x, clm_type type);

#endif
