/* mse_loss: mean squared error over the labels there are.
 *
 *   score    [P]  f32  predictions; any shape, read flat: [graphs, tasks]
 *   label    [P]  f32  NaN: missing, left out
 *   loss     [1]  f32  mean of (s - y)^2; 0 where every label is missing
 *   counted  [1]  f32  labels that are not missing, for the backward pass
 *
 * mse_loss_backward: dscore = 2 dloss (s - y) / counted, 0 at missing labels.
 *
 * Cost     3 P flop; 8 P bytes; backward 2 P flop; 12 P bytes
 * Source   none: common knowledge */
#ifndef CL_MSE_LOSS_MSE_LOSS_H
#define CL_MSE_LOSS_MSE_LOSS_H

#include "nn/tape.h"

/* Records the loss [1]. Differentiable in score. */
clm_tensor *clm_mse_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label);

#endif
