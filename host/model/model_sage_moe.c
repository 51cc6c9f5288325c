/* GraphSAGE-MoE and, with variant=none, GraphSAGE (model/sage.h). Graphs without a published split,
 * such as those of ENZYMES, are shuffled, by seed: the first 80 % train, the others both choose the
 * epoch and are what is reported, as in the released code. On nodes with a published split the
 * report's test accuracy is that of the validation part: accuracy_val of the best epoch, accuracy_last
 * of the last one, for the report names no rule; accuracy_test is that of the test part. */
#include "model/sage.h"
#include "model/sage_parameters.h"

const clm_model clm_model_sage_moe = {
    .name = "sage_moe",
    .about = "GraphSAGE with mixtures of experts in messages or updates (variant=none: GraphSAGE)",
    .paper = "GraphSAGE-MoE, course report 2019; Hamilton, Ying, Leskovec, NeurIPS 2017",
    .parameters = clm_sage_parameters,
    .on_data = clm_sage_on_data,
    .check = clm_check_sage,
    .run = clm_task_run,
    .forward = clm_task_forward,
    .plan = clm_task_plan,
    .needs_device = true,
    .predictor = clm_sage_network,
    .roles = clm_sage_roles,
    .reads_edges = true,
};
