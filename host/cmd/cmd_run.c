/* clmoe run: a suite, or one model on one data set. */
#include "cmd/options.h"

#include "base/text.h"
#include "cmd/run_folder.h"
#include "model/model.h"
#include "report/report.h"
#include "suite/lane.h"
#include "suite/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_SEEDS = 256,
    KEY_RESUME,
    KEY_SHARD,
    KEY_TIMEOUT,
    KEY_JSON,
    KEY_BINARIES,
    KEY_PROFILE,
};

enum { MOST_WORDS = 256 };

/* An option that can be given several times. */
typedef struct words {
    const char *word[MOST_WORDS + 1];
    size_t count;
} words;

typedef struct options {
    clm_request request;
    words model, data, set, seeds, lane;
    const char *resume, *out;
    bool json, dry_run;
} options;

static const struct argp_option table[] = {
    {NULL, 0, NULL, 0, "What to run:", 1},
    {"model", 'm', "MODEL", 0, "Run this model; with a suite, only its cells of this model, label or group", 1},
    {"data", 'D', "SET", 0,
     "On this data set (a name or a folder); with a suite, only its cells on this set", 1},
    {"set", 's', "KEY=VALUE", 0, "Set a parameter of the model; can be repeated", 1},
    {"seeds", KEY_SEEDS, "[SET=]N", 0,
     "Run each cell with N seeds: seed ... seed + N - 1; with SET=, on that data set only", 1},
    {"device", 'd', "DEV", 0,
     "Run on: cpu, gpu, accelerator, all, an id, part of a name, several with commas "
     "(default: the first GPU, else the first CPU)",
     1},
    {"lane", 'l', "LANE", 0,
     "portable (default tunables), tuned (what `clmoe tune` found) or vendor (libraries); can be "
     "repeated; default: the suite's, else portable",
     1},
    {"data-dir", 'R', "DIR", 0, "Where the folders of named data sets are (CLMOE_DATA)", 1},
    {NULL, 0, NULL, 0, "How to run:", 2},
    {"dry-run", 'n', NULL, 0, "Only list the cells and how long they will take", 2},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "End a cell that takes longer", 2},
    {"resume", KEY_RESUME, "RUN", 0,
     "Continue a run that was ended: its folder; finished cells are not run again", 2},
    {"shard", KEY_SHARD, "I/N", 0, "Run part I of N of the cells (I = 1 ... N)", 2},
    {"binaries", KEY_BINARIES, "DIR", 0,
     "Build no programs: take the binaries that `clmoe compile` left there", 2},
    {"profile", KEY_PROFILE, NULL, 0,
     "Also time every operator of a training step and of an inference, and leave trace.json", 2},
    {NULL, 0, NULL, 0, "What to leave:", 3},
    {"out", 'o', "DIR", 0,
     "Folder of the run (default: results/SUITE-DATE-TIME); none: keep no files", 3},
    {"json", KEY_JSON, NULL, 0, "Print the records on standard output and nothing else", 3},
    {0},
};

static void add(words *list, char *argument, struct argp_state *state)
{
    if (list->count == MOST_WORDS) argp_error(state, "an option is given too many times");
    list->word[list->count++] = argument;
}

static int whole_number(const char *text, const char *option, struct argp_state *state)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > 7 * 24 * 3600)
        argp_error(state, "--%s %s: expected a whole number, at least 1", option, text);
    return (int)value;
}

static void parse_shard(options *o, const char *text, struct argp_state *state)
{
    char end;
    if (sscanf(text, "%d/%d%c", &o->request.shard, &o->request.shards, &end) != 2 ||
        o->request.shard < 1 || o->request.shard > o->request.shards)
        argp_error(state, "--shard %s: expected I/N with 1 <= I <= N, such as 1/4", text);
}

/* Whether a model is named that cannot run without a data set; unknown ones are refused later. */
static bool needs_data(const options *o)
{
    bool needs = false;
    for (size_t i = 0; i < o->model.count; i++) {
        const clm_model *model = clm_model_find(o->model.word[i]);
        needs = needs || model == NULL || !model->data_optional;
    }
    return needs;
}

/* What does not go together. */
static void check(const options *o, struct argp_state *state)
{
    const clm_request *r = &o->request;
    if (o->resume != NULL) {
        if (r->suite != NULL || o->model.count > 0 || o->data.count > 0 || o->set.count > 0 ||
            o->seeds.count > 0 || r->shards > 0 || r->device != NULL || o->lane.count > 0 ||
            r->binaries != NULL || r->profile || o->out != NULL)
            argp_error(state, "--resume continues a run as it was planned: only --timeout, "
                              "--dry-run and --json go with it");
    } else if (r->suite == NULL && o->model.count == 0 && o->data.count == 0) {
        argp_error(state, "name a suite, such as `clmoe run quick`, or a --model and a --data set");
    } else if (r->suite == NULL && o->model.count == 0) {
        argp_error(state, "without a suite --model is needed (`clmoe list models`)");
    } else if (r->suite == NULL && o->data.count == 0 && needs_data(o)) {
        argp_error(state, "without a suite --data is needed (`clmoe list data`)");
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case 'm': add(&o->model, argument, state); return 0;
    case 'D': add(&o->data, argument, state); return 0;
    case 's': add(&o->set, argument, state); return 0;
    case 'l': add(&o->lane, argument, state); return 0;
    case KEY_SEEDS: add(&o->seeds, argument, state); return 0;
    case 'd': o->request.device = argument; return 0;
    case 'R': o->request.data_dir = argument; return 0;
    case 'n': o->dry_run = true; return 0;
    case KEY_TIMEOUT: o->request.timeout_s = whole_number(argument, "timeout", state); return 0;
    case KEY_RESUME: o->resume = argument; return 0;
    case KEY_BINARIES: o->request.binaries = argument; return 0;
    case KEY_PROFILE: o->request.profile = true; return 0;
    case KEY_SHARD: parse_shard(o, argument, state); return 0;
    case 'o': o->out = argument; return 0;
    case KEY_JSON: o->json = true; return 0;
    case ARGP_KEY_ARG:
        if (o->request.suite != NULL) argp_error(state, "one suite at a time");
        o->request.suite = argument;
        return 0;
    case ARGP_KEY_END: check(o, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* --- dry run --- */

static bool portable(const clm_run_cell *cell)
{
    return cell->lane == NULL || strcmp(cell->lane, clm_lanes[0]) == 0;
}

/* The cells that are still to run. */
static void print_plan(clm_scope *scope, const clm_run_plan *plan, const clm_records *records,
                       const clm_estimate *estimates)
{
    static const char *const sources[] = {
        [CLM_FROM_SAME] = "measured",
        [CLM_FROM_SIMILAR] = "from similar cells",
        [CLM_FROM_SIZE] = "rough, from the size of the graph",
    };
    double total = 0;
    size_t by_source[3] = {0}, cells = 0;
    for (size_t i = 0; i < plan->cells; i++) {
        const clm_run_cell *cell = &plan->cell[i];
        if (clm_records_find(records, cell) != NULL) continue;
        cells++;
        printf("%10s  %-14s %-36s seed %-3d %s%s%s\n",
               clm_text_ns(scope, estimates[i].seconds * 1e9), cell->data, cell->label, cell->seed,
               cell->device != NULL ? cell->device : "no device", portable(cell) ? "" : ", lane ",
               portable(cell) ? "" : cell->lane);
        total += estimates[i].seconds;
        by_source[estimates[i].source]++;
    }
    printf("%zu cells, about %s in all", cells, clm_text_ns(scope, total * 1e9));
    for (size_t s = 0; s < 3; s++)
        if (by_source[s] > 0) printf("; %zu %s", by_source[s], sources[s]);
    puts("");
}

/* --- the run --- */

static clm_status start(clm_scope *scope, options *o, const clm_run_plan **plan,
                        const char **folder, clm_records **records)
{
    *folder = o->resume;
    if (o->resume != NULL) {
        clm_run_plan *own;
        CLM_TRY(clm_records_open(scope, o->resume, plan, records));
        own = clm_alloc(scope, sizeof *own);
        *own = **plan;
        if (o->request.timeout_s > 0) own->timeout_s = o->request.timeout_s;
        *plan = own;
        return CLM_OK;
    }
    o->request.model = o->model.count > 0 ? o->model.word : NULL;
    o->request.data = o->data.count > 0 ? o->data.word : NULL;
    o->request.set = o->set.word;
    o->request.seeds = o->seeds.word;
    o->request.lane = o->lane.count > 0 ? o->lane.word : NULL;
    CLM_TRY(clm_run_plan_make(scope, &o->request, plan));
    *records = clm_records_none(scope);
    if (o->dry_run || (o->out != NULL && strcmp(o->out, "none") == 0)) return CLM_OK;
    *folder = o->out != NULL ? o->out : clm_run_folder(scope, *plan, &o->request);
    return CLM_OK;
}

static int exit_code(const clm_run_outcome *outcome)
{
    if (outcome->interrupted) return CLM_EXIT_INTERRUPTED;
    if (outcome->wrong > 0) return CLM_EXIT_WRONG;
    if (outcome->failed > 0) return CLM_EXIT_ERROR;
    return outcome->ok > 0 ? CLM_EXIT_OK : CLM_EXIT_NOTHING;
}

static void say_end(const clm_run_plan *plan, const clm_run_outcome *outcome, const char *folder)
{
    const size_t done = outcome->ok + outcome->failed + outcome->wrong + outcome->unable;
    if (outcome->interrupted)
        fprintf(stderr, "interrupted after %zu of %zu cells%s%s\n", done, plan->cells,
                folder != NULL ? "; continue with: clmoe run --resume " : "",
                folder != NULL ? folder : "");
    else if (outcome->failed + outcome->wrong + outcome->unable > 0)
        fprintf(stderr, "%zu of %zu cells did not give a result; reasons above%s%s\n",
                outcome->failed + outcome->wrong + outcome->unable, plan->cells,
                folder != NULL ? " and in " : "", folder != NULL ? folder : "");
}

static clm_status run_all(clm_scope *scope, options *o, int *code)
{
    const clm_run_plan *plan;
    const char *folder;
    clm_records *records;
    const clm_estimate *estimates;
    clm_run_outcome outcome;
    CLM_TRY(start(scope, o, &plan, &folder, &records));
    CLM_TRY(clm_estimates(scope, plan, clm_runs_folder(scope, folder), &estimates));
    if (o->dry_run) {
        print_plan(scope, plan, records, estimates);
        return CLM_OK;
    }
    if (folder != NULL && o->resume == NULL)
        CLM_TRY(clm_records_create(scope, folder, plan, &records));
    const clm_run_options how = {records, folder, estimates, o->json};
    CLM_TRY(clm_run(scope, plan, &how, &outcome));
    *code = exit_code(&outcome);
    say_end(plan, &outcome, folder);
    const clm_report_options report = {.folder = folder, .table = o->json ? NULL : stdout};
    const clm_status status =
        outcome.interrupted ? CLM_OK : clm_report(scope, plan, outcome.records, &report);
    json_decref(outcome.records);
    return status;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp argp = {
        table,
        parse,
        "[SUITE]",
        "Trains and measures: every cell of a suite, or one model on one data set.\v"
        "Examples:\n"
        "  clmoe run quick\n"
        "  clmoe run her --data imdb_magnn --seeds 3 -d cpu\n"
        "  clmoe run --model shared_moe --data imdb_magnn --set p=0.3 --set epochs=100\n"
        "Every cell runs in a process of its own; one that crashes or hangs is recorded with its "
        "reason. Ctrl-C ends a run (exit code 130); --resume continues it.",
        NULL,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    int code = CLM_EXIT_OK;
    const clm_status status = run_all(&scope, &o, &code);
    if (status != CLM_OK) code = clm_exit_error();
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_run = {"run", "train and measure: a suite, or one model", run};
