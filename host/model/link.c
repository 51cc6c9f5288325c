#include "model/link.h"

#include "base/statistics.h"
#include "model/link_record.h"
#include "model/link_tapes.h"

#include <math.h>

static clm_status scores(clm_scope *scope, clm_tape *tape, const clm_tensor *score, int32_t pairs,
                         double *auc, double *ap)
{
    float *s = clm_alloc_array(scope, 2 * (size_t)pairs, sizeof *s), *label = s + pairs;
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(clm_tensor_read(tape, score, s));
    for (int32_t i = 0; i < pairs; i++)
        label[i] = i < pairs / 2;
    *auc = clm_roc_auc(s, label, (size_t)pairs);
    if (ap) *ap = clm_average_precision(s, label, (size_t)pairs);
    return CLM_OK;
}

/* One epoch: a full-batch step, the validation score, and at a new best the test score. */
static clm_status run_epoch(const clm_cell *cell, clm_link_tapes *tapes, int epoch,
                            clm_link_result *result)
{
    clm_scope scope = {0};
    double auc_val = NAN, loss = NAN;
    clm_status status = clm_training_step(cell, tapes->train, &result->training);
    if (status == CLM_OK) status = clm_training_loss(cell, tapes->train, tapes->loss, epoch, &loss);
    if (status == CLM_OK)
        status = scores(&scope, tapes->val, tapes->val_score, tapes->val_pairs, &auc_val, NULL);
    if (status == CLM_OK && (epoch == 0 || auc_val > result->auc_val)) {
        result->training.epoch = epoch;
        result->auc_val = auc_val;
        status = scores(&scope, tapes->test, tapes->test_score, tapes->test_pairs,
                        &result->auc_test, &result->ap_test);
        if (status == CLM_OK) status = clm_link_read_routing(tapes, result);
    }
    if (status == CLM_OK)
        status = clm_training_epoch(cell, &result->training, epoch, loss, auc_val);
    clm_scope_end(&scope);
    return status;
}

static clm_status train(const clm_cell *cell, clm_link_tapes *tapes, clm_link_result *result)
{
    const int epochs = clm_config_int(cell->config, "epochs");
    for (int epoch = 0; epoch < epochs; epoch++) {
        CLM_TRY(run_epoch(cell, tapes, epoch, result));
        if (clm_training_is_over(cell, &result->training, epoch)) break;
    }
    return clm_training_inference(cell, tapes->infer, &result->training);
}

clm_status clm_link_run(clm_scope *scope, const clm_cell *cell)
{
    clm_link_tapes *tapes = clm_alloc(scope, sizeof *tapes);
    clm_link_result *result = clm_alloc(scope, sizeof *result);
    clm_training *training = &result->training;
    clm_training_new(scope, clm_config_int(cell->config, "epochs"), 1, training);
    CLM_TRY(clm_link_tapes_new(scope, cell, false, tapes));
    clm_training_ready(cell, training);
    clm_link_routing_new(scope, cell, tapes, result);
    const clm_status status = train(cell, tapes, result);
    if (status == CLM_OK)
        CLM_TRY(clm_training_profile(scope, cell, tapes->train, tapes->infer, training));
    clm_link_record(cell, tapes, result);
    return status;
}

clm_status clm_link_plan(clm_scope *scope, const clm_cell *cell)
{
    clm_link_tapes *tapes = clm_alloc(scope, sizeof *tapes);
    return clm_link_tapes_new(scope, cell, false, tapes);
}
