/* adam: one optimiser step over all parameters at once.
 *
 *   parameter      [N]  f32  updated in place
 *   first, second  [N]  f32  moments m and v, updated in place
 *   gradient       [N]  f32
 *   step           [8]  i32  t - 1 and the bits of the learning rate (nn/tape.h)
 *   skip           [1]  i32  not 0: nothing is changed; null: 0 (cl/loss_scale)
 *
 *   g = gradient + weight_decay p;  m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2
 *   p = p - rate (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.999^t)) + 1e-8)
 *
 * Cost     15 N flop; 28 N bytes
 * Source   Kingma and Ba, Adam, ICLR 2015, algorithm 1; weight decay is added to the gradient */
#ifndef CL_ADAM_ADAM_H
#define CL_ADAM_ADAM_H

#include "nn/tape.h"

/* Records the update of every parameter. After clm_tape_backward. */
void clm_adam(clm_tape *tape, clm_parameters *parameters, double weight_decay);

#endif
