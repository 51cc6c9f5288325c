/* Noisy top-k gating (Shazeer et al. 2017, section 2.1 and appendix A): logits with noise, the best
 * experts of each node with gates that sum to 1, and how evenly the experts are used. */
#ifndef CLM_NN_NOISY_GATE_H
#define CLM_NN_NOISY_GATE_H

#include "cl/gate_balance/gate_balance.h"
#include "cl/noisy_logits/noisy_logits.h"

typedef struct clm_gating {
    clm_routing routing;
    clm_gate_use use;
} clm_gating;

/* Records the gate from clean and raw scores [N, E]: the top_k <= E experts of each node. `noise`
 * null: drawn while training (`layer` tells draws of one step apart), none otherwise; `live` null:
 * all nodes count. Differentiable in clean and raw through gates and balance. */
clm_gating clm_noisy_gate(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *noise,
                          int layer, int top_k, clm_tensor *live);

#endif
