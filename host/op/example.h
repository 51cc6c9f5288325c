/* Example: one small call of an operator with its values, for verification and tests. */
#ifndef CLM_OP_EXAMPLE_H
#define CLM_OP_EXAMPLE_H

#include "op/op.h"

struct clm_example {
    clm_scope scope;
    clm_call call;
    clm_type real;            /* set before building: type of CLM_REAL operands; CLM_F32 is 0 */
    uint32_t draws;           /* Philox elements drawn so far */
    float *f32[CLM_OPERANDS]; /* initial values, inputs and outputs */
    int32_t *i32[CLM_OPERANDS];
};

/* Builds example `index` of `op` into an `example` of zeros but for `real`, to whose type the
 * values of CLM_REAL operands are rounded; false when there are no more. End its
 * scope in either case. */
bool clm_example_build(clm_example *example, const clm_op *op, int index);

/* Host storage of every operand from the initial values, as the reference wants it. */
void clm_example_reference(clm_example *example);

/* Whether the operand is compared after a run. */
bool clm_example_is_result(const clm_call *call, int operand);

#endif
