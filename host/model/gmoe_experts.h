/* The experts of a GMoE layer, run on every node or only on those routed to them. */
#ifndef CLM_MODEL_GMOE_EXPERTS_H
#define CLM_MODEL_GMOE_EXPERTS_H

#include "model/gmoe.h"

/* One layer being recorded. */
typedef struct clm_gmoe_experts {
    clm_tape *tape;
    clm_parameters *parameters;
    const char *prefix;
    const clm_gmoe *gmoe;
    const clm_gmoe_graph *graph;
    const clm_gating *gate;
    clm_task_seen *seen;
} clm_gmoe_experts;

/* Records scale sum_o gate_o BN_o(expert_o(x)) [N, D]; one expert without a gate. */
clm_tensor *clm_gmoe_mixture(const clm_gmoe_experts *layer, clm_tensor *x);

/* Scales the rows of a stacked table of U(-1, 1) [rows, columns] to xavier_uniform's bounds of
 * tables `width` wide, one for each field. */
void clm_gmoe_scale_tables(float *value, const clm_categories *of, int64_t width, int64_t columns);

#endif
