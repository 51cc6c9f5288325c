/* Parameters of models that have little else in common. */
#ifndef CLM_MODEL_SHARED_PARAMETERS_H
#define CLM_MODEL_SHARED_PARAMETERS_H

#include "model/config.h"
#include "op/tensor.h"

extern const clm_parameter_spec clm_parameter_layers, clm_parameter_weight_decay,
    clm_parameter_patience, clm_parameter_seed, clm_parameter_precision;

/* Of models whose run is clm_task_run; besides, it asks for epochs, patience, seed, lr, weight_decay
 * and precision, and for drop_node where a model has it. */
extern const clm_parameter_spec clm_parameter_batch, clm_parameter_score_every;

/* Of the parameter precision. */
clm_type clm_storage_type(const clm_config *config);

/* K <= E. */
clm_status clm_check_top_k(const clm_config *config);

#endif
