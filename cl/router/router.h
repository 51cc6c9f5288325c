#ifndef CLM_CL_ROUTER_H
#define CLM_CL_ROUTER_H

#include "nn/tape.h"

/* Pool of experts of each node, null: 0 for all; how many nodes have none. */
typedef struct clm_pools {
    clm_tensor *of_node;
    int64_t without;
} clm_pools;

/* What the router decides; all null after an error. */
typedef struct clm_routing {
    clm_tensor *probability, *topk, *gate, *key;
    int64_t pairs; /* keys that name a group: N K, less where nodes route to no pool */
} clm_routing;

/* router: softmax over experts and the choice of the most probable ones.
 *
 *   logits       [N, E]  f32  scores of the experts
 *   pool         [N]     i32  pool of experts that a node routes to; null: 0 for all; one past
 *                          the last: to none, clm_dispatch leaves its pairs out
 *   probability  [N, E]  f32  softmax of the logits of a node
 *   topk         [N, K]  i32  experts chosen, in [0, E), by falling logit; of equal ones the lower
 *   gate         [N, K]  f32  probability of the chosen, K <= E; `renormalise`: over their sum
 *   key          [N, K]  i32  pool * E + topk: the group for clm_dispatch
 *
 * Differentiable in logits through probability and gate; the choice itself is constant.
 *
 * Cost     N (4 E + 2 K) flop; 4 N (2 E + 3 K) bytes, and 4 N for pools
 * Source   Shazeer et al., Outrageously Large Neural Networks, ICLR 2017, section 2.1 (no noise);
 *          Shakirov and Arakelov, arXiv 2511.07603, eqs. 10 and 12 */
clm_routing clm_router(clm_tape *tape, clm_tensor *logits, clm_pools pools, int top_k,
                       bool renormalise);

/* router_backward: gradient of the logits.
 *
 *   probability, topk, gate              as above
 *   dprobability  [N, E]  f32  null: zero
 *   dgate         [N, K]  f32  null: zero
 *   dlogits       [N, E]  f32  p (dp - sum p dp), may share the storage of dprobability; with
 *                              c = sum gate dgate the chosen get gate (dgate - c) more when gates
 *                              are renormalised (their sum cancels); otherwise the chosen get
 *                              gate dgate more, and all p c less
 *
 * Cost     N (4 E + 4 K) flop; 4 N (3 E + 3 K) bytes with both gradients */

#endif
