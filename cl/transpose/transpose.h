/* transpose: swaps the last two dimensions, wt[g, n, k] = w[g, k, n].
 *
 *   w   [G, K, N]  real
 *   wt  [G, N, K]  real
 *
 * Cost     0 flop; 8 G K N bytes */
#ifndef CLM_CL_TRANSPOSE_H
#define CLM_CL_TRANSPOSE_H

#include "nn/tape.h"

/* Records wt [G, N, K] of w [G, K, N]; differentiable. */
clm_tensor *clm_transpose(clm_tape *tape, clm_tensor *w);

#endif
