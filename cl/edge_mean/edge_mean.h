/* edge_mean: the factor of each edge that makes a sum over in-edges their mean.
 *
 *   row_ptr   [N + 1]  i32  edges of each target
 *   dst       [M]      i32  target of each edge in the order by source; null: that order is not
 *                           wanted
 *   factor    [M]      f32  in the order by target: 1 / (edges of the edge's target)
 *   t_factor  [M]      f32  the same in the order by source; null with dst
 *
 * M is a capacity: from row_ptr[N] on dst is not read and the factors stay as they are.
 * Not differentiable.
 *
 * Cost     M flop; 4 (N + M) bytes, and 8 M by source */
#ifndef CL_EDGE_MEAN_EDGE_MEAN_H
#define CL_EDGE_MEAN_EDGE_MEAN_H

#include "nn/tape.h"

/* Records it for `edges` M edges. Returns factor; t_factor (may be a null pointer, as may dst) by
 * source. */
clm_tensor *clm_edge_mean(clm_tape *tape, clm_tensor *row_ptr, clm_tensor *dst, int64_t edges,
                          clm_tensor **t_factor);

#endif
