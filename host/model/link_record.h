/* What a link prediction cell found, and how that is written into its record. */
#ifndef CLM_MODEL_LINK_RECORD_H
#define CLM_MODEL_LINK_RECORD_H

#include "model/link_tapes.h"
#include "model/training.h"

typedef struct clm_link_result {
    clm_training training;
    double auc_val, auc_test, ap_test;
    float *probability; /* [N, E] of the last mixture at the best epoch; null without one */
    int32_t *topk;      /* [N, K] */
    int32_t experts, top_k;
} clm_link_result;

/* Room for the routing, when the network has a mixture; reads it from the test tape. */
void clm_link_routing_new(clm_scope *scope, const clm_cell *cell, const clm_link_tapes *tapes,
                          clm_link_result *result);
clm_status clm_link_read_routing(clm_link_tapes *tapes, clm_link_result *result);

/* Adds metrics, routing and what training measured to cell->record. */
void clm_link_record(const clm_cell *cell, const clm_link_tapes *tapes,
                     const clm_link_result *result);

#endif
