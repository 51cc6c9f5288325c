/* Parameters of the networks of her.h and of their baselines, each with one name and one default. */
#ifndef CLM_MODEL_HER_PARAMETERS_H
#define CLM_MODEL_HER_PARAMETERS_H

#include "model/shared_parameters.h"

extern const clm_parameter_spec clm_parameter_width, clm_parameter_lr, clm_parameter_dropout,
    clm_parameter_epochs, clm_parameter_features, clm_parameter_disjoint, clm_parameter_reverse,
    clm_parameter_heads, clm_parameter_update, clm_parameter_softmax, clm_parameter_norm,
    clm_parameter_experts, clm_parameter_top_k, clm_parameter_expert_width, clm_parameter_balance,
    clm_parameter_renormalise, clm_parameter_moe_residual;

/* The list entries of those that train, of those that read edges, and of the mixtures. */
#define CLM_TRAINED_PARAMETERS                                                                     \
    &clm_parameter_width, &clm_parameter_lr, &clm_parameter_weight_decay, &clm_parameter_dropout,  \
        &clm_parameter_epochs, &clm_parameter_patience, &clm_parameter_seed,                       \
        &clm_parameter_precision, &clm_parameter_features
#define CLM_GRAPH_PARAMETERS                                                                       \
    &clm_parameter_layers, &clm_parameter_disjoint, &clm_parameter_reverse, &clm_parameter_heads,  \
        &clm_parameter_update, &clm_parameter_softmax, &clm_parameter_norm
#define CLM_MIXTURE_PARAMETERS                                                                     \
    &clm_parameter_experts, &clm_parameter_top_k, &clm_parameter_expert_width,                     \
        &clm_parameter_balance, &clm_parameter_renormalise, &clm_parameter_moe_residual

/* Checks of several parameters at once: D a multiple of H; that and K <= E. */
clm_status clm_check_heads(const clm_config *config);
clm_status clm_check_mixture(const clm_config *config);

#endif
