#include "model/her_parameters.h"

static const char *const on_off[] = {"on", "off", NULL};

const clm_parameter_spec
    clm_parameter_width = {"width", "hidden width D", CLM_INTEGER, "64", 1, 4096, NULL},
    clm_parameter_lr = {"lr", "learning rate of Adam", CLM_NUMBER, "3e-3", 0, 10, NULL},
    clm_parameter_dropout =
        {"dropout",  "rate after each graph layer (the baseline without layers has none to drop)",
         CLM_NUMBER, "0.2",
         0,          0.99,
         NULL},
    clm_parameter_epochs = {"epochs",    "full-batch steps, each followed by validation",
                            CLM_INTEGER, "100",
                            1,           1000000,
                            NULL},
    clm_parameter_features = {"features",
                              "as published, or recomputed from training edges alone",
                              CLM_CHOICE,
                              "original",
                              0,
                              0,
                              (const char *const[]){"original", "train_only", NULL}},
    clm_parameter_disjoint = {"disjoint",
                              "share of training edges that supervise and leave the message graph",
                              CLM_NUMBER,
                              "0.3",
                              0,
                              0.99,
                              NULL},
    clm_parameter_reverse =
        {"reverse",
         "whether reversed held-out edges leave the message graph (split) or stay (leak)",
         CLM_CHOICE,
         "split",
         0,
         0,
         (const char *const[]){"split", "leak", NULL}},
    clm_parameter_heads = {"heads", "attention heads H", CLM_INTEGER, "4", 1, 64, NULL},
    clm_parameter_update = {"update",
                            "of a node after attention",
                            CLM_CHOICE,
                            "residual",
                            0,
                            0,
                            (const char *const[]){"residual", "gated", NULL}},
    clm_parameter_softmax =
        {"softmax", "over all incoming edges, or per relation",          CLM_CHOICE, "joint", 0,
         0,         (const char *const[]){"joint", "per_relation", NULL}},
    clm_parameter_norm =
        {"norm", "after attention and after the mixture",     CLM_CHOICE, "layer", 0,
         0,      (const char *const[]){"layer", "none", NULL}},
    clm_parameter_experts = {"experts", "experts E in a pool", CLM_INTEGER, "16", 1, 1024, NULL},
    clm_parameter_top_k = {"top_k", "experts per node K", CLM_INTEGER, "4", 1, 8, NULL},
    clm_parameter_expert_width =
        {"expert_width", "inner width W of an expert", CLM_INTEGER, "=2*width", 1, 16384, NULL},
    clm_parameter_balance = {"balance", "weight of the balance loss", CLM_NUMBER, "0.01", 0, 100,
                             NULL},
    clm_parameter_renormalise =
        {"renormalise", "whether the chosen experts' weights sum to 1", CLM_CHOICE, "on", 0, 0,
         on_off},
    clm_parameter_moe_residual = {
        "moe_residual", "whether the mixture adds to its input", CLM_CHOICE, "on", 0, 0, on_off};

clm_status clm_check_heads(const clm_config *config)
{
    const int width = clm_config_int(config, "width"), heads = clm_config_int(config, "heads");
    if (width % heads == 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "width=%d is not a multiple of heads=%d", width, heads);
    clm_error_advice("a width that the heads share evenly, such as width=%d",
                     (width / heads + 1) * heads);
    return CLM_FAIL;
}

clm_status clm_check_mixture(const clm_config *config)
{
    CLM_TRY(clm_check_heads(config));
    return clm_check_top_k(config);
}
