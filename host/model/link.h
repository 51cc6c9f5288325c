/* Link prediction: the training and evaluation protocol around any network. Papers say little of
 * it; this is RandomLinkSplit of PyTorch Geometric (clm_link_split, data/graph.h) with as many
 * negatives as edges, drawn anew in each training step, fixed in validation and test.
 *
 * One training tape, one for validation, one for test scores and one for timing inference are
 * recorded from the same parameters; the best validation epoch decides which test score is
 * reported. */
#ifndef CLM_MODEL_LINK_H
#define CLM_MODEL_LINK_H

#include "model/graph_inputs.h"
#include "model/her.h"
#include "model/model.h"

/* Trains and evaluates the network of the cell's model; fills in cell->record. */
clm_status clm_link_run(clm_scope *scope, const clm_cell *cell);

/* Runs the network on given weights and writes, as safetensors: out.embedding [N, D] and
 * out.score_test on the test graph, out.score_val, in.test_u, in.test_v, in.val_u, in.val_v (global
 * node ids; the first half are edges); with gradients also out.loss of the first training step and
 * grad.param.*; without a checkpoint also param.*. */
clm_status clm_link_forward(clm_scope *scope, const clm_cell *cell, const clm_forward *forward);

/* Records and plans the cell's tapes, nothing else. */
clm_status clm_link_plan(clm_scope *scope, const clm_cell *cell);

#endif
