/* A graph small enough for finite differences: three types, five relations, one of them without
 * edges, isolated nodes, duplicate edges. Type 0 has nodes 0-4, type 1 5-8, type 2 9-15. */
#ifndef CLM_TESTS_NN_SMALL_GRAPH_H
#define CLM_TESTS_NN_SMALL_GRAPH_H

#include "data/graph.h"

static const int32_t small_type_first[] = {0, 5, 9, 16};

/* Standard normal number of (element, step). */
double small_normal(uint32_t element, uint32_t step);

clm_dataset small_graph(clm_scope *scope);

#endif
