/* What the files of the workload share. */
#ifndef CLM_NN_WORKLOAD_INTERNAL_H
#define CLM_NN_WORKLOAD_INTERNAL_H

#include "nn/workload.h"

/* Draws w->edge by w->graph. */
void clm_workload_draw_graph(clm_scope *scope, clm_workload *workload);

#endif
