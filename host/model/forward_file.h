/* What `clmoe forward` reads and writes, whatever a model predicts. */
#ifndef CLM_MODEL_FORWARD_FILE_H
#define CLM_MODEL_FORWARD_FILE_H

#include "model/model.h"
#include "nn/checkpoint.h"

/* Takes the weights of forward->checkpoint; without one, adds param.* to the file. */
clm_status clm_forward_weights(clm_scope *scope, const clm_forward *forward,
                               clm_parameters *parameters, clm_safetensors *file);

/* Adds a tensor of a tape that has run. */
clm_status clm_forward_tensor(clm_scope *scope, clm_safetensors *file, const char *name,
                              clm_tape *tape, const clm_tensor *tensor);

/* Adds a list of ids (copied). */
void clm_forward_ids(clm_scope *scope, clm_safetensors *file, const char *name, const int32_t *id,
                     int32_t count);

/* Where they are wanted, runs the first training step, with a learning rate of zero, and adds
 * out.loss and grad.param.*. Running statistics change: it comes last. */
clm_status clm_forward_gradients(clm_scope *scope, const clm_forward *forward, clm_tape *train,
                                 const clm_tensor *loss, clm_safetensors *file);

#endif
