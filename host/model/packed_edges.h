/* One edge list of a batch as tensors of a tape. */
#ifndef CLM_MODEL_PACKED_EDGES_H
#define CLM_MODEL_PACKED_EDGES_H

#include "op/tensor.h"

/* Rows of nodes past the live ones have no edges. */
typedef struct clm_packed_edges {
    /* By target: [N + 1] edges of each row; [M] source row; [M] kind of the edge in [0, Q). */
    clm_tensor *row_ptr, *src, *kind;
    clm_tensor *t_row_ptr, *dst, *t_kind; /* the same by source */
    clm_tensor *factor;                   /* [N] f32 (1 + edges from this row)^-1/2: GCN */
    /* [Q, A] i32 distinct tuples of edge categories, as rows of the stacked table [table_rows, .];
     * null: edges have no categories. */
    clm_tensor *kinds;
    int64_t table_rows;
} clm_packed_edges;

#endif
