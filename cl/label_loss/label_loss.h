/* label_loss: mean losses of scores over the labels there are.
 *
 *   score    [P]  f32  any shape, read flat: [graphs, tasks]
 *   label    [P]  f32  NaN: missing, left out
 *   loss     [1]  f32  mean over the labels that are not missing; 0 where every one is
 *   counted  [1]  f32  labels that are not missing, for the backward pass
 *
 * bce_loss: binary cross-entropy of logits s and labels y, 0 or 1 (or a probability):
 *   max(s, 0) - s y + log(1 + e^-|s|), the form of PyTorch's BCEWithLogitsLoss, which neither
 *   overflows nor cancels; backward dscore = dloss (1 / (1 + e^-s) - y) / counted.
 * mse_loss: squared error (s - y)^2; backward dscore = 2 dloss (s - y) / counted.
 * dscore is 0 at missing labels.
 *
 * Cost     bce_loss 7 P flop, mse_loss 3 P; 8 P bytes; backward 5 P and 2 P flop; 12 P bytes
 * Source   none: common knowledge */
#ifndef CL_LABEL_LOSS_LABEL_LOSS_H
#define CL_LABEL_LOSS_LABEL_LOSS_H

#include "nn/tape.h"

/* Record the loss [1]. Differentiable in score. */
clm_tensor *clm_bce_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label);
clm_tensor *clm_mse_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label);

#endif
