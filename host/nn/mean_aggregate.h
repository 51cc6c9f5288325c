/* Mean over in-edges: GraphSAGE's aggregation.
 *
 *   x  [N, D]  rows of the sources;  y[n] = mean over the edges into n of x[src]; 0 without edges
 *
 * Both ways it is a gather_sum, weighted by 1 / degree: by target forward, by source backward. The
 * weights are made once for a graph or batch and serve every layer.
 * Source: Hamilton, Ying, Leskovec: Inductive Representation Learning on Large Graphs, NeurIPS 2017,
 * section 3.3, mean aggregator. */
#ifndef CLM_NN_MEAN_AGGREGATE_H
#define CLM_NN_MEAN_AGGREGATE_H

#include "nn/tape.h"

/* Edges by target: row_ptr [N + 1], src [M]; by source: t_row_ptr [X + 1], dst [M], X = N in a graph.
 * M may be a capacity: rows past the live ones have no edges. */
typedef struct clm_mean_edges {
    clm_tensor *row_ptr, *src, *t_row_ptr, *dst;
    clm_tensor *factor, *t_factor; /* made by clm_mean_edges_new; the latter when training */
} clm_mean_edges;

clm_mean_edges clm_mean_edges_new(clm_tape *tape, clm_tensor *row_ptr, clm_tensor *src,
                                  clm_tensor *t_row_ptr, clm_tensor *dst);

/* Records y [N, D]. Differentiable in x on a tape that is training. */
clm_tensor *clm_mean_aggregate(clm_tape *tape, clm_tensor *x, const clm_mean_edges *edges);

#endif
