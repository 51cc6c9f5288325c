/* Labels of nodes or of graphs: the training and evaluation protocol around any network that
 * predicts them.
 *
 * Sets of graphs are trained in mini-batches and scored in windows of many graphs; one graph is
 * trained whole. The best validation epoch decides which test score is reported. */
#ifndef CLM_MODEL_TASK_H
#define CLM_MODEL_TASK_H

#include "cl/pack_graphs/pack_graphs.h"
#include "cl/router/router.h"
#include "cl/spmm/spmm.h"
#include "model/model.h"

/* What such a network reads. Of the features one form is there, of rows N: */
typedef struct clm_task_inputs {
    int64_t nodes, graphs; /* capacities N, B; graphs 0: labels of nodes */
    clm_tensor *live;      /* [2] i32 {0, live rows}: the others hold what nobody may mix in */
    clm_sparse sparse;     /* [N, F]; row_ptr null: not this form */
    clm_tensor *dense;     /* [N, F] f32, or null */
    clm_tensor *category;  /* [N, A] i32 rows of the stacked table [category_rows, .], or null */
    int64_t category_rows;
    /* What the categories of nodes and of each hop's edges are; null or no fields: none. */
    const clm_categories *categories, *bonds[2];
    clm_packed_edges hop[2]; /* neighbours; the second kind only where the model reads two-hop */
    clm_tensor *graph_ptr, *graph_of; /* [B + 1], [N]; null: labels of nodes */
    clm_tensor *roles; /* [N, R] f32 shares of structural roles; null: not asked for */
    int64_t outputs;   /* classes or tasks */
} clm_task_inputs;

/* What is looked at besides the result; null where a model has it not. */
typedef struct clm_task_seen {
    clm_routing routing; /* of the last mixture */
    clm_tensor *rows;    /* [E + 1] i32 first row of each expert in the last sparse mixture */
    clm_tensor *needed;  /* [E + 1] i32 the same of the rows its experts read */
} clm_task_seen;

/* Trains and evaluates the predictor of the cell's model; fills in cell->record. */
clm_status clm_task_run(clm_scope *scope, const clm_cell *cell);

/* Records and plans the cell's tapes, nothing else. */
clm_status clm_task_plan(clm_scope *scope, const clm_cell *cell);

/* Runs the predictor on given weights and writes, as safetensors: out.score_val and out.score_test
 * [rows, outputs] with in.val and in.test (ids of graphs or nodes); with gradients also out.loss of
 * the first training step and grad.param.*; without a checkpoint also param.*. */
clm_status clm_task_forward(clm_scope *scope, const clm_cell *cell, const clm_forward *forward);

#endif
