/* Rows of HGT's typed projections: which node each row of queries, keys and values is made from. */
#ifndef CLM_NN_TYPED_ROWS_H
#define CLM_NN_TYPED_ROWS_H

#include "cl/grouped_gemm/grouped_gemm.h"

/* Inputs for one grouped GEMM that makes all of them: queries, one per node, in groups by type;
 * keys, one per relation and source node of it, in groups by relation; values alike. Relation r has
 * the source nodes row_node [row_first[r] .. row_first[r + 1]); `type_first` [types + 1]; offsets
 * [types + 2 relations + 1]. */
void clm_typed_rows(clm_tape *tape, int types, const int32_t *type_first, int relations,
                    const int32_t *row_first, const int32_t *row_node, clm_rows *rows,
                    clm_tensor **offsets);

#endif
