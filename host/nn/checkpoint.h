/* Checkpoint: the parameters of a model as safetensors, named and laid out as PyTorch users have
 * them. */
#ifndef CLM_NN_CHECKPOINT_H
#define CLM_NN_CHECKPOINT_H

#include "nn/parameters.h"
#include "nn/safetensors.h"

/* Fills in the host values of all parameters from tensors named `prefix` + name. Errors name what
 * is missing or has another shape. Call before clm_parameters_allocate, or clm_parameters_upload
 * afterwards. */
clm_status clm_checkpoint_load(clm_parameters *parameters, const clm_safetensors *file,
                               const char *prefix);

/* What an arena is read as: weights, their gradients, statistics, in files. `values` holds an
 * arena's elements in the order of clm_parameter_offset; the tensors are appended to `file` under
 * `prefix` + name. */
void clm_checkpoint_add(clm_scope *scope, const clm_parameters *parameters, const float *values,
                        const char *prefix, clm_safetensors *file);
void clm_checkpoint_add_statistics(clm_scope *scope, const clm_parameters *parameters,
                                   const float *values, const char *prefix, clm_safetensors *file);

#endif
