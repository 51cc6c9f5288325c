/* HGT: the heterogeneous graph transformer without a mixture (Hu et al., WWW 2020). */
#include "model/her_parameters.h"
#include "model/link.h"

static const clm_parameter_spec *const parameters[] = {CLM_TRAINED_PARAMETERS, CLM_GRAPH_PARAMETERS,
                                                       NULL};

const clm_model clm_model_hgt = {
    .name = "hgt",
    .about = "heterogeneous graph transformer, no experts",
    .paper = "Hu, Dong, Wang, Sun: Heterogeneous Graph Transformer, WWW 2020",
    .parameters = parameters,
    .check = clm_check_heads,
    .run = clm_link_run,
    .forward = clm_link_forward,
    .plan = clm_link_plan,
    .needs_device = true,
    .network = clm_her_network,
    .reads_edges = true,
};
