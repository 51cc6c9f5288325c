/* Noisy top-k gating of Shazeer et al.: noisy_logits before the router, gate_balance after it.
 *
 * noisy_logits: noise that each node and expert learns the size of.
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
 * gate_balance: how unevenly experts are used, as importance (sums of gates) and as load (a smooth
 * count of the nodes that choose an expert: the probability that it would be chosen if its noise
 * alone were drawn again).
 *
 *   clean, raw, logits  [N, E]  f32  as above; all null: load counts the gates above 0
 *   topk, gate          [N, K]       of clm_router, renormalised
 *   live                [2]     i32  {0, nodes that count}; null: all
 *   balance             [1]     f32  cv2(importance) + cv2(load); cv2(x) = unbiased variance of x
 *                                    over (mean^2 + 1e-10), 0 for one expert
 *   importance, load    [E]     f32  sums over nodes of gates and of
 *                                    Phi((clean - threshold) / (softplus(raw) + 0.01)); threshold:
 *                                    the largest logit not chosen where the expert's own is above
 *                                    that, else the least that was chosen
 *
 * gate_balance_backward: dgate, dclean, draw, and dlogits through the thresholds.
 *
 * Cost     noisy_logits 20 N E flop, 12 N E bytes
 *          gate_balance 30 N E flop, 4 N (3 E + 2 K) bytes, backward 30 N E flop, 4 N (6 E + 3 K)
 * Source   Shazeer et al., Outrageously Large Neural Networks, ICLR 2017, appendix A; Wang et al.,
 *          Graph Mixture of Experts, NeurIPS 2023, eqs. 4-9 */
#ifndef CL_NOISY_GATE_NOISY_GATE_H
#define CL_NOISY_GATE_NOISY_GATE_H

#include "cl/router/router.h"

/* Records the logits of a tape that is training; `layer` tells draws of one step apart. Returns
 * `clean` where it is not and no noise is given. Differentiable in clean and raw. */
clm_tensor *clm_noisy_logits(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *noise,
                             int layer);

typedef struct clm_gate_use {
    clm_tensor *balance, *importance, *load;
} clm_gate_use;

/* Records how evenly the experts are used. `clean`, `raw` and `logits` count only where K < E and
 * the tape is training. Differentiable in the gates, clean, raw and logits. */
clm_gate_use clm_gate_balance(clm_tape *tape, clm_tensor *clean, clm_tensor *raw,
                              clm_tensor *logits, const clm_routing *routing, clm_tensor *live);

#endif
