/* gate_balance: how unevenly a gate uses its experts, as importance (sums of gates) and as load (a
 * smooth count of the nodes that choose an expert: the probability that it would be chosen if its
 * noise alone were drawn again).
 *
 *   clean, raw, logits  [N, E]  f32  of cl/noisy_logits; all null: the load counts gates above 0
 *   topk, gate          [N, K]       of clm_router, renormalised
 *   live                [2]     i32  {0, nodes that count}; null: all
 *   balance             [1]     f32  cv2(importance) + cv2(load); cv2(x) = unbiased variance of x
 *                                    over (mean^2 + 1e-10), 0 for one expert
 *   importance, load    [E]     f32  sums over nodes of gates, and of
 *                                    Phi((clean - threshold) / (softplus(raw) + 0.01)); threshold:
 *                                    the largest logit that was not chosen where the expert's own
 *                                    is above that, else the least one that was
 *
 * gate_balance_backward: dgate, dclean, draw, and dlogits through the thresholds.
 *
 * Cost     30 N E flop, 4 N (3 E + 2 K) bytes; backward 30 N E flop, 4 N (6 E + 2 K) bytes
 * Source   Shazeer et al., Outrageously Large Neural Networks, ICLR 2017, eqs. 6-11; Wang et al.,
 *          Graph Mixture of Experts, NeurIPS 2023, eqs. 5-9 */
#ifndef CL_GATE_BALANCE_GATE_BALANCE_H
#define CL_GATE_BALANCE_GATE_BALANCE_H

#include "cl/router/router.h"

typedef struct clm_gate_use {
    clm_tensor *balance, *importance, *load;
} clm_gate_use;

/* Records how evenly the experts are used. `clean`, `raw` and `logits` count only where K < E and
 * the tape is training. Differentiable in the gates, clean, raw and logits. */
clm_gate_use clm_gate_balance(clm_tape *tape, clm_tensor *clean, clm_tensor *raw,
                              clm_tensor *logits, const clm_routing *routing, clm_tensor *live);

#endif
