/* edge_attention: HGT's multi-head attention along typed edges, softmax over a segment's edges.
 *
 *   q            [N, D]   real queries, H heads of C = D/H columns
 *   kv           [S, 2 D] real keys, which carry relation matrix, prior and 1/sqrt(C) already, and
 *                              values beside them
 *   segment_ptr  [N + 1]  i32  segments of each target; one each: softmax over all relations
 *   edge_ptr     [Q + 1]  i32  edges of each segment; edge_ptr[Q] == M
 *   source       [M]      i32  row of keys and values, in [0, S)
 *   source_ptr   [S + 1]  i32  edges of each source row; with the next two for the backward pass only
 *   source_edge  [M]      i32  edges in order of source row, as positions in `source`
 *   source_target [M]     i32  their targets
 *   out          [N, D]   real sum over a target's segments of sum_e p_e v[source[e]], p the
 *                              softmax of q . k[source[e]] by head; zero where there is no edge
 *   lse          [Q, H]   f32  log of the softmax denominator; 0 for a segment without edges
 *   alpha        [M, H]   f32  the weights p; null: not wanted
 *
 * A row of keys and values belongs to a (source node, relation), so an edge is only a pair of rows;
 * both parts of a row are needed together, so they come from one place of the memory. Nothing of
 * size [M, D] is ever made. The backward pass keeps p and the gradient of the score of each edge
 * between its two passes, by target and by source, instead of computing them twice.
 *
 * Cost     M (4 D + 5 H) flop, backward M (10 D + 8 H);
 *          4 (2 S D + 2 N D + M + N + Q + Q H) bytes,
 *          backward 4 (4 S D + 3 N D + 3 M + N + S + Q + Q H)
 * Errors   CLM_SKIP from the variant cpu where H or C is not a power of two, H > 16 or C > 128, and
 *          from gpu where H or D/4 exceeds 256; plain computes everything
 * Variants warp, for GPUs with shuffles, takes D of 32 to 512 by powers of two; segments of many edges
 *          are shared by a work-group. Neither it nor gpu has run on a GPU yet: on CPUs, the former
 *          emulated (cl/mma.clh)
 * Source   Hu et al., Heterogeneous Graph Transformer, WWW 2020, eqs. 3-6 */
#ifndef CLM_CL_EDGE_ATTENTION_H
#define CLM_CL_EDGE_ATTENTION_H

#include "nn/tape.h"

typedef struct clm_edges {
    int64_t nodes, rows, edges, segments; /* N, S, M, Q */
    clm_tensor *segment_ptr;              /* [N + 1] */
    clm_tensor *edge_ptr;                 /* [Q + 1] */
    clm_tensor *source;                   /* [M] */
    clm_tensor *source_ptr;               /* [S + 1] */
    clm_tensor *source_edge;              /* [M] */
    clm_tensor *source_target;            /* [M] */
} clm_edges;

/* Records the attention of q [N, D] and kv [S, 2 D] with `heads` heads, differentiable in both.
 * Returns out [N, D]. `alpha` null, or where to put the tensor of weights [M, H], through which no gradient
 * flows. */
clm_tensor *clm_edge_attention(clm_tape *tape, clm_tensor *q, clm_tensor *kv,
                               const clm_edges *edges, int heads, clm_tensor **alpha);

#endif
