#include "nn/mean_aggregate.h"

#include "cl/edge_mean/edge_mean.h"
#include "cl/gather_sum/gather_sum.h"

clm_mean_edges clm_mean_edges_new(clm_tape *tape, clm_tensor *row_ptr, clm_tensor *src,
                                  clm_tensor *t_row_ptr, clm_tensor *dst)
{
    clm_mean_edges edges = {.row_ptr = row_ptr, .src = src, .t_row_ptr = t_row_ptr, .dst = dst};
    if (!row_ptr || !src) return edges;
    clm_tensor *back = clm_tape_training(tape) ? dst : NULL;
    edges.factor = clm_edge_mean(tape, row_ptr, back, src->dim[0], &edges.t_factor);
    return edges;
}

typedef struct saved {
    clm_tensor *x, *y;
    clm_mean_edges edges;
} saved;

static void grad(clm_tape *tape, const clm_call *call)
{
    const saved *s = call->composite;
    clm_tensor *dy = clm_gradient_of(tape, s->y);
    if (!dy || !clm_needs_gradient(tape, s->x)) return;
    clm_gradient_add(
        tape, s->x,
        clm_gather_sum(tape, dy, s->edges.t_row_ptr, s->edges.dst, s->edges.t_factor, NULL));
}

clm_tensor *clm_mean_aggregate(clm_tape *tape, clm_tensor *x, const clm_mean_edges *edges)
{
    if (!x || !edges->factor) return NULL;
    saved *s = clm_alloc(clm_tape_scope(tape), sizeof *s);
    *s = (saved){.x = x, .edges = *edges};
    s->y = clm_gather_sum(tape, x, edges->row_ptr, edges->src, edges->factor, NULL);
    clm_composite(tape, edges->t_factor ? grad : clm_no_grad, s);
    return s->y;
}
