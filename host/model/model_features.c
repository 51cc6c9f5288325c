/* features: input projection and bilinear decoder, no graph at all. The baseline that shows how
 * much of the answer the published features already contain. */
#include "model/her_parameters.h"
#include "model/link.h"

static clm_tensor *network(clm_tape *tape, clm_parameters *parameters, const clm_config *config,
                           const clm_graph_inputs *in, clm_tensor **balance, clm_her_seen *seen)
{
    (void)seen;
    *balance = NULL;
    return clm_her_input(tape, parameters, in, clm_config_int(config, "width"));
}

static const clm_parameter_spec *const parameters[] = {CLM_TRAINED_PARAMETERS, NULL};

const clm_model clm_model_features = {
    .name = "features",
    .about = "baseline without a graph: input projection and bilinear decoder",
    .parameters = parameters,
    .run = clm_link_run,
    .forward = clm_link_forward,
    .plan = clm_link_plan,
    .needs_device = true,
    .network = network,
    .reads_edges = false,
};
