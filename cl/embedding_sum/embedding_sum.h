/* embedding_sum: sums of rows of a table, as many for each output row, as encoders of several
 * categories have them: the tables of all categories are one, their rows stacked.
 *
 *   index   [N, A]  i32   rows of the table, in [0, V)
 *   table   [V, D]  f32
 *   live    [L]     i32   offsets of which the last is the number of rows that there are; others
 *                         are left alone. Null: all
 *   y       [N, D]  real  y[n] = sum_a table[index[n, a]]
 *
 * embedding_sum_backward: dtable [V, D], dtable[v] = sum of dy[n] over all (n, a) with index[n, a]
 * == v. Without atomics: parts of the rows are added up into tables of their own in `partial`
 * [P, B], a second pass adds those in order.
 *
 * Cost     N A D flop; bytes of all operands but partial
 * Source   none: common knowledge */
#ifndef CLM_CL_EMBEDDING_SUM_H
#define CLM_CL_EMBEDDING_SUM_H

#include "nn/tape.h"

/* Records y [N, D]; live may be null. Differentiable in the table. */
clm_tensor *clm_embedding_sum(clm_tape *tape, clm_tensor *index, clm_tensor *table,
                              clm_tensor *live);

#endif
