#include "nn/expert_ffn.h"

#include "cl/cast/cast.h"
#include "cl/gather_sum/gather_sum.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/row_dot/row_dot.h"
#include "cl/transpose/transpose.h"

typedef struct saved {
    clm_tensor *z, *gate, *h, *slope, *expert_out, *first, *init, *y;
    clm_experts experts;
    clm_dispatched routed;
    int64_t pairs;
    int top_k;
} saved;

static void weight_gradients(clm_tape *tape, const saved *s, clm_tensor *dy, clm_tensor *du)
{
    clm_tensor *db1, *db2;
    clm_tensor *dw2 = clm_gemm_weight_call(tape,
                                           &(clm_gemm_weight){.x = s->h,
                                                              .dy = dy,
                                                              .dy_gather = s->routed.row,
                                                              .scale = s->gate,
                                                              .scale_index = s->routed.order,
                                                              .offsets = s->routed.offsets,
                                                              .rows = s->pairs,
                                                              .want_bias = true},
                                           &db2);
    clm_tensor *dw1 = clm_gemm_weight_call(tape,
                                           &(clm_gemm_weight){.x = s->z,
                                                              .x_gather = s->routed.row,
                                                              .dy = du,
                                                              .offsets = s->routed.offsets,
                                                              .rows = s->pairs,
                                                              .want_bias = true},
                                           &db1);
    clm_gradient_add(tape, s->experts.w1, dw1);
    clm_gradient_add(tape, s->experts.b1, db1);
    clm_gradient_add(tape, s->experts.w2, dw2);
    clm_gradient_add(tape, s->experts.b2, db2);
}

static void grad(clm_tape *tape, const clm_call *call)
{
    const saved *s = call->composite;
    clm_tensor *dy = clm_gradient_of(tape, s->y);
    const clm_tensor *gate = s->gate;
    clm_gradient_add(tape, gate,
                     clm_row_dot(tape, dy, NULL, s->top_k, s->expert_out, s->routed.slot,
                                 clm_elements(gate), gate->rank, gate->dim));
    clm_tensor *du = clm_gemm_call(tape,
                                   &(clm_gemm){.x = dy,
                                               .w = clm_transpose(tape, s->experts.w2),
                                               .offsets = s->routed.offsets,
                                               .gather = s->routed.row,
                                               .scale = s->gate,
                                               .scale_index = s->routed.order,
                                               .multiply = s->slope,
                                               .rows = s->pairs},
                                   NULL);
    /* first what still reads the rows of z and h, so that du may be dropped soon after */
    weight_gradients(tape, s, dy, du);
    clm_tensor *dslot = clm_gemm_call(tape,
                                      &(clm_gemm){.x = du,
                                                  .w = clm_transpose(tape, s->experts.w1),
                                                  .offsets = s->routed.offsets,
                                                  .rows = s->pairs},
                                      NULL);
    clm_gradient_add(tape, s->z, clm_gather_sum(tape, dslot, s->first, s->routed.slot, NULL, NULL));
    if (s->init) clm_gradient_add(tape, s->init, dy);
}

clm_tensor *clm_expert_ffn(clm_tape *tape, clm_tensor *z, const clm_routing *routing,
                           const clm_experts *experts, clm_tensor *init)
{
    if (!z || !routing->key || !experts->w1) return NULL;
    saved *s = clm_alloc(clm_tape_scope(tape), sizeof *s);
    const int64_t n = z->dim[0], k = routing->key->dim[1];
    *s = (saved){.z = z,
                 .gate = routing->gate,
                 .experts = *experts,
                 .init = init,
                 .pairs = routing->pairs,
                 .top_k = (int)k};
    s->experts.w1 = clm_cast(tape, experts->w1, z->type);
    s->experts.w2 = clm_cast(tape, experts->w2, z->type);
    s->routed = clm_dispatch(tape, routing->key, experts->w1->dim[0], (int)k, s->pairs);
    s->h = clm_gemm_call(tape,
                         &(clm_gemm){.x = z,
                                     .w = s->experts.w1,
                                     .bias = experts->b1,
                                     .offsets = s->routed.offsets,
                                     .gather = s->routed.row,
                                     .rows = s->pairs,
                                     .gelu = true,
                                     .want_slope = clm_tape_training(tape)},
                         &s->slope);
    s->expert_out = clm_gemm_call(tape,
                                  &(clm_gemm){.x = s->h,
                                              .w = s->experts.w2,
                                              .bias = experts->b2,
                                              .offsets = s->routed.offsets,
                                              .rows = s->pairs},
                                  NULL);
    int32_t *first = clm_alloc_array(clm_tape_scope(tape), (size_t)n + 1, sizeof *first);
    for (int64_t i = 0; i <= n; i++)
        first[i] = (int32_t)(i * k);
    s->first = clm_input_i32(tape, "first pair", first, CLM_DIMS(n + 1));
    s->y = clm_gather_sum(tape, s->expert_out, s->first, s->routed.slot, s->gate, init);
    clm_composite(tape, grad, s);
    return s->y;
}
