#include "nn/typed_rows.h"

#include <string.h>

void clm_typed_rows(clm_tape *tape, int types, const int32_t *type_first, int relations,
                    const int32_t *row_first, const int32_t *row_node, clm_rows *made,
                    clm_tensor **made_offsets)
{
    clm_scope *scope = clm_tape_scope(tape);
    const int32_t n = type_first[types], groups = types + 2 * relations;
    const int32_t rows = n + 2 * row_first[relations];
    int32_t *node = clm_alloc_array(scope, (size_t)rows + 1, 4),
            *offsets = clm_alloc_array(scope, (size_t)groups + 1, 4);
    int32_t *first = clm_alloc_array(scope, (size_t)n + 2, 4),
            *inverse = clm_alloc_array(scope, (size_t)rows + 1, 4);
    for (int32_t i = 0; i < rows; i++)
        node[i] = i < n ? i : row_node[(i - n) % row_first[relations]];
    for (int g = 0; g < groups; g++) {
        const int of_values = g >= types + relations;
        offsets[g] = g < types ? type_first[g]
                               : n + of_values * row_first[relations] +
                                     row_first[(g - types) - of_values * relations];
    }
    offsets[groups] = rows;
    for (int32_t i = 0; i < rows; i++)
        first[node[i] + 1]++;
    for (int32_t i = 0; i < n; i++)
        first[i + 1] += first[i];
    int32_t *next = clm_alloc_array(scope, (size_t)n + 1, 4);
    memcpy(next, first, (size_t)n * 4);
    for (int32_t i = 0; i < rows; i++)
        inverse[next[node[i]]++] = i;
    *made =
        (clm_rows){.index = clm_input_i32(tape, "projected nodes", node, CLM_DIMS(rows)),
                   .inverse_offsets = clm_input_i32(tape, "rows of nodes", first, CLM_DIMS(n + 1)),
                   .inverse = clm_input_i32(tape, "rows by node", inverse, CLM_DIMS(rows))};
    *made_offsets = clm_input_i32(tape, "projected groups", offsets, CLM_DIMS(groups + 1));
}
