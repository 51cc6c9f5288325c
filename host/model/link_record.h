/* What a link prediction cell found, and how that is written into its record. */
#ifndef CLM_MODEL_LINK_RECORD_H
#define CLM_MODEL_LINK_RECORD_H

#include "model/link_tapes.h"
#include "nn/profile.h"

typedef struct clm_link_point {
    int epoch;
    double seconds, loss, auc_val;
} clm_link_point;

typedef struct clm_link_result {
    int epoch; /* the first best on validation */
    double auc_val, auc_test, ap_test;
    clm_link_point *curve;
    int points;
    double *step_ns, *inference_ns;
    size_t steps, inferences;
    clm_profile *step_profile, *inference_profile; /* null: not asked for */
    double start_ns, setup_ns, build_ns, kernel_ns, transfer_ns;
    float *probability; /* [N, E] of the last mixture at the best epoch; null without one */
    int32_t *topk;      /* [N, K] */
    int32_t experts, top_k;
} clm_link_result;

void clm_link_curve_add(clm_link_result *result, int epoch, double ns, double loss, double auc_val);

/* Room for the routing, when the network has a mixture; reads it from the test tape. */
void clm_link_routing_new(clm_scope *scope, const clm_cell *cell, const clm_link_tapes *tapes,
                          clm_link_result *result);
clm_status clm_link_read_routing(clm_link_tapes *tapes, clm_link_result *result);

/* Device time of the kernels of one more training step, and the time to upload the inputs again.
 * Where the cell wants it, times of every call of a step and of an inference too. */
clm_status clm_link_profile(clm_scope *scope, const clm_cell *cell, clm_link_tapes *tapes,
                            clm_link_result *result);

/* Adds metrics, curve, time_ns, rate, memory_bytes and routing to cell->record. */
void clm_link_record(const clm_cell *cell, const clm_link_tapes *tapes,
                     const clm_link_result *result);

#endif
