/* grouped_gemm: a product per group of rows, y[i] = act(x[gather[i]] w[g] + bias[g]) * scale *
 * multiply[i] with g the group of row i. The one dense primitive: typed projections, experts,
 * plain products.
 *
 *   x            [X, K]     real rows
 *   w            [G, K, N]  real a matrix of weights per group
 *   bias         [G, N]     f32  null: 0
 *   offsets      [G + 1]    i32  rows of each group, non-decreasing; may be made on the device
 *   gather       [Y]        i32  row of x that row i reads, in [0, X); null: i
 *   scale        [S]        f32  factor of a row; null: 1
 *   scale_index  [Y]        i32  its place in `scale`, in [0, S); null: i
 *   multiply     [Y, N]     real factor of an element; null: 1
 *   y            [Y, N]     real rows outside every group are left alone
 *   slope        [Y, N]     real derivative of the activation, for the backward pass; null: not kept
 *
 * activation is 0 (none) or 1 (GELU with the exact error function).
 *
 * Cost     2 Y K N flop and Y N for each of bias, activation, scale, multiply; bytes of all operands
 * Errors   the variant cpu: CLM_SKIP when K exceeds 4096; mma_3xtf32 and mma_tf32: when rows are not
 *          stored as f32, or K or N is no multiple of 4; mma_bf16: as bf16, of 8
 * Variants mma_3xtf32, on matrix units with the precision of float, is the default where a device has
 *          them; mma_tf32, products rounded to 10 bits, only where it is named; mma_bf16, sums in
 *          float, the default for what is stored in bf16. Neither they nor gpu have run on a GPU
 *          yet: on CPUs, the former emulated (cl/mma.clh)
 * Source   Gale et al., MegaBlocks, MLSys 2023: experts without dropped or padded rows
 *
 * grouped_gemm_weight: gradients of its weights and biases, dw[g] = sum of x[i]^T (scale[i]
 * dy[i]) over the rows i of group g, db[g] = sum of (scale[i] dy[i]); zeros for a group without
 * rows.
 *
 *   x            [X, K]     real rows, picked by x_gather [Y] i32; null: i
 *   dy           [V, N]     real rows, picked by dy_gather [Y] i32; null: i
 *   scale        [S]        f32  as above, with scale_index [Y] i32
 *   offsets      [G + 1]    i32  as above
 *   dw           [G, K, N]  f32
 *   db           [G, N]     f32  null: not computed
 *   partial      [P, A, B]  f32  scratch: sums of the rows that a group has in a chunk; P is at least the
 *                                number of chunks of `chunk` rows plus G - 1, A - 1 a multiple of 16 and
 *                                at least K, B a multiple of 64 and at least N
 *
 * rows is Y; chunk the least number of rows that a device may sum in one piece.
 *
 * Cost     2 Y K N flop and Y N for each of scale, db; bytes of all operands but partial
 * Errors   the variant cpu: CLM_SKIP when K exceeds 1024; the others and variants as above */
#ifndef CLM_CL_GROUPED_GEMM_H
#define CLM_CL_GROUPED_GEMM_H

#include "nn/tape.h"

/* Which row of x each row of y reads. All null: its own. */
typedef struct clm_rows {
    clm_tensor *index;           /* [Y] row of x, in [0, X) */
    clm_tensor *inverse_offsets; /* [X + 1] CSR back: segment of `inverse` of each row of x */
    clm_tensor *inverse;         /* [Y] rows of y, by row of x */
} clm_rows;

/* Records y = x[rows] w + bias by groups, `y_rows` rows; bias may be null. Differentiable in x, w
 * and bias; where rows.index is null, rows of x outside every group must have no use for a
 * gradient. Returns y [y_rows, N]. */
clm_tensor *clm_grouped_gemm(clm_tape *tape, clm_tensor *x, clm_rows rows, clm_tensor *w,
                             clm_tensor *bias, clm_tensor *offsets, int64_t y_rows);

/* Operands of one grouped_gemm; the optional ones may be null. */
typedef struct clm_gemm {
    clm_tensor *x, *w, *bias, *offsets, *gather, *scale, *scale_index, *multiply;
    int64_t rows;    /* Y */
    bool gelu;       /* apply the activation */
    bool want_slope; /* with gelu: keep its derivative */
} clm_gemm;

/* Records it; nothing flows back. Returns y; *slope (may be a null pointer) is the derivative, null
 * unless asked for. */
clm_tensor *clm_gemm_call(clm_tape *tape, const clm_gemm *gemm, clm_tensor **slope);

/* Operands of one grouped_gemm_weight; the optional ones may be null. */
typedef struct clm_gemm_weight {
    clm_tensor *x, *x_gather, *dy, *dy_gather, *scale, *scale_index, *offsets;
    int64_t rows; /* Y */
    bool want_bias;
} clm_gemm_weight;

/* Records it; nothing flows back. Returns dw; *db (may be a null pointer unless asked for) is null
 * unless asked for. */
clm_tensor *clm_gemm_weight_call(clm_tape *tape, const clm_gemm_weight *gemm, clm_tensor **db);

#endif
