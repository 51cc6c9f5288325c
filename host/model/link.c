#include "model/link.h"

#include "base/statistics.h"
#include "base/text.h"
#include "model/link_record.h"
#include "model/link_tapes.h"

#include <math.h>

enum { WARM_STEPS = 3, INFERENCES = 12, MOST_INFERENCES = 64 };

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

static clm_status train_step(const clm_cell *cell, clm_link_tapes *tapes, int epoch, double *ns,
                             float *loss)
{
    const double start = clm_now_ns();
    CLM_TRY(clm_tape_run(tapes->train, epoch, (float)clm_config_real(cell->config, "lr")));
    CLM_TRY(clm_finish(cell->context));
    *ns = clm_now_ns() - start;
    CLM_TRY(clm_tensor_read(tapes->train, tapes->loss, loss));
    if (isfinite(*loss)) return CLM_OK;
    clm_fail(CLM_ERROR_WRONG, "the loss is %g after %d epochs", *loss, epoch + 1);
    clm_error_advice("a smaller lr, or norm=layer; if it persists, clmoe verify -d \"%s\"",
                     clm_context_device(cell->context)->name);
    return CLM_FAIL;
}

/* One epoch: a full-batch step, the validation score, and at a new best the test score. */
static clm_status run_epoch(const clm_cell *cell, clm_link_tapes *tapes, int epoch,
                            clm_link_result *result)
{
    clm_scope scope = {0};
    double auc_val = NAN, ns = 0;
    float loss = NAN;
    clm_status status = train_step(cell, tapes, epoch, &ns, &loss);
    if (status == CLM_OK)
        status = scores(&scope, tapes->val, tapes->val_score, tapes->val_pairs, &auc_val, NULL);
    if (status == CLM_OK && (epoch == 0 || auc_val > result->auc_val)) {
        result->epoch = epoch;
        result->auc_val = auc_val;
        status = scores(&scope, tapes->test, tapes->test_score, tapes->test_pairs,
                        &result->auc_test, &result->ap_test);
        if (status == CLM_OK) status = clm_link_read_routing(tapes, result);
    }
    if (epoch >= WARM_STEPS) result->step_ns[result->steps++] = ns;
    clm_link_curve_add(result, epoch, clm_now_ns() - result->start_ns, loss, auc_val);
    clm_scope_end(&scope);
    return status;
}

static clm_status time_inference(const clm_cell *cell, clm_link_tapes *tapes,
                                 clm_link_result *result)
{
    for (int i = 0; i < WARM_STEPS + INFERENCES && result->inferences < MOST_INFERENCES; i++) {
        const double start = clm_now_ns();
        CLM_TRY(clm_tape_run(tapes->infer, 0, 0));
        CLM_TRY(clm_finish(cell->context));
        if (i >= WARM_STEPS) result->inference_ns[result->inferences++] = clm_now_ns() - start;
    }
    return CLM_OK;
}

static clm_status train(const clm_cell *cell, clm_link_tapes *tapes, clm_link_result *result)
{
    const int epochs = clm_config_int(cell->config, "epochs"),
              patience = clm_config_int(cell->config, "patience");
    result->start_ns = clm_now_ns();
    for (int epoch = 0; epoch < epochs; epoch++) {
        CLM_TRY(run_epoch(cell, tapes, epoch, result));
        const clm_link_point *last = &result->curve[result->points - 1];
        if (cell->progress &&
            !cell->progress(cell->user, epoch + 1, epochs, last->loss, last->auc_val))
            return clm_fail(CLM_ERROR_FAILED, "stopped after %d of %d epochs", epoch + 1, epochs);
        if (patience && epoch - result->epoch >= patience) break;
    }
    return time_inference(cell, tapes, result);
}

clm_status clm_link_run(clm_scope *scope, const clm_cell *cell)
{
    clm_link_tapes *tapes = clm_alloc(scope, sizeof *tapes);
    clm_link_result *result = clm_alloc(scope, sizeof *result);
    const size_t epochs = (size_t)clm_config_int(cell->config, "epochs");
    result->curve = clm_alloc_array(scope, epochs, sizeof *result->curve);
    result->step_ns = clm_alloc_array(scope, epochs, sizeof *result->step_ns);
    result->inference_ns = clm_alloc_array(scope, MOST_INFERENCES, sizeof *result->inference_ns);
    const double start = clm_now_ns();
    CLM_TRY(clm_link_tapes_new(scope, cell, false, tapes));
    result->build_ns = clm_context_build_ns(cell->context);
    result->setup_ns = clm_now_ns() - start - result->build_ns;
    clm_link_routing_new(scope, cell, tapes, result);
    const clm_status status = train(cell, tapes, result);
    if (status == CLM_OK) CLM_TRY(clm_link_profile(scope, cell, tapes, result));
    clm_link_record(cell, tapes, result);
    return status;
}

clm_status clm_link_plan(clm_scope *scope, const clm_cell *cell)
{
    clm_link_tapes *tapes = clm_alloc(scope, sizeof *tapes);
    return clm_link_tapes_new(scope, cell, false, tapes);
}
