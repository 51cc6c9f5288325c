/* Link prediction: the training and evaluation protocol of systems.md B.7 around any network.
 *
 * One training tape, one for validation, one for test scores and one for timing inference are recorded
 * from the same parameters; the best validation epoch decides which test score is reported. */
#ifndef CLM_MODEL_LINK_H
#define CLM_MODEL_LINK_H

#include "model/graph_inputs.h"
#include "model/her.h"
#include "model/model.h"

/* What a network records on each tape: embeddings [N, D] from the graph; `balance` the auxiliary
 * loss [1] or null. */
typedef clm_tensor *(*clm_network)(clm_tape *tape, clm_parameters *parameters, const clm_config *config,
                                   const clm_graph_inputs *in, clm_tensor **balance, clm_her_seen *seen);

/* Trains and evaluates; fills in cell->record. `with_edges`: the network reads a message graph (else every
 * training edge supervises). */
clm_status clm_link_run(clm_scope *scope, const clm_cell *cell, clm_network network, bool with_edges);

#endif
