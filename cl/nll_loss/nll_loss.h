/* nll_loss: mean negative log-likelihood of classes, log-softmax taken of the logits.
 *
 *   logits   [N, C]  f32  scores of the classes
 *   label    [N]     i32  class of a row, in [0, C); -1: the row does not count
 *   loss     [1]     f32  mean over the rows that count of lse[n] - logits[n, label[n]]; 0 if none
 *   lse      [N]     f32  log of the softmax denominator, of every row, for the backward pass
 *   counted  [1]     f32  rows that count, likewise
 *
 * nll_loss_backward: dlogits[n, c] = dloss (e^(logits[n, c] - lse[n]) - [c = label[n]]) / counted,
 * 0 in rows that do not count.
 *
 * Cost     N (4 C + 2) flop; 4 N (C + 2) bytes; backward 4 N C flop; 4 N (2 C + 2) bytes
 * Source   none: common knowledge */
#ifndef CL_NLL_LOSS_NLL_LOSS_H
#define CL_NLL_LOSS_NLL_LOSS_H

#include "nn/tape.h"

/* Records the loss [1]. Differentiable in logits. */
clm_tensor *clm_nll_loss(clm_tape *tape, clm_tensor *logits, clm_tensor *label);

#endif
