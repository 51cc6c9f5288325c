/* What the forward and the backward operators of bond_sum share. */
#ifndef CLM_CL_BOND_SUM_INTERNAL_H
#define CLM_CL_BOND_SUM_INTERNAL_H

#include "cl/bond_sum/bond_sum.h"
#include "op/lanes.h"

extern const clm_op clm_gcn_sum_backward, clm_gin_sum_backward;
extern const clm_source clm_source_bond_sum;

/* Operands forward; gin_sum has no factors, and eps in the place of root. */
enum {
    CLM_BOND_X,
    CLM_BOND_BOND,
    CLM_BOND_ROOT,
    CLM_BOND_ROW_PTR,
    CLM_BOND_SRC,
    CLM_BOND_KIND,
    CLM_BOND_SELF,
    CLM_BOND_GROUP,
    CLM_BOND_LIVE,
    CLM_BOND_T_ROW_PTR,
    CLM_BOND_DST,
    CLM_BOND_T_KIND,
    CLM_BOND_T_SELF,
    CLM_BOND_X_LIVE,
    CLM_BOND_Y,
    CLM_BOND_FACTOR,
    CLM_BOND_X_FACTOR
};

/* Bytes of all operands of a call but scratch. */
double clm_bond_bytes(const clm_call *call);

/* Options of the kernels: C and the blocks, GCN and HAS_BOND. */
void clm_bond_options(const clm_call *call, bool gcn, clm_blocks b, char options[128]);

/* Records the backward pass of a forward call (a grad). */
void clm_bond_sum_grad(clm_tape *tape, const clm_call *call);

/* Example `index` of the forward operators: its values; false when there are no more. */
bool clm_bond_example(clm_example *example, int index, bool gcn);
/* The same of the backward operators. */
bool clm_bond_example_backward(clm_example *example, int index, bool gcn);

#endif
