/* noisy_logits: logits of a gate with noise of which each node and expert learns the size.
 *
 *   clean   [N, E]  f32  scores without noise
 *   raw     [N, E]  f32  size of the noise before softplus
 *   noise   [N, E]  f32  standard normal; null: element i takes normal number i % 4 of
 *                        Philox(i / 4, step, NOISE, layer), words in pairs (Box and Muller)
 *   step    [8]     i32  step number and seed (nn/tape.h)
 *   logits  [N, E]  f32  clean + noise (softplus(raw) + 0.01)
 *
 * noisy_logits_backward: draw = dlogits noise sigmoid(raw); dclean is dlogits itself.
 *
 * Cost     20 N E flop; 12 N E bytes, 16 N E where noise is given; backward 18 N E flop
 * Source   Shazeer et al., Outrageously Large Neural Networks, ICLR 2017, eq. 4; the least size as
 *          in the code of Wang et al., Graph Mixture of Experts, NeurIPS 2023 */
#ifndef CL_NOISY_LOGITS_NOISY_LOGITS_H
#define CL_NOISY_LOGITS_NOISY_LOGITS_H

#include "nn/tape.h"

/* Least size of the noise. */
#define CLM_NOISE_LEAST 0.01

/* Records the logits of a tape that is training; `layer` tells draws of one step apart. Returns
 * `clean` where it is not and no noise is given. Differentiable in clean and raw. */
clm_tensor *clm_noisy_logits(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *noise,
                             int layer);

#endif
