/* batch_norm: columns normalised to mean 0 and variance 1 over the rows of a group, then scaled and
 * shifted, optionally followed by relu.
 *
 *   x                  [R, C]   real
 *   offsets            [G + 1]  i32  rows offsets[g] ... offsets[g + 1] - 1 are group g; rows
 *                                    outside stay as they are in y
 *   w, b               [G C]    f32  scale and shift of each group and column
 *   mean_estimate,     [G C]    f32  running statistics: training adds a tenth of the difference
 *   variance_estimate                to the mean and the unbiased variance of the rows; a group
 *                                    without rows leaves both, one of a single row the variance
 *   y                  [R, C]   real (x - mean) rstd w + b
 *   mean, rstd         [G C]    f32  of the rows; rstd = 1 / sqrt(variance + 1e-5), biased
 *                                    variance; 0 for a group without rows
 *
 * batch_norm_backward: dx, dw, db from x, w, b, offsets, dy, mean and rstd.
 * batch_norm_evaluate: y by the running statistics instead of the rows' own; no gradient.
 *
 * Cost     9 R C flop; 4 (2 R C + 8 G C) bytes in f32
 *          backward 13 R C flop; 4 (3 R C + 6 G C) bytes; evaluation 4 R C flop
 * Source   Ioffe and Szegedy, Batch normalization, ICML 2015, algorithm 1 */
#ifndef CL_BATCH_NORM_BATCH_NORM_H
#define CL_BATCH_NORM_BATCH_NORM_H

#include "nn/tape.h"

/* What a batch norm keeps, of G C elements in any shape: [E, D] serves E groups of D columns as
 * well as one group of E D. */
typedef struct clm_norm {
    clm_tensor *w, *b, *mean, *variance;
} clm_norm;

/* Parameters <name>.w (ones), <name>.b (zeros) and statistics <name>.mean (zeros),
 * <name>.variance (ones) of shape [groups, columns], of the tape's store. */
clm_norm clm_norm_new(clm_tape *tape, const char *name, int64_t groups, int64_t columns);

/* Records y [R, C]. A tape that is training normalises by the rows and updates the running
 * statistics, differentiable in x, w and b; another one normalises by the running statistics.
 * `offsets` of a batch is its clm_graph_batch.live. */
clm_tensor *clm_batch_norm(clm_tape *tape, clm_tensor *x, clm_tensor *offsets, const clm_norm *norm,
                           bool relu);

#endif
