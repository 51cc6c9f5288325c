/* relation_fold: HGT's relation matrices and priors multiplied into the projections of keys and
 * values, so that one grouped GEMM makes both ready for use and no edge needs a matrix.
 *
 *   w_k, w_v       [T, D, D]     f32  projections of each node type, [in, out]
 *   b_k, b_v       [T, D]        f32  their biases
 *   w_att, w_msg   [R, H, C, C]  f32  matrices of each relation and head, [in, out], C = D/H
 *   mu             [R, H]        f32  prior of the relation
 *   source_type    [R]           i32  node type that a relation starts from, in [0, T)
 *   w              [R, D, 2 D]   f32  w_k of the source type, the columns of each head times
 *                                     w_att mu / sqrt(C); beside it w_v times w_msg
 *   b              [R, 2 D]      f32  biases alike
 *
 * The gradient comes in two operators: of the projections (sums over the relations of a type) and
 * of the relations (sums over rows of the projection). Types and relations without use get zeros.
 *
 * Cost     4 R (D + 1) D C flop; 4 (2 T + 2 R) D (D + 1) + 8 R D C bytes
 * Source   Hu et al., Heterogeneous Graph Transformer, WWW 2020, eqs. 3-5 */
#ifndef CLM_CL_RELATION_FOLD_H
#define CLM_CL_RELATION_FOLD_H

#include "nn/tape.h"

typedef struct clm_hgt_weights {
    clm_tensor *w_k, *b_k, *w_v, *b_v, *w_att, *w_msg, *mu;
} clm_hgt_weights;

/* Records the folding. Returns w [R, D, 2 D]; *bias is b [R, 2 D]. Differentiable in all weights. */
clm_tensor *clm_relation_fold(clm_tape *tape, const clm_hgt_weights *weights,
                              clm_tensor *source_type, clm_tensor **bias);

#endif
