/* skip_gate: learnt mixture of a layer's output with its input, one gate per node type.
 *
 *   o, x          [N, D]   real  output and input of the layer
 *   skip          [T]      f32  gate before the logistic function s
 *   type          [N]      i32  type of each node; nodes are sorted by type
 *   type_offsets  [T + 1]  i32  first node of each type; type_offsets[T] == N
 *   y             [N, D]   real  s(skip[type]) o + (1 - s(skip[type])) x
 *
 * skip_gate_backward: do = s dy, dx = (1 - s) dy, dskip[t] = s (1 - s) sum over nodes of t and
 * columns of dy (o - x); 0 for a type without nodes.
 *
 * Cost     3 N D flop; 4 (3 N D + N + T) bytes; backward 5 N D flop; 4 (5 N D + 3 T) bytes
 * Source   Hu et al., Heterogeneous graph transformer, WWW 2020: not in eq. 6, but in the authors'
 *          code */
#ifndef CL_SKIP_GATE_SKIP_GATE_H
#define CL_SKIP_GATE_SKIP_GATE_H

#include "nn/tape.h"

/* Records y [N, D]. Differentiable in o, x and skip. */
clm_tensor *clm_skip_gate(clm_tape *tape, clm_tensor *o, clm_tensor *x, clm_tensor *skip,
                          clm_tensor *type, clm_tensor *type_offsets);

#endif
