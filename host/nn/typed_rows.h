/* Rows of HGT's typed projections: which node each row of queries, keys and values is made from. */
#ifndef CLM_NN_TYPED_ROWS_H
#define CLM_NN_TYPED_ROWS_H

#include "cl/grouped_gemm/grouped_gemm.h"

/* Inputs for one grouped GEMM that makes all of them: queries, one per node, in groups by type;
 * keys, one per relation and node of the type it starts from, in groups by relation; values alike.
 * `type_first` [types + 1], `source_type` [relations]; offsets [types + 2 relations + 1]. */
void clm_typed_rows(clm_tape *tape, int types, const int32_t *type_first, int relations,
                    const int32_t *source_type, clm_rows *rows, clm_tensor **offsets);

#endif
