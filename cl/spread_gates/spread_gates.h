/* spread_gates: the gates of all experts of a pool, zero where a node did not choose one.
 *
 *   gate   [N, K]  f32
 *   topk   [N, K]  i32  expert of each gate, all different
 *   all    [N, E]  f32  all[n, e] = gate[n, j] where topk[n, j] = first + e, else 0
 *
 * spread_gates_backward: dgate[n, j] = dall[n, topk[n, j] - first], 0 for experts of other pools.
 *
 * Cost     0 flop; 4 N (2 K + E) bytes
 * Source   none: common knowledge */
#ifndef CL_SPREAD_GATES_SPREAD_GATES_H
#define CL_SPREAD_GATES_SPREAD_GATES_H

#include "nn/tape.h"

/* Records the gates [N, E] of experts first ... first + experts - 1. Differentiable in gate. */
clm_tensor *clm_spread_gates(clm_tape *tape, clm_tensor *gate, clm_tensor *topk, int64_t first,
                             int64_t experts);

#endif
