#include "suite/run.h"

#include "base/progress.h"
#include "base/text.h"
#include "suite/worker.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile int interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* Ctrl-C is noted, and a closed standard output is an error of writing, not the end of the run. */
static void catch_signals(void)
{
    const struct sigaction note = {.sa_handler = interrupt}, ignore = {.sa_handler = SIG_IGN};
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)sigaction(ends[i], &note, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

/* What the progress of a worker is shown with. */
typedef struct watch {
    clm_progress_bar *bar;
    const clm_run_cell *cell;
    double before, weight; /* work done before this cell; of this cell */
    size_t number, count;
    FILE *log;     /* may be null */
    bool say_plan; /* a suite's many plans are for the log alone */
} watch;

static void show(void *user, int epoch, int epochs, double loss, const clm_metric *metric,
                 double val)
{
    const watch *w = user;
    char score[48] = "";
    if (isfinite(val))
        (void)snprintf(score, sizeof score, ", validation %s %.3f", metric->title, val);
    (void)loss;
    clm_progress_bar_show(w->bar, w->before + w->weight * epoch / epochs,
                          "cell %zu of %zu: %s on %s, seed %d, epoch %d of %d%s", w->number,
                          w->count, w->cell->label, w->cell->data, w->cell->seed, epoch, epochs,
                          score);
}

/* What a cell will take on its device, told before it takes it. */
static void show_plan(void *user, uint64_t weights, uint64_t rest)
{
    watch *w = user;
    clm_scope scope = {0};
    const char *text = clm_text(&scope,
                                "memory plan: %s weights, gradients and moments, %s "
                                "inputs and activations",
                                clm_text_bytes(&scope, weights), clm_text_bytes(&scope, rest));
    if (w->say_plan) clm_progress_bar_say(w->bar, "%s", text);
    if (w->log != NULL)
        fprintf(w->log, "%s on %s, seed %d: %s\n", w->cell->label, w->cell->data, w->cell->seed,
                text);
    clm_scope_end(&scope);
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL ? text : "";
}

static void count(clm_run_outcome *outcome, const char *status)
{
    if (strcmp(status, "ok") == 0 || strcmp(status, "emulated") == 0)
        outcome->ok++;
    else if (strcmp(status, "wrong") == 0)
        outcome->wrong++;
    else if (strcmp(status, "skipped") == 0 || strcmp(status, "unsupported") == 0)
        outcome->unable++;
    else
        outcome->failed++;
}

static void print_record(const json_t *record)
{
    char *text = clm_record_text(record);
    puts(text);
    (void)fflush(stdout);
    free(text);
}

/* One cell: its worker, its record, a line where it did not go well. */
static clm_status run_cell(const clm_run_plan *plan, const clm_run_options *options, watch *w,
                           json_t **record)
{
    const clm_worker_job job = {
        .plan = plan,
        .cell = w->cell,
        .timeout_s = plan->timeout_s,
        .interrupted = &interrupted,
        .planned = show_plan,
        .progress = show,
        .user = w,
    };
    clm_ending ending;
    CLM_TRY(clm_worker_launch(&job, w->log, record, &ending));
    if (*record == NULL) return CLM_OK;
    const char *status = text_of(*record, "status");
    if (strcmp(status, "ok") != 0)
        clm_progress_bar_say(w->bar, "%s: %s on %s, seed %d: %s", status, w->cell->label,
                             w->cell->data, w->cell->seed, text_of(*record, "reason"));
    const char *warning = text_of(json_object_get(*record, "tuning"), "warning");
    if (warning[0] != '\0') clm_progress_bar_say(w->bar, "warning: %s", warning);
    return clm_records_append(options->records, *record);
}

static double work_left(const clm_run_plan *plan, const clm_run_options *options)
{
    double work = 0;
    for (size_t i = 0; i < plan->cells; i++)
        if (clm_records_find(options->records, &plan->cell[i]) == NULL)
            work += options->estimates[i].seconds;
    return work;
}

static clm_status run_all(const clm_run_plan *plan, const clm_run_options *options, FILE *log,
                          clm_progress_bar *bar, clm_run_outcome *outcome)
{
    double done = 0;
    for (size_t i = 0; i < plan->cells && interrupted == 0; i++) {
        watch w = {
            .bar = bar,
            .cell = &plan->cell[i],
            .before = done,
            .weight = options->estimates[i].seconds,
            .number = i + 1,
            .count = plan->cells,
            .log = log,
            .say_plan = plan->suite == NULL,
        };
        json_t *record = json_incref(clm_records_find(options->records, w.cell));
        if (record != NULL) {
            outcome->before++;
        } else {
            clm_progress_bar_show(bar, done, "cell %zu of %zu: %s on %s, seed %d", w.number,
                                  w.count, w.cell->label, w.cell->data, w.cell->seed);
            const clm_status status = run_cell(plan, options, &w, &record);
            if (record == NULL && status == CLM_OK) break; /* interrupted */
            done += w.weight;
            if (status != CLM_OK) {
                json_decref(record);
                return status;
            }
            clm_progress_bar_show(bar, done, "cell %zu of %zu", w.number, w.count);
        }
        count(outcome, text_of(record, "status"));
        if (options->json) print_record(record);
        json_array_set_new(outcome->records, i, record);
    }
    outcome->interrupted = interrupted != 0;
    return CLM_OK;
}

clm_status clm_run(clm_scope *scope, const clm_run_plan *plan, const clm_run_options *options,
                   clm_run_outcome *outcome)
{
    *outcome = (clm_run_outcome){.records = json_array()};
    for (size_t i = 0; i < plan->cells; i++)
        json_array_append_new(outcome->records, json_null());
    catch_signals();
    FILE *log = options->folder != NULL
                    ? fopen(clm_text(scope, "%s/messages.log", options->folder), "ae")
                    : NULL; /* messages are a help, their loss is no error */
    clm_progress_bar bar = clm_progress_bar_new(work_left(plan, options));
    const clm_status status = run_all(plan, options, log, &bar, outcome);
    clm_progress_bar_end(&bar);
    if (log != NULL) (void)fclose(log);
    if (status != CLM_OK) json_decref(outcome->records); /* the file has what is finished */
    return status;
}
