#include "nn/pick_rows.h"

#include "cl/gather_sum/gather_sum.h"

typedef struct picked {
    clm_tensor *x, *y;
    clm_rows rows;
} picked;

static void pick_grad(clm_tape *tape, const clm_call *call)
{
    const picked *s = call->composite;
    if (clm_needs_gradient(tape, s->x))
        clm_gradient_add(tape, s->x,
                         clm_gather_sum(tape, clm_gradient_of(tape, s->y), s->rows.inverse_offsets,
                                        s->rows.inverse, NULL, NULL));
}

clm_tensor *clm_rows_each(clm_tape *tape, int64_t rows)
{
    int32_t *each = clm_alloc_array(clm_tape_scope(tape), (size_t)rows + 1, sizeof *each);
    for (int64_t i = 0; i <= rows; i++)
        each[i] = (int32_t)i;
    return clm_input_i32(tape, "one row each", each, CLM_DIMS(rows + 1));
}

clm_tensor *clm_pick_rows(clm_tape *tape, clm_tensor *x, const clm_rows *rows)
{
    if (!x || !rows->index) return NULL;
    picked *s = clm_alloc(clm_tape_scope(tape), sizeof *s);
    clm_tensor *offsets = clm_rows_each(tape, rows->index->dim[0]);
    clm_tensor *y = clm_gather_sum(tape, x, offsets, rows->index, NULL, NULL);
    *s = (picked){.x = x, .y = y, .rows = *rows};
    clm_composite(tape, pick_grad, s);
    return y;
}
