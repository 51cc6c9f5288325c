#include "suite/worker.h"

#include "base/text.h"
#include "bench/environment.h"
#include "bench/topology.h"
#include "data/graph.h"
#include "model/model.h"
#include "ocl/ocl.h"
#include "suite/lane.h"
#include "suite/record.h"
#include "suite/roof_share.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A worker whose parent is gone would run on unseen. */
static void die_with_parent(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
}

static bool report_progress(void *user, int epoch, int epochs, double loss,
                            const clm_metric *metric, double val)
{
    (void)user;
    (void)dprintf(CLM_WORKER_PROGRESS, "epoch %d %d %.6g %s %.6g\n", epoch, epochs, loss,
                  metric->name, val);
    return true;
}

static void report_plan(void *user, uint64_t weights, uint64_t rest)
{
    (void)user;
    (void)dprintf(CLM_WORKER_PROGRESS, "plan %llu %llu\n", (unsigned long long)weights,
                  (unsigned long long)rest);
}

static clm_status find_device(clm_scope *scope, const char *id, const clm_device **device)
{
    const clm_device *devices;
    size_t count;
    CLM_TRY(clm_devices(scope, &devices, &count));
    for (size_t i = 0; i < count; i++)
        if (strcmp(devices[i].id, id) == 0) {
            *device = &devices[i];
            return CLM_OK;
        }
    clm_fail(CLM_ERROR_NO_DEVICE, "device %s is gone", id);
    clm_error_advice("`clmoe devices` lists the devices there are now");
    return CLM_FAIL;
}

/* Command line of the parent, which is what somebody typed. */
static json_t *command_line(void)
{
    char path[64], text[2048];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)getppid());
    FILE *file = fopen(path, "rb");
    if (file == NULL) return json_null();
    size_t length = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0') text[i] = ' ';
    json_t *line = json_stringn(text, length);
    return line != NULL ? line : json_null(); /* null: not UTF-8 */
}

/* Opens the device, near which this thread is bound, and notes the environment. */
static clm_status prepare(clm_scope *scope, const clm_run_plan *plan, json_t *record,
                          clm_context **context, clm_tuning **tuning)
{
    const clm_run_cell *planned = &plan->cell[0];
    const clm_context_options options = {.binaries = plan->binaries};
    const clm_device *device = NULL;
    const char *binding = "no device";
    *context = NULL;
    *tuning = NULL;
    if (planned->device != NULL) {
        CLM_TRY(find_device(scope, planned->device, &device));
        binding = clm_bind_near(scope, device);
    }
    json_t *environment = clm_environment(device);
    json_object_set_new(environment, "command_line", command_line());
    json_object_set_new(environment, "binding", json_string(binding));
    json_object_set_new(environment, "load_before", clm_host_load());
    json_object_set_new(record, "environment", environment);
    if (device == NULL) return CLM_OK;
    CLM_TRY(clm_lane_open(scope, planned->lane, device, tuning));
    return clm_context_open(scope, device, &options, context);
}

/* What measures are divided by: nodes and links that take part, all types together. */
static json_t *size_of(const clm_graph *graph)
{
    json_int_t edges = 0;
    for (int32_t r = 0; r < graph->relations; r++)
        edges += graph->relation[r].count;
    return json_pack("{s:i,s:I}", "nodes", graph->nodes, "edges", edges);
}

static clm_status run_cell(clm_scope *scope, const clm_run_plan *plan, json_t *record)
{
    const clm_run_cell *planned = &plan->cell[0];
    const clm_model *model = clm_model_find(planned->model);
    const clm_dataset *dataset;
    clm_context *context;
    clm_tuning *tuning;
    CLM_TRY(prepare(scope, plan, record, &context, &tuning));
    CLM_TRY(clm_model_data(scope, model, planned->data, plan->data_dir, &dataset));
    if (dataset != NULL) json_object_set_new(record, "graph", size_of(&dataset->graph));
    const clm_cell cell = {
        .model = planned->model,
        .data = planned->data,
        .config = planned->config,
        .dataset = dataset,
        .context = context,
        .tuning = tuning,
        .progress = report_progress,
        .planned = report_plan,
        .profile = plan->profile,
        .record = record,
    };
    CLM_TRY(model->run(scope, &cell));
    if (context != NULL) clm_roof_shares_add(clm_context_device(context), record);
    json_object_set_new(record, "tuning", clm_lane_record(tuning)); /* with what was ignored */
    json_object_set_new(json_object_get(record, "environment"), "load_after", clm_host_load());
    const bool emulated =
        context != NULL && (clm_context_device(context)->quirks & CLM_QUIRK_EMULATED) != 0;
    clm_record_finish(record, emulated ? "emulated" : "ok",
                      emulated ? "an emulator: results count, times do not" : NULL);
    return CLM_OK;
}

/* Standard output is for the record alone: whatever libraries print there goes to standard error.
 */
static FILE *claim_output(void)
{
    const int own = dup(STDOUT_FILENO);
    if (own < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return NULL;
    return fdopen(own, "w");
}

static clm_status read_plan(clm_scope *scope, const clm_run_plan **plan)
{
    json_error_t error;
    json_t *json = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);
    if (json == NULL) {
        clm_fail(CLM_ERROR_USAGE, "worker: no cell on standard input: %s", error.text);
        clm_error_advice("this command is for `clmoe run`, which starts it for every cell");
        return CLM_FAIL;
    }
    die_with_parent((pid_t)json_integer_value(json_object_get(json, "parent")));
    const clm_status status = clm_run_plan_from_json(scope, json, plan);
    json_decref(json);
    return status;
}

_Noreturn void clm_worker(void)
{
    clm_scope scope = {0};
    const clm_run_plan *plan;
    FILE *out = claim_output();
    if (out == NULL || read_plan(&scope, &plan) != CLM_OK) {
        clm_error_print(stderr);
        _exit(1);
    }
    json_t *record = clm_record_new(plan, &plan->cell[0]);
    const clm_status status = run_cell(&scope, plan, record);
    if (status != CLM_OK) clm_record_fail(record, status, clm_error_last());
    char *text = clm_record_text(record);
    fprintf(out, "%s\n", text);
    _exit(fflush(out) == 0 ? 0 : 1);
}
