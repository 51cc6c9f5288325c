/* Synthetic: a generated graph in which what a node is looks alike in every node type.
 *
 * Every node has a role and a topic. Links join equal topics and matching roles (role r of the
 * start type with role r + 1 of the end type), whatever the node types. Features show the role
 * directly, but the topic in a code that is another permutation for each role, the same in all
 * types: reading it takes one map per role (an expert for each role), and nothing is gained by one
 * map per type, which only has fewer nodes to learn from. Degrees follow a power law.
 *
 * Source: the planted-partition idea of stochastic block models (Holland et al. 1983) with
 * degree heterogeneity (Karrer and Newman 2011). */
#ifndef CLM_DATA_SYNTHETIC_H
#define CLM_DATA_SYNTHETIC_H

#include "data/graph.h"

typedef struct clm_synthetic {
    int64_t nodes, edges; /* in all; edges include the reverse of each */
    int64_t types;        /* at least 2; every type is linked to the first */
    int64_t roles;        /* also the number of topics */
    int64_t features;     /* dimension, at least 2 * roles */
    double noise;         /* share of links and of feature words drawn at random */
    int64_t seed;
} clm_synthetic;

/* Range of each parameter, for messages and options; ends with a null name. */
typedef struct clm_synthetic_range {
    const char *name, *about;
    double least, most;
    size_t offset; /* of the member: int64_t, but double for noise */
} clm_synthetic_range;

extern const clm_synthetic_range clm_synthetic_ranges[];

/* The defaults: small enough to train in a second. */
clm_synthetic clm_synthetic_default(void);

/* Sets one parameter from text. Errors (USAGE): no such parameter, not a number, out of range. */
clm_status clm_synthetic_set(clm_synthetic *synthetic, const char *name, const char *value);

/* Refuses parameters that do not go together, naming the parameter at fault in `name`. */
clm_status clm_synthetic_check(const clm_synthetic *synthetic, const char **name);

/* Generates the graph: time and memory linear in nodes and edges, the same graph for the same
 * parameters anywhere. `role` and, equal to it, `label` are set. */
clm_status clm_synthetic_graph(clm_scope *scope, const clm_synthetic *synthetic, clm_graph *graph);

#endif
