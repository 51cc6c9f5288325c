/* The tapes of a cell that predicts labels. */
#ifndef CLM_MODEL_TASK_TAPES_H
#define CLM_MODEL_TASK_TAPES_H

#include "model/graph_batches.h"
#include "model/task.h"
#include "model/task_split.h"
#include "model/training.h"

typedef struct clm_task_tapes {
    clm_parameters *parameters;
    clm_task_split split;
    int64_t outputs;
    clm_tape *train, *score, *infer; /* infer: a batch of whole graphs; of one graph it is score */
    clm_tensor *loss;                /* [1] of train */
    clm_tensor *logits;              /* of score: [window, outputs], or of all nodes */
    int64_t steps;                   /* of an epoch */
    clm_training_work work;
    clm_task_seen trained, seen; /* on the tapes train and score */
    clm_tensor *live;            /* [2] rows of score that seen counts; null: all */
    /* Of sets of graphs: graphs in the order of training; a window of `score` is so many graphs of
     * first those that validate, then those that test. */
    clm_graph_batches *order;
    int64_t window, windows; /* graphs of a window, number of windows */
    int32_t turns;           /* predictions made so far */
} clm_task_tapes;

/* Splits the data, records and plans the tapes. */
clm_status clm_task_tapes_new(clm_scope *scope, const clm_cell *cell, clm_task_tapes *tapes);

/* Called with each window that is predicted. */
typedef clm_status (*clm_task_window)(void *user, const clm_task_tapes *tapes);

/* Predictions [split.count[part], outputs] of a part, by the present weights. `window` may be null:
 * called after the replay of each window. */
clm_status clm_task_predict(clm_task_tapes *tapes, int part, float *prediction,
                            clm_task_window window, void *user);

#endif
