/* gcn_sum, gin_sum: sums of messages along edges with features, of one edge list, as graph
 * convolutions on molecules have them.
 *
 *   x          [X, C]   real  input rows
 *   bond       [Q, C]   real  vector of an edge kind; null, with kind: edges have no features
 *   root       [G, C]   f32   gcn_sum: added to a row's own message
 *   eps        [G]      f32   gin_sum: weight of a row itself, less one
 *   row_ptr    [Y + 1]  i32   edges of each output row, non-decreasing, from 0
 *   src, kind  [M]      i32   input row, kind of an edge
 *   self       [Y]      i32   input row of an output row; null: the same row (Y == X)
 *   group      [Y]      i32   row of root, or element of eps; null: 0
 *   live       [L]      i32   offsets of which the last is the number of output rows that there
 *                             are; others have no edges and are left alone. Null: all
 *   factor     [Y]      f32   gcn_sum: of an output row
 *   x_factor   [X]      f32   gcn_sum: of an input row
 *   y          [Y, C]   real
 *
 *   gcn_sum  y[r] = sum_e factor[r] x_factor[src[e]] relu(x[src[e]] + bond[kind[e]])
 *                   + factor[r]^2 relu(x[self[r]] + root[group[r]])
 *   gin_sum  y[r] = sum_e relu(x[src[e]] + bond[kind[e]]) + (1 + eps[group[r]]) x[self[r]]
 *
 * The same edges by input row are for the gradients: t_row_ptr [X + 1], dst and t_kind [M], t_self
 * [X] the output row of an input row, -1 without one, x_live as live. Messages are made where they
 * are added, forward and backward: no [M, C] tensor exists.
 *
 * gcn_sum_backward, gin_sum_backward: dx [X, C], dbond [Q, C] (null: not computed) and droot
 * [G, C], or deps [G], in one pass over the edges by input row: its parts add what belongs to a kind
 * or group up in `partial` [P, A], a second one adds the parts in order.
 *
 * Cost     gcn_sum 4 (M + Y) C flop, gin_sum 3 M C + 2 Y C; backward 5 (M + Y) C and 4 (M + Y) C;
 *          bytes of all operands but partial
 * Source   Kipf and Welling, ICLR 2017, eq. 2; Xu et al., How powerful are graph neural networks?,
 *          ICLR 2019, eq. 4.1; with edge features: Hu et al., Strategies for pre-training graph
 *          neural networks, ICLR 2020, appendix A */
#ifndef CLM_CL_BOND_SUM_H
#define CLM_CL_BOND_SUM_H

#include "nn/tape.h"

/* One edge list by output row and by input row; shapes above. Null: kind and t_kind where there is
 * no bond; self and t_self where output rows are the input rows; factor and x_factor for gin_sum;
 * group, live; x_live, where self is null, is live. */
typedef struct clm_message_edges {
    clm_tensor *row_ptr, *src, *kind;
    clm_tensor *t_row_ptr, *dst, *t_kind;
    clm_tensor *self, *t_self;
    clm_tensor *factor, *x_factor;
    clm_tensor *group;
    clm_tensor *live, *x_live;
} clm_message_edges;

/* Record y [Y, C], differentiable in x, bond, root and eps; bond may be null. */
clm_tensor *clm_gcn_sum(clm_tape *tape, clm_tensor *x, clm_tensor *bond, clm_tensor *root,
                        const clm_message_edges *edges);
clm_tensor *clm_gin_sum(clm_tape *tape, clm_tensor *x, clm_tensor *bond, clm_tensor *eps,
                        const clm_message_edges *edges);

#endif
