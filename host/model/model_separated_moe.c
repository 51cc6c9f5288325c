/* SeparatedMoE: HGT with a pool of experts and a router of its own for every node type. */
#include "model/her_parameters.h"
#include "model/link.h"

static const clm_parameter_spec *const parameters[] = {CLM_TRAINED_PARAMETERS, CLM_GRAPH_PARAMETERS,
                                                       CLM_MIXTURE_PARAMETERS, NULL};

const clm_model clm_model_separated_moe = {
    .name = "separated_moe",
    .about = "HGT, then a mixture of experts per node type",
    .paper =
        "Shakirov, Arakelov: Homogeneous Expert Routing, arXiv 2511.07603v1 (withdrawn), baseline",
    .parameters = parameters,
    .check = clm_check_mixture,
    .run = clm_link_run,
    .forward = clm_link_forward,
    .plan = clm_link_plan,
    .needs_device = true,
    .network = clm_her_network,
    .reads_edges = true,
};
