#ifndef CLM_NN_PICK_ROWS_H
#define CLM_NN_PICK_ROWS_H

#include "cl/grouped_gemm/grouped_gemm.h"
#include "nn/tape.h"

/* The segments of rows that collect from one row each: [rows + 1]. */
clm_tensor *clm_rows_each(clm_tape *tape, int64_t rows);

/* Records y[r] = x[rows.index[r]], [Y, C] of x [N, C]. Differentiable in x by the way back: a row
 * collects its gradient from whoever read it, no atomics. */
clm_tensor *clm_pick_rows(clm_tape *tape, clm_tensor *x, const clm_rows *rows);

#endif
