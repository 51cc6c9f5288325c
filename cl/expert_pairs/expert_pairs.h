#ifndef CL_EXPERT_PAIRS_EXPERT_PAIRS_H
#define CL_EXPERT_PAIRS_EXPERT_PAIRS_H

#include "cl/bond_sum/bond_sum.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/pack_graphs/pack_graphs.h"

/* The rows of a sparse mixture of graph convolutions: expert by expert the nodes routed to it, and
 * expert by expert the nodes that it reads, which are those and their in-neighbours. Rows past the
 * live ones may be read but mean nothing. */
typedef struct clm_expert_pairs {
    int64_t experts, routed, needed; /* E, capacities Y and X */
    clm_tensor *offsets, *x_offsets; /* [E + 1] routed, and needed rows of each expert */
    clm_tensor *node;                /* [Y] i32 of each routed row, ascending within an expert */
    clm_tensor *slot; /* [N, K] i32 routed row of a node's choice; -1: the expert is not of the
                          pool, or the node is past the live ones */
    clm_rows rows;    /* needed rows as picked from the nodes [N, .], and the way back */
    /* From needed to routed rows. A kind is kind * E + expert, hence a row of [Q, E C] read as
     * [Q E, C]; the group of a row is its expert. */
    clm_message_edges edges;
    clm_tensor *kinds; /* [Q E, A] i32 clm_packed_edges.kinds for tables [V, E C] read as [V E, C];
                          null: edges have no features */
} clm_expert_pairs;

/* expert_pairs: (expert, node) rows of a mixture that runs only where it is asked to.
 *
 *   topk         [N, K]    i32  experts chosen by each node, all different; null: K = E, all
 *   live         [2]       i32  {0, nodes that count}
 *   row_ptr, t_row_ptr [N + 1], dst [M], factor [N]: of the batch, clm_packed_edges; factor null
 *   offsets, x_offsets, node as above; x_node [X] is rows.index; group [Y] the expert of a row
 *   row_factor, x_factor        factor of a row's node; null
 *   self         [Y]       i32  needed row of a routed row; t_self [X] the other way, -1: none
 *   row_ptr_out  [Y + 1], t_row_ptr_out [X + 1]: edges that enter a routed, that leave a needed row
 *   y_row, x_row [N, E]    i32  routed and needed row of a node and expert, -1: none
 *   counts       [S]       i32  scratch
 *
 * Experts first ... first + E - 1 are those of the pool, other choices are of no pair. Pair (e, n)
 * is routed when n chose e, and needed when it is routed or an edge leads from n to a node routed
 * to e; with the attribute `all` every pair is needed.
 *
 * Cost     0 flop; 4 (N (2 E + K + 3) + M + 5 Y + 4 X) bytes
 * Source   Wang et al., Graph Mixture of Experts, NeurIPS 2023, eq. 2: experts with gate 0 need not
 *          run */

/* expert_edges: the edges between those rows, both ways, in the order of the batch's.
 *
 *   row_ptr, src, kind, t_row_ptr, dst, t_kind: of the batch; kinds null
 *   topk, y_row, x_row, row_ptr_out, t_row_ptr_out, slot: as above; slot null with topk
 *   src_out, kind_out, dst_out, t_kind_out [P]
 *
 * Cost     0 flop; 4 (2 N (E + K + 1) + X + Y + 4 M + 4 P) bytes, 2 M + 2 P fewer without kinds */

/* Records both for `experts` experts from `first` on, of which a node chooses at most all. Not
 * differentiable. With `all`, needed rows are the routed rows of a mixture without topk, and
 * edges.self and edges.t_self lead from its rows to those of topk and back. */
clm_expert_pairs clm_expert_pairs_new(clm_tape *tape, clm_tensor *topk, int64_t first,
                                      int64_t experts, clm_tensor *live,
                                      const clm_packed_edges *edges, bool all);

#endif
