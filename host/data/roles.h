/* Roles: to what degree each node plays which structural role, such as hub, bridge or leaf. */
#ifndef CLM_DATA_ROLES_H
#define CLM_DATA_ROLES_H

#include "data/graph.h"

typedef struct clm_roles {
    int32_t count;    /* roles */
    int32_t features; /* that they are made from */
    int32_t bits;     /* 2^bits levels that the factors are quantised to */
    float *share;     /* [nodes, count] each row sums to 1 */
} clm_roles;

/* Roles by RolX (Henderson et al., KDD 2012) on the features of ReFeX, as GraphRole 1.0
 * computes them: NMF of the features, both factors quantised, rows of the nodes' factor scaled to
 * sum 1 (a row of zeros: all roles alike). `count` 0: the number of roles from 2 to 8, and of bits
 * from 1 to 8, with the shortest description. The same for a graph wherever it is computed, up to
 * the rounding of LAPACK.
 *
 * Error (USAGE): the graph has fewer features than roles, as very regular ones have. */
clm_status clm_roles_new(clm_scope *scope, const clm_graph *graph, int32_t count, clm_roles *roles);

#endif
