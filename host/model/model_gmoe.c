/* GMoE: mixtures of GCN or GIN experts; experts=1 is the plain GCN or GIN (model/gmoe.h). */
#include "model/gmoe.h"
#include "model/gmoe_parameters.h"

const clm_model clm_model_gmoe = {
    .name = "gmoe",
    .about = "graph convolutions as mixtures of experts with a noisy gate (GCN, GIN: experts=1)",
    .paper = "Wang et al.: Graph Mixture of Experts, NeurIPS 2023, arXiv 2304.02806",
    .parameters = clm_gmoe_parameters,
    .check = clm_check_gmoe,
    .run = clm_task_run,
    .forward = clm_task_forward,
    .plan = clm_task_plan,
    .needs_device = true,
    .predictor = clm_gmoe_network,
    .reads_edges = true,
};
