/* ReFeX: features of nodes from the structure around them alone (Henderson et al., KDD 2011), as
 * GraphRole 1.0 computes them.
 *
 * Generation 0 counts edges: of the node by direction, inside its ego-net (the node and where its
 * edges lead) and out of it. Each later generation takes sum and mean over out-neighbours of every
 * feature that the last one kept. After each, features that say nearly the same are pruned. */
#ifndef CLM_DATA_REFEX_H
#define CLM_DATA_REFEX_H

#include "data/graph.h"

typedef struct clm_refex {
    int32_t nodes, count;
    const char *const *name; /* [count] "in_degree", "in_degree(mean)", ...; by generation */
    double *value;           /* [nodes, count] */
} clm_refex;

/* Features of all nodes, from the first relation of the graph; edges in parallel count once. A set
 * of graphs is taken as one graph of many components, so that features mean the same in all. */
void clm_refex_new(clm_scope *scope, const clm_graph *graph, clm_refex *features);

/* Vertical logarithmic binning: the lowest half of the values (at least one, and all that equal the
 * highest of them) get bin 0, the lowest half of the others bin 1, and so on. */
void clm_refex_bins(const double *value, int32_t count, int32_t *bin);

#endif
