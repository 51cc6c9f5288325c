#ifndef CLM_CL_BALANCE_LOSS_H
#define CLM_CL_BALANCE_LOSS_H

#include "cl/router/router.h"

/* balance_loss: how unevenly each pool's experts are used; 1 when evenly, up to E when one expert
 * gets all, if gates are renormalised.
 *
 *   loss = mean over pools with nodes of E sum_i f[q, i] p[q, i]
 *
 *   probability   [N, E]  f32  of the router
 *   topk, gate    [N, K]       of the router
 *   pool_offsets  [Q + 1] i32  nodes of each pool, ascending; together they are all nodes
 *   loss          [1]     f32  0 when no pool has nodes
 *   f             [Q, E]  f32  mean gate of expert i over the pool's nodes, 0 where it is not
 * chosen p             [Q, E]  f32  mean probability of expert i; f and p are 0 for pools without
 * nodes
 *
 * Differentiable in probability and in gate. Sums are always added in the same order.
 *
 * Cost     N (E + K) + 2 Q E flop; 4 N (E + 2 K) bytes
 * Source   Shakirov and Arakelov, arXiv 2511.07603, eqs. 13-15; f of gates, not counts, unlike
 *          Fedus et al., Switch Transformers, JMLR 2022, eq. 4 */
clm_tensor *clm_balance_loss(clm_tape *tape, const clm_routing *routing, clm_tensor *pool_offsets);

/* balance_loss_backward: with c = dloss E / (nodes of the pool * pools with nodes)
 *
 *   dprobability  [N, E]  f32  c f[q, i]
 *   dgate         [N, K]  f32  c p[q, topk]
 *
 * Cost     N (E + K) flop; 4 N (E + 2 K) bytes */

#endif
