/* SharedMoE: HGT with one pool of experts for all node types and Homogeneous Expert Routing: type
 * embeddings that are masked at random while training. experts=1 top_k=1 expert_width=K*W is the
 * dense network of equal active width. */
#include "model/her_parameters.h"
#include "model/link.h"

static const clm_parameter_spec p = {"p",        "share of type embeddings masked while training",
                                     CLM_NUMBER, "0",
                                     0,          1,
                                     NULL},
                                fusion = {"fusion",
                                          "of hidden state and type embedding",
                                          CLM_CHOICE,
                                          "add",
                                          0,
                                          0,
                                          (const char *const[]){"add", "concat", "gated", NULL}},
                                infer_type = {"infer_type",
                                              "type embedding at inference",
                                              CLM_CHOICE,
                                              "unmasked",
                                              0,
                                              0,
                                              (const char *const[]){"unmasked", "masked_if_p1",
                                                                    "scaled", "always_masked",
                                                                    NULL}};
static const clm_parameter_spec *const parameters[] = {CLM_TRAINED_PARAMETERS,
                                                       CLM_GRAPH_PARAMETERS,
                                                       CLM_MIXTURE_PARAMETERS,
                                                       &p,
                                                       &fusion,
                                                       &infer_type,
                                                       NULL};

const clm_model clm_model_shared_moe = {
    .name = "shared_moe",
    .about = "HGT, then one mixture of experts for all node types (Homogeneous Expert Routing)",
    .paper = "Shakirov, Arakelov: Homogeneous Expert Routing, arXiv 2511.07603v1 (withdrawn)",
    .parameters = parameters,
    .check = clm_check_mixture,
    .run = clm_link_run,
    .forward = clm_link_forward,
    .plan = clm_link_plan,
    .needs_device = true,
    .network = clm_her_network,
    .reads_edges = true,
};
