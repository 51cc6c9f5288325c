/* GMoE: graph convolutions whose every layer is a mixture of experts (Wang et al., NeurIPS 2023),
 * as released:
 *
 *   h0 = sum of atom embeddings
 *   per layer:  h = Drop(relu(scale sum_o gate_o BN_o(expert_o(h))))     the last one without relu
 *   logits = (mean over the nodes of a graph) W + b
 *
 * Experts 0 ... hop1 - 1 see neighbours, the others neighbours of neighbours; gates are a noisy
 * top-k softmax. One expert and no gate is the plain GCN or GIN with batch norm.
 *
 * Dense, every expert runs on every node: GCN experts as one layer of width E D, whose rows hold
 * the experts side by side; GIN experts as rows ordered by expert. Sparse, an expert runs on the
 * nodes routed to it: rows are the distinct pairs of an expert and a node that it reads. BN_o counts
 * all nodes, or those routed to o; sparse experts have no others. Dense with norms over the routed
 * nodes computes what sparse does, from as many rows as dense: it tells what the norm does to accuracy
 * from what skipped rows do to time. */
#ifndef CLM_MODEL_GMOE_H
#define CLM_MODEL_GMOE_H

#include "model/task.h"
#include "nn/noisy_gate.h"

typedef struct clm_gmoe {
    int width, layers, experts, hop1, top_k;
    bool gin;
    bool mean;        /* combine: the mixture is divided by the number of experts */
    bool sparse;      /* only routed experts run */
    bool norm_routed; /* batch norm counts the nodes routed to an expert; where sparse, always */
    double dropout, coef;
} clm_gmoe;

/* From the resolved parameters of gmoe. */
clm_gmoe clm_gmoe_from(const clm_config *config);

/* What a layer reads besides its rows. */
typedef struct clm_gmoe_graph {
    int64_t nodes;
    clm_tensor *live;
    clm_packed_edges hop[2];
    const clm_categories *bonds[2]; /* categories of the edges; null: none */
    /* Given vectors of the edge kinds of each hop [Q, experts of the hop * D]; null: embeddings. */
    clm_tensor *bond[2];
    clm_tensor *noise; /* [N, E] given; null: drawn */
} clm_gmoe_graph;

/* Records one layer: x [N, D] -> mixture [N, D] before relu and dropout. Parameter names begin with
 * `prefix`; `layer` numbers the draws; *gate is what its gate did, zeros without one. */
clm_tensor *clm_gmoe_layer(clm_tape *tape, clm_parameters *parameters, const char *prefix,
                           const clm_gmoe *gmoe, const clm_gmoe_graph *graph, clm_tensor *x,
                           int layer, clm_gating *gate, clm_task_seen *seen);

/* The whole network, from the parameters of gmoe. */
clm_tensor *clm_gmoe_network(clm_tape *tape, clm_parameters *parameters, const clm_config *config,
                             const clm_task_inputs *in, clm_tensor **balance, clm_task_seen *seen);

#endif
