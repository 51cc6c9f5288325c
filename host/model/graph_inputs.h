/* A heterogeneous graph as tensors of a tape: what HGT and the mixtures read. */
#ifndef CLM_MODEL_GRAPH_INPUTS_H
#define CLM_MODEL_GRAPH_INPUTS_H

#include "cl/edge_attention/edge_attention.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/spmm/spmm.h"
#include "data/graph.h"
#include "nn/tape.h"

/* What one layer's attention runs along. */
typedef struct clm_message_graph {
    clm_edges edges;
    /* Node of each row of keys and values [S], and their groups by relation [R + 1]. */
    clm_rows projected;
    clm_tensor *projected_offsets;
} clm_message_graph;

typedef struct clm_graph_inputs {
    int types, relations;
    int64_t nodes;
    /* [types + 1] rows of the stacked input projection that belong to a type; the types' biases are
     * the rows after them. */
    const int32_t *column_first;
    /* Host copies, not owned: [types + 1] first node of each type, and [types] whether anything
     * reads the last layer's rows of that type; null: all are read. */
    const int32_t *type_first;
    const bool *read;
    /* [N, sum F + T]: the last T columns are the types' constant 1, for the bias. */
    clm_sparse features;
    clm_tensor *type;              /* [N] */
    clm_tensor *type_offsets;      /* [T + 1] nodes of each type */
    clm_tensor *source_type;       /* [R] */
    clm_message_graph graph, last; /* of all layers but the last, and of that */
} clm_graph_inputs;

/* What a tape is recorded for. */
typedef struct clm_graph_source {
    int types;
    const int32_t *type_first;      /* [types + 1] first node of each type; kept */
    const bool *read;               /* [types] or null, see clm_graph_inputs; kept */
    const clm_features *features;   /* null: no input projection */
    const clm_adjacency *adjacency; /* null: no edges */
    const clm_adjacency *last;      /* of the last layer; null: the same */
} clm_graph_source;

/* Records the inputs on a tape. `like` may be null; else inputs that do not depend on the edges are
 * shared with it. */
void clm_graph_inputs_record(clm_tape *tape, const clm_graph_source *source,
                             const clm_graph_inputs *like, clm_graph_inputs *inputs);

#endif
