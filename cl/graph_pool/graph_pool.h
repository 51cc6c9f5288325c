/* graph_pool: mean or maximum of the rows of each graph of a batch.
 *
 *   x          [N, D]  real  rows; those of one graph follow each other
 *   graph_ptr  [B + 1] i32   rows of graph b: graph_ptr[b] .. graph_ptr[b + 1] - 1
 *   graph_of   [N]     i32   graph of a row; of rows outside every graph not relied upon
 *   y          [B, D]  real  0 where a graph has no rows
 *   largest    [B, D]  i32   maximum: the row it was taken from, the first of equal ones; -1: none
 *
 * graph_pool_backward: dx[n] = dy[graph_of[n]] / (rows of the graph), or the share of dy whose
 * largest element was in row n; 0 in rows outside every graph.
 *
 * A graph is the work of a few work-items: for batches of small graphs.
 *
 * Cost     N D flop; 4 (N D + B D + B) bytes, and 4 B D for the maximum; backward N D flop;
 *          4 (N D + B D + N + B) bytes, and 4 B D for the maximum
 * Source   none: common knowledge */
#ifndef CL_GRAPH_POOL_GRAPH_POOL_H
#define CL_GRAPH_POOL_GRAPH_POOL_H

#include "nn/tape.h"

/* Records the pooling, by the maximum or else the mean. Differentiable in x. Returns y [B, D]. */
clm_tensor *clm_graph_pool(clm_tape *tape, clm_tensor *x, clm_tensor *graph_ptr,
                           clm_tensor *graph_of, bool maximum);

#endif
