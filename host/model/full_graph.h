/* One graph as tensors of a tape, for models that predict labels of its nodes. */
#ifndef CLM_MODEL_FULL_GRAPH_H
#define CLM_MODEL_FULL_GRAPH_H

#include "data/graph.h"
#include "model/task.h"

/* Records sparse features and the neighbours of the first relation. `like` may be null: the inputs
 * of another tape of the same graph, then shared. */
clm_status clm_full_graph_inputs(clm_tape *tape, const clm_dataset *dataset,
                                 const clm_task_inputs *like, clm_task_inputs *inputs);

#endif
