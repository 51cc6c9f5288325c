#include "model/sage.h"

#include "base/text.h"
#include "cl/add/add.h"
#include "cl/cast/cast.h"
#include "cl/dropout/dropout.h"
#include "cl/expert_sum/expert_sum.h"
#include "cl/graph_pool/graph_pool.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/index_select/index_select.h"
#include "cl/noisy_pool/noisy_pool.h"
#include "cl/relu/relu.h"
#include "cl/row_normalise/row_normalise.h"

#include <math.h>

const char *const clm_sage_variants[] = {"none",
                                         "message_roles",
                                         "message_softmax",
                                         "aggregated_roles",
                                         "aggregated_softmax",
                                         "aggregated_linear",
                                         "aggregated_noisy_topk",
                                         "shared",
                                         NULL};

/* What every step of one layer's recording reads. */
typedef struct layer {
    clm_tape *tape;
    clm_parameters *p;
    const char *prefix;
    const clm_sage *sage;
    const clm_sage_graph *graph;
    clm_sage_rows x;
    int64_t in; /* columns of x */
    int number;
} layer;

/* --- weights and products --- */

static clm_tensor *parameter(const layer *l, const char *name, bool transposed, double bound,
                             int rank, const int64_t *dim)
{
    const char *full = clm_text(clm_tape_scope(l->tape), "%s%s", l->prefix, name);
    return clm_weight(l->tape,
                      clm_parameter(l->p, full, transposed, CLM_INIT_UNIFORM, bound, rank, dim));
}

/* A weight [rows, n] for rows of x, as their form of product wants it; from files [n, rows]. Drawn
 * as torch's nn.Linear draws it, from U(-bound, bound), bound = 1/sqrt(inputs). */
static clm_tensor *input_weight(const layer *l, const char *name, bool transposed, int64_t n,
                                int64_t inputs)
{
    const int64_t dim[] = {1, l->in, n};
    const int first = l->x.sparse ? 1 : 0;
    return parameter(l, name, transposed, 1 / sqrt((double)inputs), 3 - first, dim + first);
}

static clm_tensor *bias(const layer *l, const char *name, int64_t n, int64_t inputs)
{
    return parameter(l, name, false, 1 / sqrt((double)inputs), CLM_DIMS(1, n));
}

/* One row [1, D] as every row [N, D]: the bias of a product with nothing, whose gradient is summed
 * over the rows like any bias. */
static clm_tensor *every_row(const layer *l, clm_tensor *row)
{
    if (!row) return NULL;
    clm_tensor *nothing = clm_input_f32(l->tape, "nothing", NULL, CLM_DIMS(l->graph->nodes, 1));
    clm_tensor *zero = clm_input_f32(l->tape, "zero", NULL, CLM_DIMS(1, 1, row->dim[1]));
    return clm_grouped_gemm(l->tape, nothing, (clm_rows){0}, zero, row, l->graph->live,
                            l->graph->nodes);
}

/* x w + b in storage of `type`; b may be null. */
static clm_tensor *product(const layer *l, clm_tensor *w, clm_tensor *b, clm_type type)
{
    if (!l->x.sparse)
        return clm_grouped_gemm(l->tape, clm_cast(l->tape, l->x.dense, type), (clm_rows){0}, w, b,
                                l->graph->live, l->graph->nodes);
    clm_tensor *y = clm_spmm(l->tape, l->x.sparse, w);
    if (b) y = clm_add(l->tape, 2, (clm_tensor *[]){y, every_row(l, b)}, NULL);
    return clm_cast(l->tape, y, type);
}

/* Weights of [x || a]: the rows for x, the rows for a, and the bias or null. */
typedef struct joint {
    clm_tensor *x, *a, *b;
} joint;

static joint joint_weights(const layer *l, const char *name, const char *bias_name, int64_t n)
{
    clm_scope *scope = clm_tape_scope(l->tape);
    const int64_t d = l->sage->width, inputs = l->in + d;
    const double bound = 1 / sqrt((double)inputs);
    const char *file = clm_text(scope, "%s%s", l->prefix, name);
    const char *of_x = clm_text(scope, "%s.x", file), *of_a = clm_text(scope, "%s.a", file);
    const int64_t dim[] = {1, l->in, n};
    const int first = l->x.sparse ? 1 : 0;
    const int x = clm_parameter(l->p, of_x, false, CLM_INIT_UNIFORM, bound, 3 - first, dim + first);
    const int a = clm_parameter(l->p, of_a, false, CLM_INIT_UNIFORM, bound, CLM_DIMS(1, d, n));
    clm_parameter_part(l->p, x, file, 0, l->in, 0, inputs);
    clm_parameter_part(l->p, a, file, 0, d, l->in, inputs);
    return (joint){clm_weight(l->tape, x), clm_weight(l->tape, a),
                   bias_name ? bias(l, bias_name, n, inputs) : NULL};
}

/* [x || a] w + b. */
static clm_tensor *joint_product(const layer *l, clm_tensor *a, joint w, clm_type type)
{
    clm_tensor *of_a = clm_grouped_gemm(l->tape, clm_cast(l->tape, a, type), (clm_rows){0}, w.a,
                                        w.b, l->graph->live, l->graph->nodes);
    return clm_add(l->tape, 2, (clm_tensor *[]){product(l, w.x, NULL, type), of_a}, NULL);
}

/* --- gates --- */

static clm_tensor *softmax(const layer *l, clm_tensor *logits)
{
    return clm_router(l->tape, logits, (clm_pools){0}, 1, false).probability;
}

/* Shares of roles; as released the sum over them starts with the first, adds it again, and ends
 * before the last. */
static clm_tensor *roles(const layer *l)
{
    clm_tensor *r = l->graph->roles;
    if (!r || !l->sage->released_roles || l->sage->experts == 1) return r;
    const int64_t e = l->sage->experts;
    float *counts = clm_alloc_array(clm_tape_scope(l->tape), (size_t)(e * e), sizeof *counts);
    for (int64_t i = 0; i < e - 1; i++)
        counts[i * e + i] = i == 0 ? 2 : 1;
    return clm_grouped_gemm(l->tape, r, (clm_rows){0},
                            clm_input_f32(l->tape, "role counts", counts, CLM_DIMS(1, e, e)), NULL,
                            l->graph->live, l->graph->nodes);
}

static clm_tensor *mixture(const layer *l, clm_tensor *v, clm_tensor *gate)
{
    return clm_expert_sum(l->tape, v, gate, NULL, l->graph->live, 1);
}

/* --- messages and updates --- */

/* The mean over in-edges of messages that experts [N, E D] make; `gate` of the source goes with
 * its message, that of the target with what arrives of each expert. */
static clm_tensor *expert_messages(const layer *l, clm_tensor *v, clm_tensor *gate)
{
    const clm_mean_edges *edges = &l->graph->edges;
    if (l->sage->target_gate)
        return mixture(l, clm_mean_aggregate(l->tape, clm_relu(l->tape, v), edges), gate);
    clm_tensor *m = l->sage->variant == CLM_SAGE_MESSAGE_ROLES
                        ? clm_relu(l->tape, mixture(l, v, gate))
                        : mixture(l, clm_relu(l->tape, v), gate);
    return clm_mean_aggregate(l->tape, m, edges);
}

/* `shared`: the part of the gates' logits that messages and updates have in common, or null. */
static clm_tensor *messages(const layer *l, clm_tensor *shared, clm_sage_seen *seen)
{
    const int64_t d = l->sage->width, e = l->sage->experts;
    if (shared) {
        clm_tensor *w = input_weight(l, "w_msg_experts", true, e * d, l->in);
        clm_tensor *b = bias(l, "b_msg_experts", e * d, l->in);
        return expert_messages(l, product(l, w, b, CLM_REAL), softmax(l, shared));
    }
    clm_tensor *gate = NULL;
    if (l->sage->variant == CLM_SAGE_MESSAGE_ROLES)
        gate = roles(l);
    else if (l->sage->variant == CLM_SAGE_MESSAGE_SOFTMAX)
        gate = softmax(l, product(l, input_weight(l, "w_gate", true, e, l->in),
                                  bias(l, "b_gate", e, l->in), CLM_F32));
    const int64_t n = gate ? e * d : d;
    clm_tensor *v =
        product(l, input_weight(l, "w_msg", true, n, l->in), bias(l, "b_msg", n, l->in), CLM_REAL);
    if (!gate) return clm_mean_aggregate(l->tape, clm_relu(l->tape, v), &l->graph->edges);
    seen->gate = gate;
    return expert_messages(l, v, gate);
}

/* The gate of the update, of all but the noisy one. */
static clm_tensor *update_gate(const layer *l, clm_tensor *a, clm_tensor *shared)
{
    const int64_t d = l->sage->width, e = l->sage->experts;
    if (l->sage->variant == CLM_SAGE_AGGREGATED_ROLES) return roles(l);
    if (shared) {
        clm_tensor *w = parameter(l, "w_gate_agg", false, 1 / sqrt((double)d), CLM_DIMS(1, d, e));
        clm_tensor *of_a = clm_grouped_gemm(l->tape, clm_cast(l->tape, a, CLM_F32), (clm_rows){0},
                                            w, NULL, l->graph->live, l->graph->nodes);
        return softmax(l, clm_add(l->tape, 2, (clm_tensor *[]){shared, of_a}, NULL));
    }
    clm_tensor *logits = joint_product(l, a, joint_weights(l, "w_gate", "b_gate", e), CLM_F32);
    return l->sage->variant == CLM_SAGE_AGGREGATED_LINEAR ? logits : softmax(l, logits);
}

/* Scores averaged over all rows choose K experts for all of them: their weights are taken out of
 * the others', and the product has K times the width. */
static clm_tensor *noisy_update(const layer *l, clm_tensor *a, joint w, clm_sage_seen *seen)
{
    const clm_sage *sage = l->sage;
    const int e = sage->experts;
    clm_tensor *clean = joint_product(l, a, joint_weights(l, "w_gate", NULL, e), CLM_F32);
    clm_tensor *raw = joint_product(l, a, joint_weights(l, "w_noise", NULL, e), CLM_F32);
    clm_tensor *logits =
        clm_noisy_pool(l->tape, clean, raw, l->graph->live, l->graph->noise,
                       clm_tape_training(l->tape) || !sage->training_noise, l->number);
    const clm_routing routing = clm_router(l->tape, logits, (clm_pools){0}, sage->top_k, true);
    const joint chosen = {clm_index_select(l->tape, w.x, e, routing.topk),
                          clm_index_select(l->tape, w.a, e, routing.topk),
                          clm_index_select(l->tape, w.b, e, routing.topk)};
    *seen = (clm_sage_seen){routing.gate, routing.topk};
    clm_tensor *v = clm_relu(l->tape, joint_product(l, a, chosen, CLM_REAL));
    return mixture(l, v, every_row(l, routing.gate));
}

static clm_tensor *update(const layer *l, clm_tensor *a, clm_tensor *shared, clm_sage_seen *seen)
{
    const int64_t d = l->sage->width, e = l->sage->experts;
    const clm_sage_variant variant = l->sage->variant;
    if (variant < CLM_SAGE_AGGREGATED_ROLES)
        return clm_relu(l->tape,
                        joint_product(l, a, joint_weights(l, "w_agg", "b_agg", d), CLM_REAL));
    const joint w = joint_weights(l, "w_agg_experts", "b_agg_experts", e * d);
    if (variant == CLM_SAGE_AGGREGATED_NOISY_TOPK) return noisy_update(l, a, w, seen);
    seen->gate = update_gate(l, a, shared);
    clm_tensor *v = joint_product(l, a, w, CLM_REAL);
    return variant == CLM_SAGE_AGGREGATED_ROLES ? clm_relu(l->tape, mixture(l, v, seen->gate))
                                                : mixture(l, clm_relu(l->tape, v), seen->gate);
}

clm_tensor *clm_sage_layer(clm_tape *tape, clm_parameters *p, const char *prefix,
                           const clm_sage *sage, const clm_sage_graph *graph, clm_sage_rows x,
                           int number, clm_sage_seen *seen)
{
    if (!x.sparse && !x.dense) return NULL;
    const layer l = {.tape = tape,
                     .p = p,
                     .prefix = prefix,
                     .sage = sage,
                     .graph = graph,
                     .x = x,
                     .in = x.sparse ? x.sparse->columns : x.dense->dim[1],
                     .number = number};
    clm_sage_seen unseen;
    if (!seen) seen = &unseen;
    *seen = (clm_sage_seen){0};
    clm_tensor *shared =
        sage->variant == CLM_SAGE_SHARED
            ? product(&l, input_weight(&l, "w_gate_msg", false, sage->experts, l.in), NULL, CLM_F32)
            : NULL;
    clm_tensor *a = messages(&l, shared, seen);
    return clm_row_normalise(tape, update(&l, a, shared, seen));
}

/* --- the network --- */

clm_sage clm_sage_from(const clm_config *c)
{
    clm_sage sage = {.width = clm_config_int(c, "width"),
                     .layers = clm_config_int(c, "layers"),
                     .experts = clm_config_int(c, "experts"),
                     .top_k = clm_config_int(c, "top_k"),
                     .dropout = clm_config_real(c, "dropout"),
                     .released_roles = clm_config_is(c, "roles", "released"),
                     .target_gate = clm_config_is(c, "gate", "target"),
                     .training_noise = clm_config_is(c, "noise", "training")};
    while (!clm_config_is(c, "variant", clm_sage_variants[sage.variant]))
        sage.variant++;
    return sage;
}

/* A linear map of rows, those of nodes or of graphs. */
static clm_tensor *linear(clm_tape *tape, clm_parameters *p, const char *name, clm_tensor *x,
                          clm_tensor *live, int64_t columns)
{
    if (!x) return NULL;
    const double bound = 1 / sqrt((double)x->dim[1]);
    clm_scope *scope = clm_tape_scope(tape);
    const int w = clm_parameter(p, clm_text(scope, "%s.w", name), true, CLM_INIT_UNIFORM, bound,
                                CLM_DIMS(1, x->dim[1], columns));
    const int b = clm_parameter(p, clm_text(scope, "%s.b", name), false, CLM_INIT_UNIFORM, bound,
                                CLM_DIMS(1, columns));
    return clm_grouped_gemm(tape, x, (clm_rows){0}, clm_weight(tape, w), clm_weight(tape, b), live,
                            x->dim[0]);
}

clm_tensor *clm_sage_network(clm_tape *tape, clm_parameters *p, const clm_config *config,
                             const clm_task_inputs *in, clm_tensor **balance, clm_task_seen *seen)
{
    const clm_sage sage = clm_sage_from(config);
    const clm_packed_edges *hop = &in->hop[0];
    const clm_sage_graph graph = {
        .nodes = in->nodes,
        .live = in->live,
        .edges = clm_mean_edges_new(tape, hop->row_ptr, hop->src, hop->t_row_ptr, hop->dst),
        .roles = in->roles};
    clm_sage_rows x = {in->sparse.row_ptr ? &in->sparse : NULL, in->dense};
    (void)seen;
    *balance = NULL;
    for (int i = 0; i < sage.layers; i++) {
        const char *prefix = clm_text(clm_tape_scope(tape), "layer.%d.", i);
        clm_tensor *y = clm_sage_layer(tape, p, prefix, &sage, &graph, x, i, NULL);
        x = (clm_sage_rows){.dense = clm_dropout(tape, clm_relu(tape, y), sage.dropout, i)};
    }
    clm_tensor *h = x.dense, *live = in->live;
    if (in->graphs) {
        h = clm_graph_pool(tape, h, in->graph_ptr, in->graph_of, true);
        live = clm_input_i32(tape, "all graphs", (int32_t[]){0, (int32_t)in->graphs}, CLM_DIMS(2));
    }
    h = linear(tape, p, "head", clm_cast(tape, h, CLM_F32), live, sage.width);
    return linear(tape, p, "out", clm_dropout(tape, h, sage.dropout, sage.layers), live,
                  in->outputs);
}
