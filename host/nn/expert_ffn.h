/* Mixture of experts: each row goes through the feed-forward networks its router chose.
 *
 *   z      [N, D]     rows;  y[n] = init[n] + sum_j gate[n,j] (gelu(z[n] W1[e] + b1[e]) W2[e] + b2[e]),
 *                     e = key[n,j];  init null: zero
 *   w1     [G, D, W]  b1 [G, W]   w2 [G, W, D]   b2 [G, D];  G = pools * E
 *
 * Dropless: the N K routed pairs are sorted by expert, both products are grouped GEMMs over
 * ragged groups. The backward pass never makes the [N K, D] gradient of the experts' outputs: it
 * is read as gate-scaled rows of dy, and the gate's gradient is a row dot product (Guo et al.,
 * SonicMoE, 2025). Source: Shakirov & Arakelov 2025, eqs. 11, 12. */
#ifndef CLM_NN_EXPERT_FFN_H
#define CLM_NN_EXPERT_FFN_H

#include "cl/dispatch/dispatch.h"
#include "cl/router/router.h"
#include "nn/tape.h"

typedef struct clm_experts {
    clm_tensor *w1, *b1, *w2, *b2;
} clm_experts;

clm_tensor *clm_expert_ffn(clm_tape *tape, clm_tensor *z, const clm_routing *routing,
                           const clm_experts *experts, clm_tensor *init);

#endif
