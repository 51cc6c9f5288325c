/* Two-hop edges: what the experts of GMoE that look two edges far aggregate over. */
#ifndef CLM_DATA_TWO_HOP_H
#define CLM_DATA_TWO_HOP_H

#include "data/graph.h"

/* An edge u -> w for every path u -> v -> w of the graph's first relation with w other than u and
 * not a neighbour of u, with the categories of both edges one after the other; paths in parallel
 * stay edges in parallel. By u, then in the order of the first edge, then of the second.
 *
 * `released`: as GMoE's published code does it (construct_two_hops.py). It leaves out w not where w
 * is a neighbour of u, but where edge number w starts at u, both numbers counted from 0 within the
 * graph. So most edges to neighbours (along two sides of a triangle) stay, and a few paths that
 * belong there fall out.
 *
 * Error (TOO_LARGE): more than 2^31 edges. */
clm_status clm_two_hop(clm_scope *scope, const clm_graph *graph, bool released,
                       clm_relation *relation);

#endif
