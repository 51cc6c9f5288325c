#include "model/training.h"

#include "cl/adam/adam.h"
#include "model/profile_record.h"
#include "model/shared_parameters.h"

#include <math.h>

enum { WARM_STEPS = 3, INFERENCES = 12 };

clm_tape *clm_training_tape(clm_scope *scope, const clm_cell *cell, clm_parameters *parameters,
                            bool training)
{
    clm_tape *tape = clm_tape_new(scope, cell->context, parameters,
                                  (uint32_t)clm_config_int(cell->config, "seed"));
    clm_tape_set_tuning(tape, cell->tuning);
    clm_tape_set_training(tape, training);
    clm_tape_set_precision(tape, clm_storage_type(cell->config));
    return tape;
}

clm_status clm_training_plan(const clm_cell *cell, clm_tape *tape)
{
    CLM_TRY(clm_tape_plan(tape));
    if (cell->taped) cell->taped(cell->user, tape);
    return CLM_OK;
}

clm_status clm_training_plan_step(const clm_cell *cell, clm_tape *tape, clm_tensor *loss)
{
    clm_parameters *parameters = clm_tape_parameters(tape);
    if (loss) clm_keep(tape, loss);
    clm_tape_backward(tape, loss);
    clm_adam(tape, parameters, clm_config_real(cell->config, "weight_decay"));
    CLM_TRY(clm_tape_layout(tape));
    if (cell->planned)
        cell->planned(cell->user, clm_parameters_bytes(parameters, true), clm_tape_bytes(tape));
    return clm_training_plan(cell, tape);
}

void clm_training_new(clm_scope *scope, int64_t epochs, int64_t steps, clm_training *t)
{
    *t = (clm_training){.start_ns = clm_now_ns()};
    t->curve = clm_alloc_array(scope, (size_t)epochs, sizeof *t->curve);
    t->step_ns = clm_alloc_array(scope, (size_t)(epochs * steps), sizeof *t->step_ns);
    t->inference_ns = clm_alloc_array(scope, INFERENCES, sizeof *t->inference_ns);
}

void clm_training_ready(const clm_cell *cell, clm_training *t)
{
    const double now = clm_now_ns();
    t->build_ns = clm_context_build_ns(cell->context);
    t->setup_ns = now - t->start_ns - t->build_ns;
    t->start_ns = now;
}

clm_status clm_training_step(const clm_cell *cell, clm_tape *tape, clm_training *t)
{
    const double start = clm_now_ns();
    CLM_TRY(clm_tape_run(tape, t->done, (float)clm_config_real(cell->config, "lr")));
    CLM_TRY(clm_finish(cell->context));
    if (t->done++ >= WARM_STEPS) t->step_ns[t->steps++] = clm_now_ns() - start;
    return CLM_OK;
}

clm_status clm_training_loss(const clm_cell *cell, clm_tape *tape, const clm_tensor *loss,
                             int epoch, double *value)
{
    float got;
    CLM_TRY(clm_tensor_read(tape, loss, &got));
    *value = got;
    if (isfinite(got)) return CLM_OK;
    clm_fail(CLM_ERROR_WRONG, "the loss is %g after %d epochs", got, epoch + 1);
    clm_error_advice("a smaller lr%s; if it persists, clmoe verify -d \"%s\"",
                     clm_config_has(cell->config, "norm") ? ", or norm=layer" : "",
                     clm_context_device(cell->context)->name);
    return CLM_FAIL;
}

clm_status clm_training_epoch(const clm_cell *cell, clm_training *t, int epoch, double loss,
                              double val)
{
    const int epochs = clm_config_int(cell->config, "epochs");
    t->curve[t->points++] =
        (clm_training_point){epoch, (clm_now_ns() - t->start_ns) * 1e-9, loss, val};
    const clm_metric *metric = clm_metric_of_task(cell->dataset->graph.task);
    if (cell->progress && !cell->progress(cell->user, epoch + 1, epochs, loss, metric, val))
        return clm_fail(CLM_ERROR_FAILED, "stopped after %d of %d epochs", epoch + 1, epochs);
    return CLM_OK;
}

bool clm_training_is_over(const clm_cell *cell, const clm_training *t, int epoch)
{
    const int patience = clm_config_int(cell->config, "patience");
    return patience && epoch - t->epoch >= patience;
}

clm_status clm_training_inference(const clm_cell *cell, clm_tape *tape, clm_training *t)
{
    for (int i = 0; i < WARM_STEPS + INFERENCES; i++) {
        const double start = clm_now_ns();
        CLM_TRY(clm_tape_run(tape, 0, 0));
        CLM_TRY(clm_finish(cell->context));
        if (i >= WARM_STEPS) t->inference_ns[t->inferences++] = clm_now_ns() - start;
    }
    return CLM_OK;
}

static clm_status profile(clm_scope *scope, clm_tape *tape, int32_t step, clm_profile **out)
{
    clm_profile_options options = clm_profile_default();
    options.step_index = step;
    *out = clm_alloc(scope, sizeof **out);
    return clm_profile_tapes(scope, &tape, 1, &options, *out);
}

/* Once, by the events that come with the launches. */
static clm_status kernel_time(const clm_cell *cell, clm_tape *tape, clm_training *t)
{
    const size_t calls = clm_tape_calls(tape);
    clm_scope scope = {0};
    double *ns = clm_alloc_array(&scope, calls, sizeof *ns);
    clm_events_start(cell->context);
    clm_status status = clm_tape_run(tape, t->done, 0);
    if (status == CLM_OK) status = clm_tape_call_ns(tape, ns);
    clm_events_stop(cell->context);
    const bool real = !(clm_context_device(cell->context)->quirks & CLM_QUIRK_FAKE_EVENTS);
    t->kernel_ns = status == CLM_OK && real ? 0 : NAN;
    for (size_t i = 0; i < calls; i++)
        t->kernel_ns += ns[i];
    clm_scope_end(&scope);
    return status;
}

clm_status clm_training_profile(clm_scope *scope, const clm_cell *cell, clm_tape *step,
                                clm_tape *inference, clm_training *t)
{
    CLM_TRY(kernel_time(cell, step, t));
    const double start = clm_now_ns();
    CLM_TRY(clm_tape_upload_inputs(step));
    t->transfer_ns = clm_now_ns() - start;
    if (!cell->profile) return CLM_OK;
    CLM_TRY(profile(scope, step, t->done, &t->step_profile));
    return profile(scope, inference, t->done, &t->inference_profile);
}

/* --- the record --- */

static json_t *times(const double *ns, size_t n)
{
    const clm_summary s = clm_summarise(ns, n);
    return clm_summary_json(&s);
}

static json_t *curve(const clm_training *t)
{
    json_t *list = json_array();
    for (int i = 0; i < t->points; i++) {
        const clm_training_point *p = &t->curve[i];
        json_array_append_new(list,
                              json_pack("{s:i,s:o,s:o,s:o}", "epoch", p->epoch, "seconds",
                                        clm_number_json(p->seconds), "loss",
                                        clm_number_json(p->loss), "val", clm_number_json(p->val)));
    }
    return list;
}

static double flops(const clm_tape *tape)
{
    double sum = 0;
    for (size_t i = 0; i < clm_tape_calls(tape); i++) {
        const clm_call *call = clm_tape_call(tape, i);
        if (call->op->cost) sum += call->op->cost(call).flops;
    }
    return sum;
}

void clm_training_record(const clm_cell *cell, clm_tape *step, const clm_training *t,
                         clm_training_work work)
{
    json_t *record = cell->record;
    const double ns = clm_summarise(t->step_ns, t->steps).median;
    json_object_set_new(record, "curve", curve(t));
    json_object_set_new(
        record, "time_ns",
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "train_step", times(t->step_ns, t->steps),
                  "inference", times(t->inference_ns, t->inferences), "kernel",
                  clm_number_json(t->kernel_ns), "transfer", clm_number_json(t->transfer_ns),
                  "build", clm_number_json(t->build_ns), "setup", clm_number_json(t->setup_ns)));
    json_object_set_new(record, "rate",
                        json_pack("{s:o,s:o,s:o}", "nodes", clm_number_json(work.nodes / ns * 1e9),
                                  "edges", clm_number_json(work.edges / ns * 1e9), "gflops",
                                  clm_number_json(work.live * flops(step) / ns)));
    const uint64_t planned =
        clm_tape_bytes(step) + clm_parameters_bytes(clm_tape_parameters(step), true);
    json_object_set_new(record, "memory_bytes",
                        json_pack("{s:I,s:I}", "planned", (json_int_t)planned, "device",
                                  (json_int_t)clm_context_peak_bytes(cell->context)));
    if (t->step_profile)
        json_object_set_new(record, "profile",
                            clm_profile_json(t->step_profile, clm_tape_forward_calls(step), 0));
    if (t->inference_profile)
        json_object_set_new(record, "inference_profile",
                            clm_profile_json(t->inference_profile, t->inference_profile->calls, 0));
}
