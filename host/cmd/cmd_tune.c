/* clmoe tune: searches tunables on each device, in a process of its own. */
#include "cmd/cell_options.h"

#include "base/progress.h"
#include "base/text.h"
#include "bench/tune.h"
#include "bench/tune_guard.h"
#include "cmd/tune_table.h"
#include "nn/workload.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_EXPORT = 256, KEY_WORKER, MOST_TAPES = 8, CANDIDATE_S = 120, DEFAULT_S = 300 };

typedef struct options {
    clm_cell_options cell;  /* without a model: every operator at the default workload */
    const char *export_to;  /* folder; null: search */
    int budget_s, worker_s; /* worker_s: of the searching process; 0: this one is its parent */
    bool again;
} options;

static const struct argp_option table[] = {
    {"budget", 'b', "SECONDS", 0, "Time for each device (default: 300)", 0},
    {"again", 'a', NULL, 0, "Also search what has been searched to the end", 0},
    {"export", KEY_EXPORT, "DIR", OPTION_ARG_OPTIONAL,
     "Search nothing: copy what is known of the device to DIR (default: suites/tuned)", 0},
    {"worker", KEY_WORKER, "SECONDS", OPTION_HIDDEN, NULL, 0},
    {0},
};

static int seconds(const char *text, const char *option, struct argp_state *state)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > 7 * 24 * 3600)
        argp_error(state, "--%s %s: expected a whole number of seconds, at least 1", option, text);
    return (int)value;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->cell; return 0;
    case 'b': o->budget_s = seconds(argument, "budget", state); return 0;
    case 'a': o->again = true; return 0;
    case KEY_EXPORT: o->export_to = argument ? argument : "suites/tuned"; return 0;
    case KEY_WORKER: o->worker_s = atoi(argument) > 0 ? atoi(argument) : 1; return 0;
    case ARGP_KEY_END:
        if (!o->cell.model != !o->cell.data)
            argp_error(state, "--model and --data go together; without them every operator is "
                              "tuned at the default workload");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static volatile int interrupted;
static void interrupt(int number) { (void)number, interrupted = 1; }

/* Once: a second Ctrl-C ends the process. */
static void catch_interrupt(void)
{
    const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
}

/* --- the searching process --- */

typedef struct session {
    clm_scope *scope;
    clm_tuning *tuning;
    clm_tune_job job;
    clm_progress_bar bar;
    double start_ns, saved_ns;
    clm_met *met;
    size_t count, room;
    clm_tape *tape[MOST_TAPES]; /* of a model */
    size_t tapes;
} session;

static double elapsed_s(const session *s) { return 1e-9 * (clm_now_ns() - s->start_ns); }

static void trying(void *user, const clm_tuned *candidate)
{
    session *s = user;
    clm_tune_say_trying(candidate);
    if (candidate)
        clm_progress_bar_show(&s->bar, elapsed_s(s), "%s %s %s", candidate->op, candidate->variant,
                              candidate->tunables);
}

/* Saved after every case, so that nothing that ends the process takes it away. */
static void found(void *user, const clm_tuned *entry)
{
    session *s = user;
    clm_scope scope = {0};
    const double now = clm_now_ns();
    clm_tuning_add_seconds(s->tuning, 1e-9 * (now - s->saved_ns));
    s->saved_ns = now;
    if (clm_tuning_save(&scope, s->tuning, NULL, NULL) != CLM_OK)
        clm_progress_bar_say(&s->bar, "%s", clm_error_last()->what);
    if (entry->variant)
        clm_progress_bar_say(&s->bar, "%s (%s): %s %s is %.2f times as fast", entry->op,
                             entry->shape, entry->variant, entry->tunables, entry->ratio);
    clm_scope_end(&scope);
}

static void wrong(void *user, const clm_tuned *candidate, const char *reason)
{
    session *s = user;
    clm_progress_bar_say(&s->bar, "WRONG, not kept: %s %s %s (%s): %s", candidate->op,
                         candidate->variant, candidate->tunables, candidate->shape, reason);
}

static void met(void *user, const clm_op *op, const char *shape, double ns)
{
    session *s = user;
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->met[i].op, op->name) && !strcmp(s->met[i].shape, shape)) return;
    if (s->count == s->room) {
        clm_met *larger = clm_alloc_array(s->scope, 2 * s->room + 64, sizeof *larger);
        if (s->count > 0) memcpy(larger, s->met, s->count * sizeof *larger);
        s->met = larger;
        s->room = 2 * s->room + 64;
    }
    s->met[s->count++] = (clm_met){op->name, clm_text(s->scope, "%s", shape), ns};
}

static void taped(void *user, clm_tape *tape)
{
    session *s = user;
    if (s->tapes < MOST_TAPES) s->tape[s->tapes++] = tape;
}

static clm_status tune_model(session *s, const options *o)
{
    clm_cell cell;
    CLM_TRY(clm_cell_open(s->scope, &o->cell, NULL, &cell));
    const clm_model *model = clm_config_model(cell.config);
    if (!model->plan)
        return clm_fail(CLM_ERROR_USAGE, "%s runs no program on a device", model->name);
    cell.planned = NULL;
    cell.taped = taped;
    cell.user = s;
    CLM_TRY(model->plan(s->scope, &cell));
    s->job.context = cell.context;
    s->job.from = clm_text(s->scope, "%s %s", o->cell.model, o->cell.data);
    return clm_tune_tapes(&s->job, s->tape, s->tapes);
}

static clm_status tune_bench(clm_scope *scope, const clm_tune_job *job, const clm_bench *bench)
{
    clm_workload workload = clm_workload_default();
    CLM_TRY(clm_workload_draw(scope, &workload));
    clm_tape *tape = clm_tape_new(scope, job->context, clm_parameters_new(scope, 0), 0);
    (void)clm_bench_record(tape, bench, &workload, true);
    CLM_TRY(clm_tape_plan(tape));
    return clm_tune_tapes(job, &tape, 1);
}

/* Every operator gets an equal share of the time that is left. */
static clm_status tune_benches(session *s, const options *o)
{
    const clm_device *device;
    size_t count, benches = 0;
    clm_bench bench;
    CLM_TRY(clm_devices_select(s->scope, o->cell.device, &device, &count));
    CLM_TRY(clm_context_open(s->scope, device, NULL, &s->job.context));
    while (clm_bench_at(benches, &bench))
        benches++;
    const double end = s->job.deadline_ns;
    for (size_t i = 0; clm_bench_at(i, &bench) && !interrupted; i++) {
        clm_scope scope = {0};
        const double now = clm_now_ns();
        if (now >= end) break; /* recording alone builds programs */
        s->job.deadline_ns = now + (end - now) / (double)(benches - i);
        s->job.from = bench.name;
        const clm_status status = tune_bench(&scope, &s->job, &bench);
        clm_scope_end(&scope);
        CLM_TRY(status);
    }
    return CLM_OK;
}

static clm_status search(clm_scope *scope, const options *o)
{
    const clm_device *device;
    size_t count;
    session s = {.scope = scope, .start_ns = clm_now_ns()};
    CLM_TRY(clm_devices_select(scope, o->cell.device, &device, &count));
    CLM_TRY(clm_tune_table(scope, device, &s.tuning));
    s.saved_ns = s.start_ns;
    s.bar = clm_progress_bar_new(o->worker_s);
    s.job = (clm_tune_job){.tuning = s.tuning,
                           .deadline_ns = s.start_ns + 1e9 * o->worker_s,
                           .again = o->again,
                           .interrupted = &interrupted,
                           .trying = trying,
                           .found = found,
                           .wrong = wrong,
                           .met = met,
                           .user = &s};
    catch_interrupt();
    const clm_status status = o->cell.model ? tune_model(&s, o) : tune_benches(&s, o);
    clm_progress_bar_end(&s.bar);
    CLM_TRY(status);
    const char *path;
    CLM_TRY(clm_tuning_save(scope, s.tuning, NULL, &path));
    printf("%s, %s, driver %s\n", device->name, device->platform, device->driver);
    clm_tune_print(scope, s.tuning, s.met, s.count);
    printf("kept in %s\n", path);
    return CLM_OK;
}

/* --- its parent --- */

static clm_status guard(clm_scope *scope, const clm_device *device, const options *o, int *code)
{
    const char **argument = clm_alloc_array(scope, 16 + 2 * (size_t)o->cell.sets, sizeof *argument);
    size_t n = 0;
    argument[n++] = "tune";
    argument[n++] = clm_text(scope, "--device=%s", device->id);
    if (o->again) argument[n++] = "--again";
    if (o->cell.model) argument[n++] = clm_text(scope, "--model=%s", o->cell.model);
    if (o->cell.data) argument[n++] = clm_text(scope, "--data=%s", o->cell.data);
    if (o->cell.data_dir) argument[n++] = clm_text(scope, "--data-dir=%s", o->cell.data_dir);
    for (int i = 0; i < o->cell.sets; i++)
        argument[n++] = clm_text(scope, "--set=%s", o->cell.set[i]);
    const clm_tune_guard job = {.device = device,
                                .argument = argument,
                                .budget_s = o->budget_s,
                                .candidate_s = CANDIDATE_S,
                                .interrupted = &interrupted};
    fflush(stdout);
    return clm_tune_guarded(&job, code);
}

static clm_status export_table(clm_scope *scope, const clm_device *device, const char *folder)
{
    clm_tuning *tuning;
    const char *path;
    CLM_TRY(clm_tuning_load(scope, device, &tuning));
    CLM_TRY(clm_tuning_save(scope, tuning, folder, &path));
    printf("%s\n", path);
    return CLM_OK;
}

static clm_status each_device(clm_scope *scope, const options *o, int *code)
{
    const clm_device *device;
    size_t count;
    CLM_TRY(clm_devices_select(scope, o->cell.device, &device, &count));
    catch_interrupt();
    for (size_t i = 0; i < count && !interrupted; i++) {
        int own = CLM_EXIT_OK;
        if (o->export_to)
            CLM_TRY(export_table(scope, &device[i], o->export_to));
        else
            CLM_TRY(guard(scope, &device[i], o, &own));
        if (own != CLM_EXIT_OK) *code = own;
    }
    if (interrupted) *code = CLM_EXIT_INTERRUPTED;
    return CLM_OK;
}

static int run(int argc, char **argv)
{
    options o = {.budget_s = DEFAULT_S};
    const struct argp_child children[] = {{&clm_cell_argp, 0, "What to tune for:", 1}, {0}};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Search, on each device, for the variants and tunables that compute fastest: for the "
        "training step and the inference of a model, or for every operator.\v"
        "What is faster by more than the noise, and right, is kept in the user's cache, where lane "
        "tuned finds it (clmoe run --lane tuned). A second run goes on where the first one ended; "
        "Ctrl-C keeps what was found.\n"
        "Examples:\n"
        "  clmoe tune -d cpu\n"
        "  clmoe tune --model shared_moe --data imdb_magnn --budget 60\n"
        "  clmoe tune --export",
        children,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    int code = CLM_EXIT_OK;
    const clm_status status = o.worker_s ? search(&scope, &o) : each_device(&scope, &o, &code);
    if (status != CLM_OK) code = clm_exit_error();
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_tune = {"tune",
                                      "search the fastest tunables of a device and keep them", run};
