/* What the two operators of expert_pairs share. */
#ifndef CL_EXPERT_PAIRS_INTERNAL_H
#define CL_EXPERT_PAIRS_INTERNAL_H

#include "cl/expert_pairs/expert_pairs.h"
#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_expert_pairs;
extern const clm_op clm_expert_pairs_edges;

/* A batch and what its nodes chose, on the host. */
typedef struct clm_pair_batch {
    int64_t nodes, live, experts, first, top_k;
    bool all;            /* every pair is needed */
    const int32_t *topk; /* null: all chose all experts */
    const int32_t *row_ptr, *src, *kind, *t_row_ptr, *dst, *t_kind;
} clm_pair_batch;

/* Rows of all pairs: y_row and x_row [N, E], -1 without one; the edges that enter the first y and
 * leave the first x rows, end [Y + 1] and t_end [X + 1]; the offsets [E + 1]. */
typedef struct clm_pair_rows {
    int32_t *y_row, *x_row, *end, *t_end, *offsets, *x_offsets;
} clm_pair_rows;

void clm_expert_pairs_number(const clm_pair_batch *batch, const clm_pair_rows *rows);

/* Sizes of an example: edges of random ends among the live nodes, `degree` for each; of `total`
 * experts a node chooses top_k, 0: all. Only the first `crowded` of the pool when not 0. */
typedef struct clm_pair_sizes {
    int32_t nodes, live, degree, experts, first, total, top_k, crowded;
    bool features, all;
} clm_pair_sizes;

/* Draws the example of that index; false: there is none. */
bool clm_expert_pairs_draw(clm_example *example, int index, clm_pair_sizes *sizes,
                           clm_pair_batch *batch);

/* Records expert_edges, of at most `pairs` edges, into what expert_pairs left in `made`. */
void clm_expert_edges(clm_tape *tape, clm_tensor *topk, int64_t first,
                      const clm_packed_edges *batch, int64_t pairs, clm_expert_pairs *made);

#endif
