#include "nn/pair_sum.h"

#include "cl/gather_sum/gather_sum.h"
#include "cl/row_dot/row_dot.h"

/* Segments of `each` slots. */
static clm_tensor *segments(clm_tape *tape, int64_t count, int64_t each)
{
    int32_t *first = clm_alloc_array(clm_tape_scope(tape), (size_t)count + 1, sizeof *first);
    for (int64_t i = 0; i <= count; i++)
        first[i] = (int32_t)(i * each);
    return clm_input_i32(tape, "segments", first, CLM_DIMS(count + 1));
}

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

clm_tensor *clm_pick_rows(clm_tape *tape, clm_tensor *x, const clm_rows *rows)
{
    if (!x || !rows->index) return NULL;
    picked *s = clm_alloc(clm_tape_scope(tape), sizeof *s);
    clm_tensor *y =
        clm_gather_sum(tape, x, segments(tape, rows->index->dim[0], 1), rows->index, NULL, NULL);
    *s = (picked){.x = x, .y = y, .rows = *rows};
    clm_composite(tape, pick_grad, s);
    return y;
}

typedef struct summed {
    clm_tensor *v, *gate, *slot, *node, *order, *y;
} summed;

static void sum_grad(clm_tape *tape, const clm_call *call)
{
    const summed *s = call->composite;
    clm_tensor *dy = clm_gradient_of(tape, s->y);
    const clm_tensor *gate = s->gate;
    clm_gradient_add(tape, s->v,
                     clm_gather_scaled(tape, dy, segments(tape, s->node->dim[0], 1), s->node,
                                       s->gate, s->order, NULL));
    clm_gradient_add(tape, gate,
                     clm_row_dot(tape, dy, NULL, (int)gate->dim[1], s->v, s->slot,
                                 clm_elements(gate), gate->rank, gate->dim));
}

clm_tensor *clm_pair_sum(clm_tape *tape, clm_tensor *v, clm_tensor *gate, clm_tensor *slot,
                         clm_tensor *node, clm_tensor *order)
{
    if (!v || !gate || !slot) return NULL;
    summed *s = clm_alloc(clm_tape_scope(tape), sizeof *s);
    clm_tensor *first = segments(tape, gate->dim[0], gate->dim[1]);
    *s = (summed){v, gate, slot, node, order, clm_gather_sum(tape, v, first, slot, gate, NULL)};
    clm_composite(tape, sum_grad, s);
    return s->y;
}
