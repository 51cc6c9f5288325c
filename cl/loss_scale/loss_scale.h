/* loss_scale: takes the factor of the loss out of the gradients again and adapts it.
 *
 *   gradient  [N]     f32  of scale times the loss; divided by scale, in place
 *   scale     [1]     f32  a power of two; halved when a gradient is not finite, doubled after 2000
 *                          steps without one
 *   steps     [1]     i32  steps since the last change of scale
 *   skip      [1]     i32  whether a gradient is not finite: then the step is not to be made
 *   partial   [P, Q]  f32  scratch: number of such gradients by job
 *
 * Gradients of activations are smaller than what half holds, 6e-8, long before they are irrelevant; a
 * factor on the loss moves all of them. All of it happens on the device.
 *
 * Cost     N flop; 8 N bytes
 * Source   Micikevicius et al., Mixed precision training, ICLR 2018, section 3.2 */
#ifndef CL_LOSS_SCALE_LOSS_SCALE_H
#define CL_LOSS_SCALE_LOSS_SCALE_H

#include "nn/tape.h"

/* An input that holds the scale [1], with which the backward pass starts: 2^12 at first. */
clm_tensor *clm_loss_scale_new(clm_tape *tape);

/* Records the division of `gradient` and the change of `scale`. Returns skip [1]. */
clm_tensor *clm_loss_scale(clm_tape *tape, clm_tensor *gradient, clm_tensor *scale);

#endif
