#include "model/task.h"

#include "model/metric.h"
#include "model/task_record.h"

#include <math.h>

static clm_status score(clm_task_tapes *tapes, const clm_graph *graph, int part,
                        clm_task_window window, void *user, double *value)
{
    clm_scope scope = {0};
    float *prediction = clm_alloc_array(
        &scope, (size_t)(tapes->split.count[part] * tapes->outputs) + 1, sizeof *prediction);
    const clm_status status = clm_task_predict(tapes, part, prediction, window, user);
    if (status == CLM_OK) *value = clm_task_score(graph, &tapes->split, part, prediction);
    clm_scope_end(&scope);
    return status;
}

/* The validation score, and at a new best the test score. */
static clm_status validate(const clm_cell *cell, clm_task_tapes *tapes, int epoch, double *val,
                           clm_task_result *result)
{
    const clm_graph *graph = &cell->dataset->graph;
    CLM_TRY(score(tapes, graph, CLM_SPLIT_VAL, NULL, NULL, val));
    result->last = *val;
    if (!clm_metric_better(clm_metric_of_task(graph->task), *val, result->val)) return CLM_OK;
    result->val = *val;
    result->training.epoch = epoch;
    clm_task_routing_clear(result);
    return score(tapes, graph, CLM_SPLIT_TEST, clm_task_routing_add, result, &result->test);
}

static clm_status run_epoch(const clm_cell *cell, clm_task_tapes *tapes, int epoch,
                            clm_task_result *result)
{
    const int every = clm_config_int(cell->config, "score_every"),
              epochs = clm_config_int(cell->config, "epochs");
    double loss = NAN, val = NAN;
    if (tapes->order) CLM_TRY(clm_graph_batches_shuffle(tapes->order, (uint32_t)epoch));
    for (int64_t s = 0; s < tapes->steps; s++) {
        CLM_TRY(clm_training_step(cell, tapes->train, &result->training));
        if (s == 0) CLM_TRY(clm_task_rows_add(tapes, result)); /* the last batch may be short */
    }
    CLM_TRY(clm_training_loss(cell, tapes->train, tapes->loss, epoch, &loss));
    if ((epoch + 1) % every == 0 || epoch + 1 == epochs)
        CLM_TRY(validate(cell, tapes, epoch, &val, result));
    return clm_training_epoch(cell, &result->training, epoch, loss, val);
}

static clm_status train(const clm_cell *cell, clm_task_tapes *tapes, clm_task_result *result)
{
    const int epochs = clm_config_int(cell->config, "epochs");
    for (int epoch = 0; epoch < epochs; epoch++) {
        CLM_TRY(run_epoch(cell, tapes, epoch, result));
        if (clm_training_is_over(cell, &result->training, epoch)) break;
    }
    return clm_training_inference(cell, tapes->infer, &result->training);
}

clm_status clm_task_run(clm_scope *scope, const clm_cell *cell)
{
    clm_task_tapes *tapes = clm_alloc(scope, sizeof *tapes);
    clm_task_result *result = clm_alloc(scope, sizeof *result);
    clm_training *training = &result->training;
    const double start = clm_now_ns();
    CLM_TRY(clm_task_tapes_new(scope, cell, tapes));
    clm_training_new(scope, clm_config_int(cell->config, "epochs"), tapes->steps, training);
    training->start_ns = start;
    clm_training_ready(cell, training);
    clm_task_result_new(scope, tapes, result);
    const clm_status status = train(cell, tapes, result);
    if (status == CLM_OK)
        CLM_TRY(clm_training_profile(scope, cell, tapes->train, tapes->infer, training));
    clm_task_record(cell, tapes, result);
    return status;
}

clm_status clm_task_plan(clm_scope *scope, const clm_cell *cell)
{
    return clm_task_tapes_new(scope, cell, clm_alloc(scope, sizeof(clm_task_tapes)));
}
