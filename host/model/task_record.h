/* What a cell that predicts labels found, and how that is written into its record. */
#ifndef CLM_MODEL_TASK_RECORD_H
#define CLM_MODEL_TASK_RECORD_H

#include "model/task_tapes.h"

typedef struct clm_task_result {
    clm_training training;
    double val, test; /* of the best epoch; NaN: none */
    double last;      /* validation after the last epoch */
    /* Of the last mixture on the test windows of that epoch; experts 0: there is none. */
    int64_t experts, top_k, nodes;
    int64_t *load;  /* [experts] nodes that chose each */
    double entropy; /* sum over nodes of the router's, over its maximum */
    /* Of the last sparse mixture, sums over the last steps of `epochs` epochs: pairs of an expert
     * and a node routed to it, and of an expert and a node it reads. */
    double routed, read;
    int epochs;
    int32_t *topk, *rows; /* room for reading */
    float *probability;
} clm_task_result;

void clm_task_result_new(clm_scope *scope, const clm_task_tapes *tapes, clm_task_result *result);

/* The routing of the best epoch, window by window; a clm_task_window of a clm_task_result. */
void clm_task_routing_clear(clm_task_result *result);
clm_status clm_task_routing_add(void *result, const clm_task_tapes *tapes);

/* The rows of the last training step, where experts run on some nodes only. */
clm_status clm_task_rows_add(const clm_task_tapes *tapes, clm_task_result *result);

/* Adds metrics, routing and what training measured to cell->record. */
void clm_task_record(const clm_cell *cell, const clm_task_tapes *tapes,
                     const clm_task_result *result);

#endif
