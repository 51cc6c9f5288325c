/* noisy_pool: noisy scores of experts, averaged over the rows of a batch, which therefore all take
 * the same experts.
 *
 *   clean   [N, E]  f32  scores
 *   raw     [N, E]  f32  size of the noise before softplus
 *   live    [2]     i32  {0, rows that count}
 *   step    [8]     i32  step number and seed (nn/tape.h)
 *   given   [1]     f32  the noise; null: see below
 *   logits  [1, E]  f32  mean over the live rows of clean + z softplus(raw); 0 without any
 *   z       [1]     f32  the noise that was taken, for the backward pass
 *
 * One number z serves the whole batch: given, or standard normal, the first that Philox(0, step,
 * NOISE, layer) makes, or, with draw 0, none: z = 0.
 *
 * noisy_pool_backward: dclean = dlogits / rows, draw = z sigmoid(raw) dlogits / rows; 0 in rows that
 * do not count.
 *
 * Cost     8 N E flop; 8 N E bytes; backward 6 N E flop; 12 N E bytes
 * Source   GraphSAGE-MoE (course report, 2019), eq. 18, in the form of its released code */
#ifndef CL_NOISY_POOL_NOISY_POOL_H
#define CL_NOISY_POOL_NOISY_POOL_H

#include "nn/tape.h"

/* Records it; `given` may be null, `layer` tells draws of one step apart. Differentiable in clean
 * and raw. Returns logits [1, E]. */
clm_tensor *clm_noisy_pool(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *live,
                           clm_tensor *given, bool draw, int layer);

#endif
