/* Parameters that every model has whose run is clm_task_run; besides, it asks for epochs, patience,
 * seed, lr, weight_decay and precision, and for drop_node where a model has it. */
#ifndef CLM_MODEL_TASK_PARAMETERS_H
#define CLM_MODEL_TASK_PARAMETERS_H

#include "model/config.h"

extern const clm_parameter_spec clm_task_batch, clm_task_score_every;

#endif
