#include "model/gmoe.h"

#include "base/text.h"
#include "cl/add/add.h"
#include "cl/cast/cast.h"
#include "cl/dropout/dropout.h"
#include "cl/embedding_sum/embedding_sum.h"
#include "cl/graph_pool/graph_pool.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/relu/relu.h"
#include "model/gmoe_experts.h"

#include <math.h>

clm_gmoe clm_gmoe_from(const clm_config *c)
{
    return (clm_gmoe){.width = clm_config_int(c, "width"),
                      .layers = clm_config_int(c, "layers"),
                      .experts = clm_config_int(c, "experts"),
                      .hop1 = clm_config_int(c, "hop1"),
                      .top_k = clm_config_int(c, "top_k"),
                      .gin = clm_config_is(c, "kind", "gin"),
                      .mean = clm_config_is(c, "combine", "mean"),
                      .sparse = clm_config_is(c, "dispatch", "sparse"),
                      .norm_routed = clm_config_is(c, "norm_rows", "routed"),
                      .dropout = clm_config_real(c, "dropout"),
                      .coef = clm_config_real(c, "coef")};
}

static clm_tensor *weight(clm_tape *tape, clm_parameters *p, const char *prefix, const char *name,
                          bool transposed, clm_init init, double bound, int rank,
                          const int64_t *dim)
{
    const char *full = clm_text(clm_tape_scope(tape), "%s%s", prefix, name);
    return clm_weight(tape, clm_parameter(p, full, transposed, init, bound, rank, dim));
}

/* The gate in f32 whatever the precision: which experts come first hangs on small differences. */
static clm_gating record_gate(clm_tape *tape, clm_parameters *p, const char *prefix,
                              const clm_gmoe *gmoe, const clm_gmoe_graph *graph, clm_tensor *x,
                              int layer)
{
    static const char *const name[2] = {"w_gate", "w_noise"};
    clm_tensor *z = clm_cast(tape, x, CLM_F32), *score[2];
    for (int i = 0; i < 2; i++)
        score[i] = clm_grouped_gemm(tape, z, (clm_rows){0},
                                    weight(tape, p, prefix, name[i], false, CLM_INIT_CONSTANT, 0,
                                           CLM_DIMS(1, gmoe->width, gmoe->experts)),
                                    NULL, graph->live, graph->nodes);
    return clm_noisy_gate(tape, score[0], score[1], graph->noise, layer, gmoe->top_k, graph->live);
}

clm_tensor *clm_gmoe_layer(clm_tape *tape, clm_parameters *p, const char *prefix,
                           const clm_gmoe *gmoe, const clm_gmoe_graph *graph, clm_tensor *x,
                           int layer, clm_gating *gate, clm_task_seen *seen)
{
    *gate = (clm_gating){0};
    if (!x) return NULL;
    if (gmoe->experts > 1) *gate = record_gate(tape, p, prefix, gmoe, graph, x, layer);
    if (seen) seen->routing = gate->routing;
    const clm_gmoe_experts experts = {tape, p, prefix, gmoe, graph, gate, seen};
    return clm_gmoe_mixture(&experts, x);
}

/* --- the network --- */

/* Rows of a stacked table drawn as xavier_uniform draws tables of their own. */
void clm_gmoe_scale_tables(float *value, const clm_categories *of, int64_t width, int64_t columns)
{
    for (int32_t f = 0; f < of->fields; f++) {
        const float bound = (float)sqrt(6.0 / (double)(of->size[f] + width));
        for (int64_t i = 0; i < of->size[f] * columns; i++)
            *value++ *= bound;
    }
}

/* h0 [N, D]: embeddings of the categories of nodes, or a linear map of their features, without bias:
 * the first layer has one. */
static clm_tensor *input(clm_tape *tape, clm_parameters *p, const clm_task_inputs *in, int64_t d)
{
    if (in->category) {
        const size_t before = clm_parameters_count(p);
        const int index =
            clm_parameter(p, "atom", false, CLM_INIT_UNIFORM, 1, CLM_DIMS(in->category_rows, d));
        if (index == (int)before)
            clm_gmoe_scale_tables(clm_parameter_values(p, index), in->categories, d, d);
        return clm_embedding_sum(tape, in->category, clm_weight(tape, index), in->live);
    }
    const int64_t f = in->dense ? in->dense->dim[1] : in->sparse.columns;
    clm_tensor *w =
        weight(tape, p, "", "input", true, CLM_INIT_UNIFORM, 1 / sqrt((double)f), in->dense ? 3 : 2,
               in->dense ? (const int64_t[]){1, f, d} : (const int64_t[]){f, d});
    if (!in->dense) return clm_cast(tape, clm_spmm(tape, &in->sparse, w), CLM_REAL);
    return clm_grouped_gemm(tape, clm_cast(tape, in->dense, CLM_REAL), (clm_rows){0}, w, NULL,
                            in->live, in->nodes);
}

static clm_tensor *head(clm_tape *tape, clm_parameters *p, const clm_task_inputs *in, clm_tensor *h,
                        int64_t d)
{
    const double bound = 1 / sqrt((double)d);
    const int64_t rows = in->graphs ? in->graphs : in->nodes;
    clm_tensor *offsets = in->live;
    if (in->graphs) {
        const int32_t all[2] = {0, (int32_t)rows};
        h = clm_graph_pool(tape, h, in->graph_ptr, in->graph_of, false);
        offsets = clm_input_i32(tape, "all graphs", all, CLM_DIMS(2));
    }
    return clm_grouped_gemm(
        tape, clm_cast(tape, h, CLM_F32), (clm_rows){0},
        weight(tape, p, "", "out.w", true, CLM_INIT_UNIFORM, bound, CLM_DIMS(1, d, in->outputs)),
        weight(tape, p, "", "out.b", false, CLM_INIT_UNIFORM, bound, CLM_DIMS(1, in->outputs)),
        offsets, rows);
}

clm_tensor *clm_gmoe_network(clm_tape *tape, clm_parameters *p, const clm_config *config,
                             const clm_task_inputs *in, clm_tensor **balance, clm_task_seen *seen)
{
    const clm_gmoe gmoe = clm_gmoe_from(config);
    const double share = gmoe.coef / gmoe.layers;
    const clm_gmoe_graph graph = {.nodes = in->nodes,
                                  .live = in->live,
                                  .hop = {in->hop[0], in->hop[1]},
                                  .bonds = {in->bonds[0], in->bonds[1]}};
    clm_tensor *h = input(tape, p, in, gmoe.width);
    *balance = NULL;
    for (int l = 0; l < gmoe.layers; l++) {
        clm_gating gate;
        const char *prefix = clm_text(clm_tape_scope(tape), "layer.%d.", l);
        h = clm_gmoe_layer(tape, p, prefix, &gmoe, &graph, h, l, &gate, seen);
        if (l < gmoe.layers - 1) h = clm_relu(tape, h);
        h = clm_dropout(tape, h, gmoe.dropout, l);
        clm_tensor *loss = gate.use.balance;
        if (loss && *balance)
            *balance = clm_add(tape, 2, (clm_tensor *[]){*balance, loss}, (double[]){1, share});
        else if (loss)
            *balance = clm_add(tape, 1, &loss, &share);
    }
    return head(tape, p, in, h, gmoe.width);
}
