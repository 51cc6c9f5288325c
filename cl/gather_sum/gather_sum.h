/* gather_sum: adds up the rows that each segment of an index names.
 *
 *   x        [X, D]   real  rows
 *   offsets  [N + 1]  i32  slots of each sum, non-decreasing; made on the host or on the device
 *   index    [S]      i32  row of x of a slot, below X; negative: none. Not read
 *                          outside the segments
 *   scale    [S]      f32  factor of a slot; null: 1
 *   init     [N, D]   real  added to the sum; null: 0
 *   y        [N, D]   real  y[n] = init[n] + sum_{s in segment n} scale[s] x[index[s]]
 *
 * The combination of expert outputs by token, and every gradient of a gathered row: instead of
 * scattering into rows, whoever owns a row collects what belongs to it, in the order of its slots.
 *
 * Cost     2 S D flop (S D without scale); 4 (X D + N D + 2 S + N) bytes, N D more with init
 * Source   none: common knowledge */
#ifndef CLM_CL_GATHER_SUM_H
#define CLM_CL_GATHER_SUM_H

#include "nn/tape.h"

/* Records a gather_sum; `scale` and `init` may be null. Nothing flows back. Returns y [N, D]. */
clm_tensor *clm_gather_sum(clm_tape *tape, clm_tensor *x, clm_tensor *offsets, clm_tensor *index,
                           clm_tensor *scale, clm_tensor *init);

#endif
