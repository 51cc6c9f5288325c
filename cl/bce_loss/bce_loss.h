/* bce_loss: mean binary cross-entropy of logits over the labels there are.
 *
 *   score    [P]  f32  logits; any shape, read flat: [graphs, tasks]
 *   label    [P]  f32  0 or 1 (or a probability); NaN: missing, left out
 *   loss     [1]  f32  mean of max(s, 0) - s y + log(1 + e^-|s|); 0 where every label is missing
 *   counted  [1]  f32  labels that are not missing, for the backward pass
 *
 * bce_loss_backward: dscore = dloss (1 / (1 + e^-s) - y) / counted, 0 at missing labels.
 *
 * Cost     7 P flop; 8 P bytes; backward 5 P flop; 12 P bytes
 * The form is the one of PyTorch's BCEWithLogitsLoss: it neither overflows nor cancels. */
#ifndef CL_BCE_LOSS_BCE_LOSS_H
#define CL_BCE_LOSS_BCE_LOSS_H

#include "nn/tape.h"

/* Records the loss [1]. Differentiable in score. */
clm_tensor *clm_bce_loss(clm_tape *tape, clm_tensor *score, clm_tensor *label);

#endif
