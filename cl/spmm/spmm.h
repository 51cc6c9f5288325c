/* spmm: product of a sparse matrix in compressed rows with a dense one.
 *
 *   row_ptr  [N + 1]  i32  entries of each row; row_ptr[0] == 0, row_ptr[N] == Z
 *   col      [Z]      i32  column of an entry, in [0, F)
 *   val      [Z]      f32  value of an entry
 *   w        [F, D]   f32  dense factor
 *   y        [N, D]   f32  y[n] = sum_{j in row n} val[j] w[col[j]]; zero where a row is empty
 *
 * The first layer on bag-of-words features: [N, F] with F in the thousands and 1 % of entries would
 * be mostly zeros as a dense matrix. Differentiable in w through the transposed matrix, which the
 * host makes once: dw = x^T dy is a spmm too.
 *
 * Cost     2 Z D flop; 4 (2 Z + N + F D + N D) bytes
 * Source   rows cut by equal work: Merrill & Garland, Merge-based Parallel Sparse Matrix-Vector
 *          Multiplication, SC 2016 */
#ifndef CLM_CL_SPMM_H
#define CLM_CL_SPMM_H

#include "nn/tape.h"

/* A constant sparse matrix [rows, columns] in compressed rows, and its transpose in compressed
 * rows. */
typedef struct clm_sparse {
    int64_t rows, columns;
    clm_tensor *row_ptr, *col, *val;       /* [rows + 1], [Z], [Z] */
    clm_tensor *t_row_ptr, *t_col, *t_val; /* [columns + 1], [Z], [Z]; null: w gets no gradient */
} clm_sparse;

/* Records y = x w, w [columns, D]. Returns y [rows, D]. */
clm_tensor *clm_spmm(clm_tape *tape, const clm_sparse *x, clm_tensor *w);

#endif
