/* Verification: an operator's variant on a device against the reference in double. */
#ifndef CLM_OP_VERIFY_H
#define CLM_OP_VERIFY_H

#include "op/choice.h"

typedef struct clm_verdict {
    int examples; /* run */
    int skipped;  /* examples that the variant cannot compute here */
    double error; /* the worst relative error over examples and outputs */
    bool suspect, wrong;
    char reason[512]; /* of the first wrong or skipped example */
} clm_verdict;

/* Runs the examples of `op` as `choice` says on the context's device, outputs filled with NaN before
 * and canaries behind every operand. CLM_REAL operands are stored as `real`; in other types than
 * f32 every third example is run. An example whose cost exceeds `most_flops` or as many bytes is
 * left out (interpreters; 0: none is). CLM_FAIL only when something could not be run; a wrong
 * result is a verdict. */
clm_status clm_verify(clm_context *context, const clm_op *op, const clm_choice *choice,
                      clm_type real, double most_flops, clm_verdict *verdict);

/* Whether the operator has operands of type CLM_REAL. */
bool clm_has_real(const clm_op *op);

/* The relative error of an output that rounding to its storage type makes at most: 2^-8 in bf16,
 * 2^-11 in f16, 0 in the others. It is added to what the operator calls suspect, and twice as much
 * to what it calls wrong. */
double clm_rounding(clm_type type);

/* The `most_flops` that a device can be held to: interpreters and devices whose loops end early are
 * spared the larger examples of kernels with much work for each work-item. */
double clm_verify_most(const clm_device *device, const clm_variant *variant);

/* The same for an interpreter, which does about 10^5 a second. */
extern const double clm_verify_tiny;

/* Relative error norm(got - expected) / norm(expected) of n floats; positions where both are NaN
 * or the same infinity agree, where one is, the error is infinite. Expected all zero: norm(got). */
double clm_relative_error(const float *got, const double *expected, int64_t n);

#endif
