#include "model/shared_parameters.h"

const clm_parameter_spec
    clm_parameter_layers = {"layers", "graph layers L", CLM_INTEGER, "2", 1, 64, NULL},
    clm_parameter_weight_decay =
        {"weight_decay", "added to the gradient, times the weight", CLM_NUMBER, "0", 0, 1, NULL},
    clm_parameter_patience =
        {"patience",  "stop after so many epochs without a better validation score; 0: never",
         CLM_INTEGER, "0",
         0,           1000000,
         NULL},
    clm_parameter_seed = {"seed",      "of splits, weights, masks, dropout and negatives",
                          CLM_INTEGER, "0",
                          0,           2147483647,
                          NULL},
    clm_parameter_precision = {"precision",
                               "of storage and products",
                               CLM_CHOICE,
                               "f32",
                               0,
                               0,
                               (const char *const[]){"f32", "bf16", "f16", NULL}},
    clm_parameter_batch = {"batch",     "graphs of a step B (one graph is trained whole)",
                           CLM_INTEGER, "32",
                           1,           65536,
                           NULL},
    clm_parameter_score_every = {
        "score_every", "epochs from one validation to the next", CLM_INTEGER, "1", 1, 1000000,
        NULL};

clm_type clm_storage_type(const clm_config *config)
{
    return clm_config_is(config, "precision", "bf16")  ? CLM_BF16
           : clm_config_is(config, "precision", "f16") ? CLM_F16
                                                       : CLM_F32;
}

clm_status clm_check_top_k(const clm_config *config)
{
    const int experts = clm_config_int(config, "experts"), top_k = clm_config_int(config, "top_k");
    if (top_k <= experts) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "top_k=%d exceeds experts=%d", top_k, experts);
    clm_error_advice("top_k of at most %d, or more experts", experts);
    return CLM_FAIL;
}
