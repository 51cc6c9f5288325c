/* Which nodes or graphs train, validate and test, and how predictions for them are scored. */
#ifndef CLM_MODEL_TASK_SPLIT_H
#define CLM_MODEL_TASK_SPLIT_H

#include "data/graph.h"

enum { CLM_SPLIT_TRAIN, CLM_SPLIT_VAL, CLM_SPLIT_TEST, CLM_SPLITS };

/* Ids of nodes, or of graphs where there are such. */
typedef struct clm_task_split {
    int32_t *id[CLM_SPLITS];
    int32_t count[CLM_SPLITS];
} clm_task_split;

/* The published split; without one, a random 80 % train and the others both validate and test, as
 * in the released GraphSAGE-MoE. Error when a part is empty or the set predicts links. */
clm_status clm_task_split_new(clm_scope *scope, const clm_graph *graph, uint32_t seed,
                              clm_task_split *split);

/* Columns of a prediction: classes, or tasks. */
int64_t clm_task_outputs(const clm_graph *graph);

/* Score of the predictions [split->count[part], outputs], in the order of the ids, by the metric
 * of the graph's task. */
double clm_task_score(const clm_graph *graph, const clm_task_split *split, int part,
                      const float *prediction);

#endif
