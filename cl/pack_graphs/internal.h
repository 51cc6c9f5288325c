/* What the two operators of pack_graphs share. */
#ifndef CL_PACK_GRAPHS_INTERNAL_H
#define CL_PACK_GRAPHS_INTERNAL_H

#include "cl/pack_graphs/pack_graphs.h"
#include "nn/workload.h"
#include "op/vector.h"

extern const clm_source clm_source_pack_graphs;
extern const clm_op clm_pack_graphs_edges;

/* A job for each graph: a work-item, or a work-group of LANES. */
#define CLM_GRAPH_VARIANTS(prepare)                                                                \
    {                                                                                              \
        {"cpu", CLM_CPU, 0, {CLM_LANES(1, 1)}, NULL, prepare},                                     \
            {"gpu", CLM_GPU, 0, {CLM_LANES(64, 32, 64, 128)}, NULL, prepare},                      \
        {                                                                                          \
            "plain", CLM_ANY_DEVICE, 0, {CLM_LANES(1, 1)}, NULL, prepare                           \
        }                                                                                          \
    }

#endif
