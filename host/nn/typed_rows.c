#include "nn/typed_rows.h"

#include <string.h>

void clm_typed_rows(clm_tape *tape, int64_t nodes, int relations, const int32_t *row_first,
                    const int32_t *row_node, clm_rows *made, clm_tensor **made_offsets)
{
    clm_scope *scope = clm_tape_scope(tape);
    const int32_t rows = row_first[relations];
    int32_t *first = clm_alloc_array(scope, (size_t)nodes + 1, 4),
            *next = clm_alloc_array(scope, (size_t)nodes + 1, 4),
            *inverse = clm_alloc_array(scope, (size_t)rows + 1, 4);
    for (int32_t i = 0; i < rows; i++)
        first[row_node[i] + 1]++;
    for (int64_t i = 0; i < nodes; i++)
        first[i + 1] += first[i];
    memcpy(next, first, (size_t)nodes * sizeof *next);
    for (int32_t i = 0; i < rows; i++)
        inverse[next[row_node[i]]++] = i;
    *made = (clm_rows){.index = clm_input_i32(tape, "source nodes", row_node, CLM_DIMS(rows)),
                       .inverse_offsets =
                           clm_input_i32(tape, "rows of nodes", first, CLM_DIMS(nodes + 1)),
                       .inverse = clm_input_i32(tape, "rows by node", inverse, CLM_DIMS(rows))};
    *made_offsets = clm_input_i32(tape, "rows of relations", row_first, CLM_DIMS(relations + 1));
}
