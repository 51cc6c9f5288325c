#ifndef CL_PACK_GRAPHS_PACK_GRAPHS_H
#define CL_PACK_GRAPHS_PACK_GRAPHS_H

#include "nn/tape.h"

/* A set of S small graphs as inputs of a tape: nodes of graph g are first[g] ... first[g + 1] - 1. */
typedef struct clm_graph_set {
    clm_tensor *first;    /* [S + 1] i32 */
    clm_tensor *kept;     /* [S] i32 nodes that remain of each graph; null: all */
    clm_tensor *category; /* [V, A] i32 rows of the stacked embedding table; null */
    clm_tensor *feature;  /* [V, F] f32; null */
    clm_tensor *target;   /* [S, C] f32, NaN: missing; null */
    clm_tensor *label;    /* [S] i32 class; null */
    int64_t nodes;        /* V of the set */
} clm_graph_set;

/* One edge list of the set, by target node and by source node. */
typedef struct clm_set_edges {
    clm_tensor *row_ptr, *src, *kind;     /* [V + 1] [U] [U] i32; kind null: edges have none */
    clm_tensor *t_row_ptr, *dst, *t_kind; /* the same by source */
    clm_tensor *kinds; /* [Q, A] i32 rows of the stacked table of each kind; handed on; null */
    int64_t table_rows;
} clm_set_edges;

/* One edge list of a batch. Rows past the live ones have no edges, places past the last edge are
 * left alone. */
typedef struct clm_packed_edges {
    clm_tensor *row_ptr, *src, *kind; /* [N + 1] [M] [M] by target row: source row, kind below Q */
    clm_tensor *t_row_ptr, *dst, *t_kind; /* the same by source row */
    clm_tensor *factor; /* [N] f32 (1 + edges of this list with this row as source)^-1/2: GCN */
    clm_tensor *kinds;  /* [Q, A] i32 distinct tuples of edge categories as rows of the stacked
                           table [table_rows, .]; null: edges have no features */
    int64_t table_rows;
} clm_packed_edges;

/* A mini-batch: shapes are capacities. Rows past the live ones may be read but mean nothing:
 * whoever reduces over rows stops at `live`. */
typedef struct clm_graph_batch {
    int64_t graphs, nodes; /* capacities B, N */
    clm_tensor *live;      /* [2] i32 {0, live rows}: the `offsets` of a GEMM with one group */
    clm_tensor *node;      /* [N] i32 node of the set; past the live rows 0 */
    clm_tensor *graph_ptr; /* [B + 1] i32; the last graphs of a short batch are empty */
    clm_tensor *graph_of;  /* [N] i32; past the live rows B - 1 */
    clm_tensor *category;  /* [N, A] i32; past the live rows 0; null */
    clm_tensor *feature;   /* [N, F] f32; past the live rows 0; null */
    clm_tensor *label; /* [B, C] f32, NaN: missing, or no graph; of class sets [B] i32, -1: no graph
                        */
    clm_packed_edges hop[2]; /* hop[1].row_ptr null unless asked for */
} clm_graph_batch;

/* pack_graphs: the nodes of a mini-batch of graphs, drawn and packed on the device.
 *
 *   step        [8]       i32  step number and seed (nn/tape.h)
 *   order       [I]       i32  graphs in the order of their batches
 *   first       [S + 1]   i32  nodes of each graph of the set
 *   kept        [S]       i32  nodes that remain of each graph; null: all
 *   category, feature, target, label: of the set, clm_graph_set
 *   live, node, graph_ptr, graph_of, row_category, row_feature, graph_target, graph_label: of the
 *                              batch, clm_graph_batch
 *   row         [V]       i32  row of each node of the batch's graphs, -1 when dropped; nodes of
 *                              other graphs are left alone
 *
 * The batch of a step is order[w B] ... order[w B + B - 1], w = step index mod `steps`, as far as
 * there are so many. Of a graph that keeps fewer nodes than it has, those with the least words 0
 * of Philox(node, step index, MASK, 0) remain, in their order: every subset is equally likely.
 * `nodes` = N must be at least the sum of kept nodes over any batch.
 *
 * Cost     0 flop; 4 (N (4 + 2 A + 2 F) + B (5 + 2 C)) bytes
 * Source   random node drop: You et al., Graph Contrastive Learning with Augmentations, NeurIPS
 *          2020 */

/* pack_edges: edges of the set between nodes of the batch, in their order, both ways.
 *
 *   node, graph_ptr, row: from pack_graphs
 *   row_ptr, src, kind, t_row_ptr, dst, t_kind: of the set, clm_set_edges
 *   the same of the batch, with rows for nodes, and factor: clm_packed_edges
 *   total       [B]       i32  scratch
 *
 * M must be at least the edges between kept nodes of any batch. An edge joins nodes of one graph.
 *
 * Cost     3 N flop; 4 (7 N + 8 M + B) bytes, 4 M fewer without kinds */
clm_packed_edges clm_pack_edges(clm_tape *tape, const clm_set_edges *set, clm_tensor *node,
                                clm_tensor *graph_ptr, clm_tensor *row, int64_t edges);

/* Records both: `graphs` of the order in each of `steps` batches, at most `nodes` rows, and at most
 * edges[h] edges in the list hop[h] (hop[1] null: one list). Not differentiable. */
clm_graph_batch clm_pack_graphs(clm_tape *tape, const clm_graph_set *set,
                                const clm_set_edges *const hop[2], clm_tensor *order,
                                int64_t graphs, int64_t steps, int64_t nodes,
                                const int64_t edges[2]);

#endif
