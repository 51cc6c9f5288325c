#ifndef CLM_CL_ROW_DOT_H
#define CLM_CL_ROW_DOT_H

#include "nn/tape.h"

/* row_dot: dot products of pairs of rows, out[s] = a[ai(s), :] . b[bi(s), :]; with it the gradients
 * of gates are taken, dgate[n, j] = dy[n, :] . y2[slot[n, j], :].
 *
 *   a        [A, D]  real
 *   a_index  [S]     i32  ai(s), in [0, A); null: s / divide
 *   b        [B, D]  real
 *   b_index  [S]     i32  bi(s), below B; negative: no row, the dot product is 0; null: s
 *   out      [S]     f32  of the shape `dim` with `rank` dimensions and `rows` = S elements
 *
 * Not differentiable.
 *
 * Cost     2 S D flop; 4 (A D + B D + S) bytes, and 4 S for each index */
clm_tensor *clm_row_dot(clm_tape *tape, clm_tensor *a, clm_tensor *a_index, int divide,
                        clm_tensor *b, clm_tensor *b_index, int64_t rows, int rank,
                        const int64_t *dim);

#endif
