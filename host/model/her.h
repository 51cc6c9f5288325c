/* HGT, SeparatedMoE and SharedMoE (Homogeneous Expert Routing): one network with switches.
 *
 *   x0 = input projection, one per node type
 *   per layer:  x = LN(Drop(HGT(x)))            Hu et al., WWW 2020, eqs. 1-6
 *               x = LN(MoE(x) + x)              Shakirov & Arakelov 2025, eqs. 8-16
 *
 * Relation matrices, priors and 1/sqrt(D/H) are folded into the key and value projections of each
 * relation, so that attention reads ready rows and every dense product is a grouped GEMM. */
#ifndef CLM_MODEL_HER_H
#define CLM_MODEL_HER_H

#include "cl/router/router.h"
#include "model/config.h"
#include "model/graph_inputs.h"

typedef enum clm_mixture { CLM_NO_MIXTURE, CLM_SHARED_MIXTURE, CLM_SEPARATED_MIXTURE } clm_mixture;
typedef enum clm_fusion {
    CLM_FUSION_NONE,
    CLM_FUSION_ADD,
    CLM_FUSION_CONCAT,
    CLM_FUSION_GATED
} clm_fusion;

typedef struct clm_her {
    int width, layers, heads;
    bool gated_update, layer_norm;
    double dropout;
    clm_mixture mixture;
    int experts, top_k, expert_width;
    bool renormalise, moe_residual;
    clm_fusion fusion;
    double p;            /* masking rate while training */
    double infer_factor; /* factor of the type embedding at inference */
} clm_her;

/* From the resolved parameters of hgt, separated_moe or shared_moe. */
clm_her clm_her_from(const clm_config *config);

/* What tests and golden files look at besides the result; null where a model has it not. */
typedef struct clm_her_seen {
    clm_tensor *alpha, *aggregated; /* of the last HGT layer: [M, H], [N, D] */
    clm_tensor *z;                  /* input of the last mixture [N, D] */
    clm_routing routing;            /* of the last mixture */
} clm_her_seen;

/* Records x0 [N, D]: x_in W_in[type] + b[type]. */
clm_tensor *clm_her_input(clm_tape *tape, clm_parameters *parameters, const clm_graph_inputs *in,
                          int width);

/* Records one HGT layer without dropout and norm: x [N, D] -> [N, D]. Parameter names begin with
 * `prefix`. */
clm_tensor *clm_hgt_layer(clm_tape *tape, clm_parameters *parameters, const char *prefix,
                          const clm_her *her, const clm_graph_inputs *in,
                          const clm_message_graph *graph, clm_tensor *x, clm_her_seen *seen);

/* Records one mixture: h [N, D] -> y [N, D] (plus `init` when not null) and its balance loss [1]
 * (null outside training). `mask` [N]: given mask of the type embeddings, null: drawn by the
 * rules of `her`. `layer` numbers the draws. */
clm_tensor *clm_moe_layer(clm_tape *tape, clm_parameters *parameters, const char *prefix,
                          const clm_her *her, const clm_graph_inputs *in, clm_tensor *h,
                          clm_tensor *init, clm_tensor *mask, int layer, clm_tensor **balance,
                          clm_her_seen *seen);

/* Records all layers: x0 -> embeddings [N, D]; `balance` is the mean over layers of the balance
 * losses (null when there is none). `mask` may be null or hold one given mask per layer. */
clm_tensor *clm_her_layers(clm_tape *tape, clm_parameters *parameters, const clm_her *her,
                           const clm_graph_inputs *in, clm_tensor *x0, clm_tensor *const *mask,
                           clm_tensor **balance, clm_her_seen *seen);

/* The whole network of hgt, separated_moe or shared_moe up to the embeddings, from its
 * parameters. */
clm_tensor *clm_her_network(clm_tape *tape, clm_parameters *parameters, const clm_config *config,
                            const clm_graph_inputs *in, clm_tensor **balance, clm_her_seen *seen);

/* Records the bilinear decoder of embeddings h: scores h[first_u + u[i]] W_dec h[v[i]] of pairs,
 * u counted from the first node of the start type (first_u, count_u), v over all nodes. */
clm_tensor *clm_bilinear_scores(clm_tape *tape, clm_parameters *parameters, clm_tensor *h,
                                int32_t first_u, int32_t count_u, clm_tensor *u, clm_tensor *v);

#endif
