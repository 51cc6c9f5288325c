/* Workload: the sizes, the routing and the graph at which an operator is measured or tuned.
 *
 * An operator's `bench` (op/op.h) records it on a tape as a model would, at a workload: operands
 * are inputs of the tape, those that have a gradient ask for it, results are kept (clm_keep).
 * clm_bench_backward adds the backward pass of all that is kept. Routing and graph are defined by
 * (kind, sizes, seed) alone, so that every device and every variant gets the same. */
#ifndef CLM_NN_WORKLOAD_H
#define CLM_NN_WORKLOAD_H

#include "nn/tape.h"

/* How many (node, choice) pairs each expert gets; the K experts of a node are different ones. */
typedef enum clm_routing_kind {
    CLM_ROUTING_UNIFORM,
    CLM_ROUTING_ZIPF,         /* expert e in proportion to (e + 1)^-exponent */
    CLM_ROUTING_ONE_HOT,      /* every node takes experts 0 .. K-1: one takes all when K is 1 */
    CLM_ROUTING_EMPTY_EXPERT, /* uniform over all experts but the first, which gets nothing */
    CLM_ROUTING_TRAINED,      /* the loads of a trained model */
} clm_routing_kind;

typedef enum clm_graph_kind {
    CLM_GRAPH_UNIFORM,   /* both ends of every edge uniform */
    CLM_GRAPH_POWER_LAW, /* both ends Chung-Lu with degree exponent 2.5, ids shuffled */
    CLM_GRAPH_GIVEN,     /* the caller's: a data set's */
} clm_graph_kind;

/* Loads of a trained model: nodes come in `types` runs in these proportions, and a node of type t
 * chooses experts in proportion to load[t]. */
typedef struct clm_trained_load {
    int32_t types;
    const double *nodes; /* [types] */
    const double *load;  /* [types, E] */
} clm_trained_load;

/* A typed graph as edge attention reads it (cl/edge_attention/edge_attention.h): rows of keys and
 * values by relation and source node, edges by target. */
typedef struct clm_typed_edges {
    int32_t nodes, rows, edges, segments, types, relations;
    const int32_t *type_first;    /* [types + 1] nodes are sorted by type */
    const int32_t *source_type;   /* [relations] */
    const int32_t *row_first;     /* [relations + 1] rows of keys and values of each relation */
    const int32_t *row_node;      /* [rows] source node */
    const int32_t *segment_ptr;   /* [nodes + 1] */
    const int32_t *edge_ptr;      /* [segments + 1] */
    const int32_t *source;        /* [edges] row */
    const int32_t *target;        /* [edges] node */
    const int32_t *source_ptr;    /* [rows + 1] */
    const int32_t *source_edge;   /* [edges] in order of their source rows */
    const int32_t *source_target; /* [edges] targets in that order */
} clm_typed_edges;

typedef struct clm_workload {
    int64_t nodes, width, inner; /* N, D, W */
    int64_t experts, top_k;      /* E, K */
    int64_t heads, edges;        /* H, M */
    int64_t types, relations;    /* T, R: relation r joins type r % T with type (r + 1) % T */
    uint32_t seed;
    clm_routing_kind routing;
    double exponent;                 /* of zipf */
    const clm_trained_load *trained; /* of trained */
    clm_graph_kind graph;

    /* Filled in by clm_workload_draw. */
    const int32_t *key;   /* [N, K] experts of each node, by its choice */
    const int32_t *loads; /* [E] pairs of each expert */
    clm_typed_edges edge; /* given: set by the caller, with nodes, edges, types, relations */
} clm_workload;

/* N 10000, D 64, W 128, E 16, K 4, H 4, M 10 N, T 3, R 4, uniform routing, uniform graph, seed 0. */
clm_workload clm_workload_default(void);

/* Draws routing and graph, in the scope. Errors (USAGE): a size below 1, K > E, D no multiple of
 * H, routing that leaves too few experts. */
clm_status clm_workload_draw(clm_scope *scope, clm_workload *workload);

/* Largest expert's pairs over the mean; hash of the keys (64 hexadecimal digits). */
double clm_workload_imbalance(const clm_workload *workload);
void clm_workload_hash(const clm_workload *workload, char hex[65]);

/* --- benches -------------------------------------------------------------------------------- */

/* Something that is measured: an operator, or what several of them do together. */
typedef struct clm_bench {
    const char *name, *about;
    void (*record)(clm_tape *tape, const clm_workload *workload);
} clm_bench;

/* All of them: operators with a `bench` by folder, then expert_ffn, typed_projection, dense_gemm
 * and mean_aggregate. False past the end. */
bool clm_bench_at(size_t index, clm_bench *bench);
/* The one of that name; false: there is none. */
bool clm_bench_find(const char *name, clm_bench *bench);

/* Records the bench; with `backward` also the backward pass, of a tape that is training
 * (clm_tape_forward_calls). */
void clm_bench_record(clm_tape *tape, const clm_bench *bench, const clm_workload *workload,
                      bool backward);

/* Fills the activations of a planned tape with NaN, replays it once and reads what is kept. Error
 * (WRONG) when some of it is no number: then no time of it means anything. */
clm_status clm_bench_check(clm_tape *tape);

/* --- for `bench` ---------------------------------------------------------------------------- */

/* An input of standard normal numbers times `scale` (a block of them, repeated) that asks for its
 * gradient: f32, for a parameter; in the tape's precision, for an operand of type CLM_REAL. And one
 * that does not ask, of either type. */
clm_tensor *clm_bench_normal(clm_tape *tape, const char *name, double scale, int rank,
                             const int64_t *dim);
clm_tensor *clm_bench_rows(clm_tape *tape, const char *name, double scale, int rank,
                           const int64_t *dim);
clm_tensor *clm_bench_constant(clm_tape *tape, const char *name, clm_type type, double scale,
                               int rank, const int64_t *dim);
/* Logits [N, E] of which the workload's experts are the top-k, with gradient. */
clm_tensor *clm_bench_logits(clm_tape *tape, const clm_workload *workload);
/* Inputs of the workload: keys [N, K]; gates [N, K], 1/K each, with gradient; type of each node
 * [N] and nodes of each type [T + 1]; indices [n] uniform in [0, bound). */
clm_tensor *clm_bench_keys(clm_tape *tape, const clm_workload *workload);
clm_tensor *clm_bench_gates(clm_tape *tape, const clm_workload *workload);
clm_tensor *clm_bench_types(clm_tape *tape, const clm_workload *workload);
clm_tensor *clm_bench_type_offsets(clm_tape *tape, const clm_workload *workload);
clm_tensor *clm_bench_below(clm_tape *tape, const char *name, int32_t bound, int64_t n);
/* Ends of n + 1 segments of `each` items: 0, each, 2 each ... */
clm_tensor *clm_bench_segments(clm_tape *tape, const char *name, int64_t n, int64_t each);
/* Pairs sorted by expert: `offsets` [E + 1], node of each pair `row` [N K], and where the pairs of
 * a node went `slot` [N K]. */
typedef struct clm_bench_pairs {
    clm_tensor *offsets, *row, *slot;
} clm_bench_pairs;
clm_bench_pairs clm_bench_sorted(clm_tape *tape, const clm_workload *workload);

#endif
