#include "model/her.h"

#include "base/text.h"
#include "cl/add/add.h"
#include "cl/balance_loss/balance_loss.h"
#include "cl/cast/cast.h"
#include "cl/dropout/dropout.h"
#include "cl/gelu/gelu.h"
#include "cl/layer_norm/layer_norm.h"
#include "cl/pair_dot/pair_dot.h"
#include "cl/relation_fold/relation_fold.h"
#include "cl/skip_gate/skip_gate.h"
#include "cl/type_fusion/type_fusion.h"
#include "cl/type_gate/type_gate.h"
#include "nn/expert_ffn.h"

#include <math.h>

clm_her clm_her_from(const clm_config *c)
{
    clm_her her = {.width = clm_config_int(c, "width"),
                   .layers = clm_config_int(c, "layers"),
                   .heads = clm_config_int(c, "heads"),
                   .gated_update = clm_config_is(c, "update", "gated"),
                   .layer_norm = clm_config_is(c, "norm", "layer"),
                   .dropout = clm_config_real(c, "dropout"),
                   .infer_factor = 1};
    if (!clm_config_has(c, "experts")) return her;
    her.mixture = clm_config_has(c, "p") ? CLM_SHARED_MIXTURE : CLM_SEPARATED_MIXTURE;
    her.experts = clm_config_int(c, "experts");
    her.top_k = clm_config_int(c, "top_k");
    her.expert_width = clm_config_int(c, "expert_width");
    her.renormalise = clm_config_is(c, "renormalise", "on");
    her.moe_residual = clm_config_is(c, "moe_residual", "on");
    if (her.mixture == CLM_SEPARATED_MIXTURE) return her;
    her.p = clm_config_real(c, "p");
    her.fusion = clm_config_is(c, "fusion", "add")      ? CLM_FUSION_ADD
                 : clm_config_is(c, "fusion", "concat") ? CLM_FUSION_CONCAT
                                                        : CLM_FUSION_GATED;
    if (clm_config_is(c, "infer_type", "always_masked"))
        her.infer_factor = 0;
    else if (clm_config_is(c, "infer_type", "scaled"))
        her.infer_factor = 1 - her.p;
    else if (clm_config_is(c, "infer_type", "masked_if_p1"))
        her.infer_factor = her.p >= 1 ? 0 : 1;
    return her;
}

/* A weight `prefix``name` with U(-bound, bound), the default of torch's nn.Linear for bound =
 * 1/sqrt(fan in). */
static clm_tensor *weight(clm_tape *tape, clm_parameters *p, const char *prefix, const char *name,
                          bool transposed, clm_init init, double bound, int rank,
                          const int64_t *dim)
{
    const char *full = clm_text(clm_tape_scope(tape), "%s%s", prefix, name);
    return clm_weight(tape, clm_parameter(p, full, transposed, init, bound, rank, dim));
}

clm_tensor *clm_her_input(clm_tape *tape, clm_parameters *p, const clm_graph_inputs *in, int width)
{
    const int32_t *first = in->column_first, columns = first[in->types];
    const bool new = clm_parameters_count(p) == 0;
    const int index =
        clm_parameter(p, "input", false, CLM_INIT_UNIFORM, 1, CLM_DIMS(columns + in->types, width));
    float *value = clm_parameter_values(p, index);
    for (int t = 0; new &&t < in->types; t++) {
        const int32_t dim = first[t + 1] - first[t];
        const float bound = 1 / sqrtf((float)dim);
        for (int64_t i = (int64_t)first[t] * width; i < (int64_t)first[t + 1] * width; i++)
            value[i] *= bound;
        for (int64_t i = 0; i < width; i++)
            value[(int64_t)(columns + t) * width + i] *= bound;
        clm_parameter_part(p, index, clm_text(clm_tape_scope(tape), "input.%d.w", t), first[t], dim,
                           0, dim);
        clm_parameter_part(p, index, clm_text(clm_tape_scope(tape), "input.%d.b", t), columns + t,
                           1, 0, 0);
    }
    return clm_cast(tape, clm_spmm(tape, &in->features, clm_weight(tape, index)), CLM_REAL);
}

clm_tensor *clm_hgt_layer(clm_tape *tape, clm_parameters *p, const char *prefix, const clm_her *her,
                          const clm_graph_inputs *in, const clm_message_graph *graph, clm_tensor *x,
                          clm_her_seen *seen)
{
    const int64_t d = her->width, t = in->types, r = in->relations, h = her->heads, c = d / h;
    const double linear = 1 / sqrt((double)d), glorot = sqrt(3.0 / (double)c);
    clm_tensor *w_k =
        weight(tape, p, prefix, "w_k", true, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d, d));
    clm_tensor *b_k =
        weight(tape, p, prefix, "b_k", false, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d));
    clm_tensor *w_q =
        weight(tape, p, prefix, "w_q", true, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d, d));
    clm_tensor *b_q =
        weight(tape, p, prefix, "b_q", false, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d));
    const clm_hgt_weights w = {
        .w_k = w_k,
        .b_k = b_k,
        .w_v = weight(tape, p, prefix, "w_v", true, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d, d)),
        .b_v = weight(tape, p, prefix, "b_v", false, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d)),
        .w_att =
            weight(tape, p, prefix, "w_att", false, CLM_INIT_UNIFORM, glorot, CLM_DIMS(r, h, c, c)),
        .w_msg =
            weight(tape, p, prefix, "w_msg", false, CLM_INIT_UNIFORM, glorot, CLM_DIMS(r, h, c, c)),
        .mu = weight(tape, p, prefix, "mu", false, CLM_INIT_CONSTANT, 1, CLM_DIMS(r, h)),
    };
    clm_tensor *w_out =
        weight(tape, p, prefix, "w_out", true, CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d, d));
    clm_tensor *b_out = her->gated_update ? weight(tape, p, prefix, "b_out", false,
                                                   CLM_INIT_UNIFORM, linear, CLM_DIMS(t, d))
                                          : NULL;
    clm_tensor *bias = NULL, *folded = clm_relation_fold(tape, &w, in->source_type, &bias);
    clm_tensor *kv = clm_grouped_gemm(tape, x, graph->projected, folded, bias,
                                      graph->projected_offsets, graph->edges.rows);
    clm_tensor *q = clm_grouped_gemm(tape, x, (clm_rows){0}, w_q, b_q, in->type_offsets, in->nodes);
    clm_tensor *a =
        clm_edge_attention(tape, q, kv, &graph->edges, her->heads, seen ? &seen->alpha : NULL);
    if (seen) seen->aggregated = a;
    clm_tensor *o = clm_grouped_gemm(tape, clm_gelu(tape, a), (clm_rows){0}, w_out, b_out,
                                     in->type_offsets, in->nodes);
    if (!her->gated_update) return clm_add(tape, 2, (clm_tensor *[]){o, x}, NULL);
    clm_tensor *skip = weight(tape, p, prefix, "skip", false, CLM_INIT_CONSTANT, 1, CLM_DIMS(t));
    return clm_skip_gate(tape, o, x, skip, in->type, in->type_offsets);
}

/* z: what router and experts read; the hidden state fused with the (masked) embedding of its
 * type. */
static clm_tensor *fuse(clm_tape *tape, clm_parameters *p, const char *prefix, const clm_her *her,
                        const clm_graph_inputs *in, clm_tensor *h, clm_tensor *mask, int layer)
{
    const int64_t d = her->width, t = in->types;
    if (her->mixture != CLM_SHARED_MIXTURE || her->fusion == CLM_FUSION_NONE) return h;
    clm_tensor *table =
        weight(tape, p, prefix, "type_table", false, CLM_INIT_NORMAL, 1, CLM_DIMS(t, d));
    const bool draw = clm_tape_training(tape) && her->p > 0;
    const clm_type_mask masked = {.type = in->type,
                                  .type_offsets = in->type_offsets,
                                  .given = mask,
                                  .mode = draw,
                                  .factor = clm_tape_training(tape) ? 1 : her->infer_factor,
                                  .p = her->p,
                                  .layer = layer};
    if (her->fusion == CLM_FUSION_ADD) return clm_type_fusion(tape, h, table, &masked);
    /* W [h || t] = W_h h + W_t t, and W_t t is a table of its own: no [N, 2 D] rows are made. */
    const double bound = 1 / sqrt(2 * (double)d);
    const char *names[2] = {"w_fuse.h", "w_fuse.t"};
    clm_tensor *w[2];
    for (int i = 0; i < 2; i++) {
        const char *full = clm_text(clm_tape_scope(tape), "%s%s", prefix, names[i]);
        const int index = clm_parameter(p, full, false, CLM_INIT_UNIFORM, bound, CLM_DIMS(1, d, d));
        clm_parameter_part(p, index, clm_text(clm_tape_scope(tape), "%sw_fuse", prefix), 0, d,
                           i * d, 2 * d);
        w[i] = clm_weight(tape, index);
    }
    const int32_t all[2] = {0, (int32_t)in->nodes}, rows[2] = {0, (int32_t)t};
    clm_tensor *wh =
        clm_grouped_gemm(tape, h, (clm_rows){0}, w[0], NULL,
                         clm_input_i32(tape, "all nodes", all, CLM_DIMS(2)), in->nodes);
    clm_tensor *wt = clm_grouped_gemm(tape, table, (clm_rows){0}, w[1], NULL,
                                      clm_input_i32(tape, "all types", rows, CLM_DIMS(2)), t);
    clm_tensor *fused = clm_type_fusion(tape, wh, wt, &masked);
    return her->fusion == CLM_FUSION_CONCAT ? fused : clm_type_gate(tape, h, fused, table, &masked);
}

/* Pools of experts: one that all share, or one per node type. In the last layer nodes whose rows
 * nothing reads get one past the last, none: their experts are not computed. The router still
 * decides for them, because the balance loss counts every node. */
static clm_pools pools_of(clm_tape *tape, const clm_her *her, const clm_graph_inputs *in, int layer)
{
    const bool separated = her->mixture == CLM_SEPARATED_MIXTURE;
    bool all = true;
    for (int t = 0; t < in->types && in->read && layer == her->layers - 1; t++)
        all &= in->read[t];
    if (all) return (clm_pools){.of_node = separated ? in->type : NULL};
    int64_t without = 0;
    int32_t *pool = clm_alloc_array(clm_tape_scope(tape), (size_t)in->nodes + 1, sizeof *pool);
    for (int t = 0; t < in->types; t++) {
        if (!in->read[t]) without += in->type_first[t + 1] - in->type_first[t];
        for (int32_t i = in->type_first[t]; i < in->type_first[t + 1]; i++)
            pool[i] = separated ? in->read[t] ? t : in->types : !in->read[t];
    }
    return (clm_pools){clm_input_i32(tape, "pools of read nodes", pool, CLM_DIMS(in->nodes)),
                       without};
}

clm_tensor *clm_moe_layer(clm_tape *tape, clm_parameters *p, const char *prefix, const clm_her *her,
                          const clm_graph_inputs *in, clm_tensor *h, clm_tensor *init,
                          clm_tensor *mask, int layer, clm_tensor **balance, clm_her_seen *seen)
{
    const bool separated = her->mixture == CLM_SEPARATED_MIXTURE;
    const int64_t d = her->width, e = her->experts, w = her->expert_width,
                  pools = separated ? in->types : 1;
    const double in_d = 1 / sqrt((double)d), in_w = 1 / sqrt((double)w);
    const int32_t all[2] = {0, (int32_t)in->nodes};
    clm_tensor *pool_offsets =
        separated ? in->type_offsets : clm_input_i32(tape, "one pool", all, CLM_DIMS(2));
    clm_tensor *z = fuse(tape, p, prefix, her, in, h, mask, layer);
    clm_tensor *router =
        weight(tape, p, prefix, "w_router", true, CLM_INIT_UNIFORM, in_d, CLM_DIMS(pools, d, e));
    const clm_experts experts = {
        .w1 =
            weight(tape, p, prefix, "w1", true, CLM_INIT_UNIFORM, in_d, CLM_DIMS(pools * e, d, w)),
        .b1 = weight(tape, p, prefix, "b1", false, CLM_INIT_UNIFORM, in_d, CLM_DIMS(pools * e, w)),
        .w2 =
            weight(tape, p, prefix, "w2", true, CLM_INIT_UNIFORM, in_w, CLM_DIMS(pools * e, w, d)),
        .b2 = weight(tape, p, prefix, "b2", false, CLM_INIT_UNIFORM, in_w, CLM_DIMS(pools * e, d)),
    };
    /* In f32 whatever the precision: which experts come first hangs on small differences. */
    clm_tensor *logits = clm_grouped_gemm(tape, clm_cast(tape, z, CLM_F32), (clm_rows){0}, router,
                                          NULL, pool_offsets, in->nodes);
    const clm_routing routing =
        clm_router(tape, logits, pools_of(tape, her, in, layer), her->top_k, her->renormalise);
    *balance = clm_tape_training(tape) ? clm_balance_loss(tape, &routing, pool_offsets) : NULL;
    if (seen) {
        seen->z = z;
        seen->routing = routing;
    }
    return clm_expert_ffn(tape, z, &routing, &experts, init);
}

static clm_tensor *norm(clm_tape *tape, clm_parameters *p, const char *prefix, const clm_her *her,
                        clm_tensor *x)
{
    if (!her->layer_norm) return x;
    return clm_layer_norm(
        tape, x,
        weight(tape, p, prefix, "norm.w", false, CLM_INIT_CONSTANT, 1, CLM_DIMS(her->width)),
        weight(tape, p, prefix, "norm.b", false, CLM_INIT_CONSTANT, 0, CLM_DIMS(her->width)));
}

clm_tensor *clm_her_layers(clm_tape *tape, clm_parameters *p, const clm_her *her,
                           const clm_graph_inputs *in, clm_tensor *x, clm_tensor *const *mask,
                           clm_tensor **balance, clm_her_seen *seen)
{
    *balance = NULL;
    for (int l = 0; l < her->layers; l++) {
        const char *hgt = clm_text(clm_tape_scope(tape), "layer.%d.hgt.", l);
        const char *moe = clm_text(clm_tape_scope(tape), "layer.%d.moe.", l);
        const clm_message_graph *graph = l < her->layers - 1 ? &in->graph : &in->last;
        x = clm_hgt_layer(tape, p, hgt, her, in, graph, x, seen);
        x = norm(tape, p, hgt, her, clm_dropout(tape, x, her->dropout, l));
        if (her->mixture == CLM_NO_MIXTURE) continue;
        clm_tensor *loss, *before = her->moe_residual ? x : NULL;
        x = clm_moe_layer(tape, p, moe, her, in, x, before, mask ? mask[l] : NULL, l, &loss, seen);
        x = norm(tape, p, moe, her, x);
        const double share[2] = {1, 1.0 / her->layers};
        if (loss && *balance)
            *balance = clm_add(tape, 2, (clm_tensor *[]){*balance, loss}, share);
        else if (loss)
            *balance = clm_add(tape, 1, &loss, &share[1]);
    }
    return x;
}

clm_tensor *clm_her_network(clm_tape *tape, clm_parameters *p, const clm_config *config,
                            const clm_graph_inputs *in, clm_tensor **balance, clm_her_seen *seen)
{
    const clm_her her = clm_her_from(config);
    return clm_her_layers(tape, p, &her, in, clm_her_input(tape, p, in, her.width), NULL, balance,
                          seen);
}

clm_tensor *clm_bilinear_scores(clm_tape *tape, clm_parameters *p, clm_tensor *h, int32_t first_u,
                                int32_t count_u, clm_tensor *u, clm_tensor *v)
{
    if (!h) return NULL;
    const int64_t d = h->dim[1], n = h->dim[0];
    clm_scope *scope = clm_tape_scope(tape);
    /* glorot, as nn.init.xavier_uniform_ */
    clm_tensor *w = weight(tape, p, "", "decoder", false, CLM_INIT_UNIFORM, sqrt(3.0 / (double)d),
                           CLM_DIMS(1, d, d));
    int32_t *index = clm_alloc_array(scope, (size_t)count_u + 1, 4),
            *row = clm_alloc_array(scope, (size_t)count_u + 1, 4);
    int32_t *offsets = clm_alloc_array(scope, (size_t)n + 1, 4);
    for (int32_t i = 0; i < count_u; i++) {
        index[i] = first_u + i;
        row[i] = i;
    }
    for (int64_t i = 0; i <= n; i++) {
        const int64_t before = i - first_u;
        offsets[i] = before < 0 ? 0 : before > count_u ? count_u : (int32_t)before;
    }
    const int32_t all[2] = {0, count_u};
    const clm_rows rows = {
        .index = clm_input_i32(tape, "start nodes", index, CLM_DIMS(count_u)),
        .inverse_offsets = clm_input_i32(tape, "start rows", offsets, CLM_DIMS(n + 1)),
        .inverse = clm_input_i32(tape, "start nodes back", row, CLM_DIMS(count_u))};
    clm_tensor *t = clm_grouped_gemm(
        tape, h, rows, w, NULL, clm_input_i32(tape, "all start nodes", all, CLM_DIMS(2)), count_u);
    return clm_pair_dot(tape, t, h, u, v);
}
