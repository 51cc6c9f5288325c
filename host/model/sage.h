/* GraphSAGE (Hamilton, Ying, Leskovec, NeurIPS 2017) with mixtures of experts in its messages or
 * its updates (GraphSAGE-MoE, course report 2019).
 *
 * A layer: m = relu(x W_msg + b), a = mean of m over in-edges, u = relu([x || a] W_agg + b), then
 * rows of u scaled to length 1. [x || a] is never made: W_agg is two matrices and their products are
 * added. The variants replace one of the two products, or both, by experts E: all of them side by
 * side are one product of E times the width, rows of which are then weighted by the gate and added.
 * Where one gate holds for all rows, only the weights of the K chosen experts are multiplied. */
#ifndef CLM_MODEL_SAGE_H
#define CLM_MODEL_SAGE_H

#include "cl/spmm/spmm.h"
#include "model/config.h"
#include "model/task.h"
#include "nn/mean_aggregate.h"

typedef enum clm_sage_variant {
    CLM_SAGE_NONE,                  /* plain GraphSAGE */
    CLM_SAGE_MESSAGE_ROLES,         /* m = relu(sum of r (x W + b)), r the shares of roles */
    CLM_SAGE_MESSAGE_SOFTMAX,       /* m = sum of g relu(x W + b), g = softmax(x W_g + b_g) */
    CLM_SAGE_AGGREGATED_ROLES,      /* u = relu(sum of r ([x || a] W + b)) */
    CLM_SAGE_AGGREGATED_SOFTMAX,    /* u = sum of g relu([x || a] W + b), g = softmax(...) */
    CLM_SAGE_AGGREGATED_LINEAR,     /* the same without softmax */
    CLM_SAGE_AGGREGATED_NOISY_TOPK, /* the same with one noisy gate for all rows */
    CLM_SAGE_SHARED,                /* experts in both places, their gates share a weight */
} clm_sage_variant;

/* Their names, in this order; ends with null. */
extern const char *const clm_sage_variants[];

typedef struct clm_sage {
    clm_sage_variant variant;
    int width, layers, experts, top_k; /* D, L, E, K (of noisy_topk alone) */
    double dropout;
    bool released_roles; /* the first role counts twice and the last not at all */
    bool target_gate;    /* of a message the target decides, not the source */
    bool training_noise; /* the gate's noise is drawn in training alone */
} clm_sage;

clm_sage clm_sage_from(const clm_config *config);

/* Rows that a layer reads: bag-of-words features as they are, or dense ones [N, F]. */
typedef struct clm_sage_rows {
    const clm_sparse *sparse;
    clm_tensor *dense;
} clm_sage_rows;

typedef struct clm_sage_graph {
    int64_t nodes;
    clm_tensor *live; /* [2] {0, rows that count} */
    clm_mean_edges edges;
    clm_tensor *roles; /* [N, E] of the variants with roles, else null */
    clm_tensor *noise; /* [1] or null: drawn */
} clm_sage_graph;

/* The last gate that a layer took: [N, E], or [1, K] with the chosen experts of all rows. */
typedef struct clm_sage_seen {
    clm_tensor *gate, *topk;
} clm_sage_seen;

/* Records layer `layer` up to the row normalisation; weights are parameters `prefix`<name> of `p`.
 * `seen` may be null. Returns [N, D]. */
clm_tensor *clm_sage_layer(clm_tape *tape, clm_parameters *p, const char *prefix,
                           const clm_sage *sage, const clm_sage_graph *graph, clm_sage_rows x,
                           int layer, clm_sage_seen *seen);

/* The whole network: L layers, each followed by relu and dropout; of sets of graphs the maximum over
 * the nodes of each; linear, dropout, linear. Returns logits [N or B, outputs]; *balance is null. */
clm_tensor *clm_sage_network(clm_tape *tape, clm_parameters *p, const clm_config *config,
                             const clm_task_inputs *in, clm_tensor **balance, clm_task_seen *seen);

#endif
