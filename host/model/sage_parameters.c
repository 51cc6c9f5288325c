#include "model/sage_parameters.h"

#include "base/status.h"
#include "model/sage.h"
#include "model/shared_parameters.h"

static const clm_parameter_spec
    width = {"width", "hidden width D", CLM_INTEGER, "32", 1, 4096, NULL},
    lr = {"lr", "learning rate of Adam", CLM_NUMBER, "0.001", 0, 10, NULL},
    weight_decay =
        {"weight_decay", "added to the gradient, times the weight", CLM_NUMBER, "5e-3", 0, 1, NULL},
    dropout = {"dropout", "rate after each layer and inside the head", CLM_NUMBER, "0", 0, 0.99,
               NULL},
    epochs = {"epochs", "passes over the training nodes or graphs", CLM_INTEGER, "300", 1, 1000000,
              NULL},
    score_every =
        {"score_every", "epochs from one validation to the next", CLM_INTEGER, "10", 1, 1000000,
         NULL},
    variant = {"variant",
               "where experts are and what weights them; none: GraphSAGE",
               CLM_CHOICE,
               "none",
               0,
               0,
               clm_sage_variants},
    experts = {"experts", "experts E of a layer, or structural roles", CLM_INTEGER, "4", 1, 256,
               NULL},
    top_k = {"top_k",     "experts K that aggregated_noisy_topk chooses for a batch",
             CLM_INTEGER, "4",
             1,           8,
             NULL},
    roles = {"roles",
             "sum over all roles, or as released: the first one twice and the last one never",
             CLM_CHOICE,
             "corrected",
             0,
             0,
             (const char *const[]){"corrected", "released", NULL}},
    gate = {"gate",
            "which end of an edge weights the experts of its message: as released, or as reported",
            CLM_CHOICE,
            "source",
            0,
            0,
            (const char *const[]){"source", "target", NULL}},
    noise = {"noise",
             "of aggregated_noisy_topk, drawn always as released, or only in training",
             CLM_CHOICE,
             "always",
             0,
             0,
             (const char *const[]){"always", "training", NULL}};

const clm_parameter_spec *const clm_sage_parameters[] = {&width,
                                                         &clm_parameter_layers,
                                                         &lr,
                                                         &weight_decay,
                                                         &dropout,
                                                         &epochs,
                                                         &score_every,
                                                         &clm_parameter_patience,
                                                         &clm_parameter_batch,
                                                         &clm_parameter_seed,
                                                         &clm_parameter_precision,
                                                         &variant,
                                                         &experts,
                                                         &top_k,
                                                         &roles,
                                                         &gate,
                                                         &noise,
                                                         NULL};

const clm_data_default clm_sage_on_data[] = {
    {"cora", "lr", "0.01"}, {"cora", "dropout", "0.5"}, {NULL, NULL, NULL}};

clm_status clm_check_sage(const clm_config *c)
{
    return clm_config_is(c, "variant", "aggregated_noisy_topk") ? clm_check_top_k(c) : CLM_OK;
}

int clm_sage_roles(const clm_config *c)
{
    const bool read = clm_config_is(c, "variant", "message_roles") ||
                      clm_config_is(c, "variant", "aggregated_roles");
    return read ? clm_config_int(c, "experts") : 0;
}
