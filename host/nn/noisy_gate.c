#include "nn/noisy_gate.h"

clm_gating clm_noisy_gate(clm_tape *tape, clm_tensor *clean, clm_tensor *raw, clm_tensor *noise,
                          int layer, int top_k, clm_tensor *live)
{
    clm_tensor *logits = clm_noisy_logits(tape, clean, raw, noise, layer);
    clm_gating made = {.routing = clm_router(tape, logits, (clm_pools){0}, top_k, true)};
    made.use = clm_gate_balance(tape, clean, raw, logits, &made.routing, live);
    return made;
}
