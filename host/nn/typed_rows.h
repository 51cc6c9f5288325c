/* Rows of HGT's typed projections: which node each row of keys and values is made from. */
#ifndef CLM_NN_TYPED_ROWS_H
#define CLM_NN_TYPED_ROWS_H

#include "cl/grouped_gemm/grouped_gemm.h"

/* Inputs for one grouped GEMM that makes them all, one row per relation and source node of it:
 * relation r has the source nodes row_node [row_first[r] .. row_first[r + 1]), each in [0, nodes).
 * Its groups are the relations; offsets [relations + 1]. */
void clm_typed_rows(clm_tape *tape, int64_t nodes, int relations, const int32_t *row_first,
                    const int32_t *row_node, clm_rows *rows, clm_tensor **offsets);

#endif
