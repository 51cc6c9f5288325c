/* A set of small graphs in mini-batches: what tapes share of the set, and the orders in which its
 * graphs are taken. */
#ifndef CLM_MODEL_GRAPH_BATCHES_H
#define CLM_MODEL_GRAPH_BATCHES_H

#include "cl/pack_graphs/pack_graphs.h"
#include "data/edge_kinds.h"

/* Lists of edges that batches have beside the edges themselves. */
typedef enum clm_two_hops {
    CLM_TWO_HOPS_NONE,
    CLM_TWO_HOPS,          /* u -> v -> w, w neither u nor adjacent to it */
    CLM_TWO_HOPS_RELEASED, /* as the released code of GMoE has them (data/two_hop.h) */
} clm_two_hops;

/* One edge list of the set on the host: by target, and by source. */
typedef struct clm_batch_edges {
    int32_t count;
    int32_t *row_ptr, *src, *kind; /* [nodes + 1] [count] [count] */
    int32_t *t_row_ptr, *dst, *t_kind;
    clm_edge_kinds kinds; /* fields 0: edges have no categories */
} clm_batch_edges;

/* The set, prepared on the host once; its inputs are shared by all tapes that read it. */
typedef struct clm_batch_set {
    const clm_graph *graph;
    int hops;              /* 1, or 2 with two-hop edges */
    int64_t category_rows; /* of the stacked table of nodes' categories; 0: they have none */
    clm_batch_edges list[2];
    clm_graph_set shared; /* of the tape recorded first; first null: of none yet */
    clm_set_edges shared_edges[2];
} clm_batch_set;

/* The graph outlives the set. Error when it is no set of graphs. */
clm_status clm_batch_set_new(clm_scope *scope, const clm_graph *graph, clm_two_hops two_hops,
                             clm_batch_set *set);

/* What is taken from the set. */
typedef struct clm_batch_choice {
    const int32_t *id; /* [count] graphs; copied */
    int32_t count;
    int64_t graphs; /* of a batch, B */
    int epochs;     /* orders that will be asked for; 0: the graphs stay in the given order */
    uint32_t seed;  /* of those orders */
    double drop;    /* share of its nodes that a graph of 5 or more loses; 0: none does */
} clm_batch_choice;

/* Batches of some graphs of the set. Those that are shuffled are for training: a last batch of one
 * graph is left out. */
typedef struct clm_graph_batches {
    clm_batch_set *set;
    clm_batch_choice choice;
    int64_t steps;                  /* batches of an epoch, or of all; at least 1 */
    int64_t nodes;                  /* rows of the largest batch of any epoch, after drop */
    int64_t edges[2];               /* the same of edges, before drop */
    int32_t *kept;                  /* [graphs of the set] nodes that remain; null: all */
    int32_t *order;                 /* [count] room for an epoch's order */
    clm_tensor *input, *kept_input; /* of the tape recorded first */
} clm_graph_batches;

/* Error when there is no graph. */
clm_status clm_graph_batches_new(clm_scope *scope, clm_batch_set *set,
                                 const clm_batch_choice *choice, clm_graph_batches *batches);

/* Records the batch of a step, which is number step index mod batches->steps. Of tapes that share
 * inputs the one recorded first is planned first. */
clm_graph_batch clm_graph_batch_record(clm_tape *tape, clm_graph_batches *batches);

/* Puts the graphs into the order of an epoch in 0 ... choice.epochs - 1: a permutation drawn from
 * (seed, SHUFFLE, epoch), on the device after the steps enqueued before. */
clm_status clm_graph_batches_shuffle(clm_graph_batches *batches, uint32_t epoch);

#endif
