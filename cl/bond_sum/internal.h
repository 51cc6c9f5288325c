/* What the forward and the backward operators of bond_sum share. */
#ifndef CLM_CL_BOND_SUM_INTERNAL_H
#define CLM_CL_BOND_SUM_INTERNAL_H

#include "cl/bond_sum/bond_sum.h"
#include "op/lanes.h"

extern const clm_op clm_op_gcn_sum, clm_op_gcn_sum_backward, clm_op_gin_sum,
    clm_op_gin_sum_backward;
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

/* Bytes of all operands of a call but scratch and, forward, those of the backward pass. */
double clm_bond_bytes(const clm_call *call);

/* Cuts rows by the tunables WIDTH and VECTORS; options of the kernels but HAS_DBOND. */
clm_blocks clm_bond_blocks(const clm_plan *plan, const clm_call *call, char options[128]);

/* Last element of the offsets `live`, or x_live. */
clm_arg clm_bond_last(const clm_tensor *live);
int64_t clm_bond_live(const clm_tensor *live, int64_t rows); /* of a reference */

/* Records the backward pass of a forward call. */
void clm_bond_sum_grad(clm_tape *tape, const clm_call *call);

/* --- examples --- */

/* Output rows, input rows, edges, columns, kinds (0: no bond), groups, live output rows; row 0 the
 * target (1) or the source (2) of all edges. */
typedef struct clm_bond_sizes {
    int64_t y, x, m, c, q, g, live;
    int hub;
} clm_bond_sizes;

typedef struct clm_bond_graph {
    clm_bond_sizes size;
    bool same; /* output rows are the input rows */
    int64_t x_live;
    int32_t *row_ptr, *src, *kind, *t_row_ptr, *dst, *t_kind, *self, *t_self, *group;
    float *factor, *x_factor;
} clm_bond_graph;

/* Operands that forward and backward calls have, at their places. */
typedef struct clm_bond_places {
    int x, bond, root, t_row_ptr, dst, t_kind, t_self, group, x_live, factor, x_factor;
} clm_bond_places;

/* Structure of example `index`; false when there are no more. */
bool clm_bond_structure(clm_example *example, int index, clm_bond_graph *to);
/* Fills in the operands of `at`. */
void clm_bond_example_common(clm_example *example, const clm_bond_graph *of,
                             const clm_bond_places *at, bool gcn);

#endif
