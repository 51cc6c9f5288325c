#ifndef CLM_CL_TYPE_FUSION_H
#define CLM_CL_TYPE_FUSION_H

#include "nn/tape.h"

enum {
    CLM_MASK_FACTOR, /* m = factor for all */
    CLM_MASK_DRAWN,  /* m[n] = 1 with probability 1 - p, else 0; not rescaled */
};

/* Which nodes see the embedding of their type, and how much of it: weight m[n] of node n.
 *
 *   type          [N]      i32  type of each node, in [0, T), ascending
 *   type_offsets  [T + 1]  i32  nodes of each type
 *   given         [N]      f32  m itself; null: by `mode`
 *
 * Drawn: Philox, element n, stream MASK, word 0 of `layer`; the node is masked when the uniform
 * number is below p. */
typedef struct clm_type_mask {
    clm_tensor *type, *type_offsets, *given;
    int mode;
    double factor, p;
    int layer;
} clm_type_mask;

/* type_fusion: z[n, :] = h[n, :] + m[n] table[type[n], :].
 *
 *   h      [N, D]  real
 *   table  [T, D]  f32  embedding of each type
 *   z      [N, D]  real
 *
 * Differentiable in h (its gradient is that of z, the same tensor) and table.
 *
 * Cost     2 N D flop; 4 (2 N D + T D + N) bytes, and 4 N for a given mask
 * Source   Shakirov and Arakelov, arXiv 2511.07603, eqs. 8 (addition) and 9 */
clm_tensor *clm_type_fusion(clm_tape *tape, clm_tensor *h, clm_tensor *table,
                            const clm_type_mask *mask);

/* type_fusion_backward: dtable[t, :] = sum of m[n] dz[n, :] over the nodes of type t, zero for
 * types without nodes; always added in the same order. Records it alone and returns dtable [T, D].
 *
 * Cost     2 N D flop; 4 (N D + T D + T + 1) bytes, and 4 N for a given mask */
clm_tensor *clm_type_table_gradient(clm_tape *tape, clm_tensor *dz, const clm_type_mask *mask);

/* --- for operators with a mask of this kind ------------------------------------------------ */

/* Attributes 0..3 of their calls: mode, factor, p, layer; and back. */
enum { CLM_MASK_MODE, CLM_MASK_FACTOR_OF, CLM_MASK_P, CLM_MASK_LAYER };
void clm_type_mask_attributes(const clm_type_mask *mask, double *attribute);

/* The tensor of steps when the mask is drawn, else null. */
clm_tensor *clm_type_mask_step(clm_tape *tape, const clm_type_mask *mask);

/* m[n] for references; `step` is the tensor's words or null. */
double clm_type_mask_weight(const clm_call *call, const double *given, const int32_t *step,
                            int64_t n);

/* An example's operands: `nodes` nodes of `types` types, the first without nodes if there are more;
 * negative operands are left out. The mask is by the attributes, or given if `given` >= 0. */
void clm_type_mask_example(clm_example *example, int64_t nodes, int32_t types, int type,
                           int type_offsets, int given, int step, int mode);

#endif
