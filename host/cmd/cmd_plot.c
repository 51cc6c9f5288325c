/* clmoe plot: tables and figures of a run again, after changing a script or merging runs. */
#include "cmd/options.h"

#include "base/text.h"
#include "report/report.h"
#include "suite/record.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MOST_FIGURES = 32, MOST_RUNS = 64 };

typedef struct options {
    char *run[MOST_RUNS];
    char *figure[MOST_FIGURES];
    unsigned runs, figures;
    const char *out;
    bool table;
} options;

static const struct argp_option table[] = {
    {"figure", 'f', "FIGURE", 0, "Draw this figure instead of those of the suite; can be repeated",
     0},
    {"out", 'o', "DIR", 0, "Where to leave tables and plots/ (default: the first run)", 0},
    {"table", 't', NULL, 0, "Also print the summary table", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case 'f':
        if (o->figures == MOST_FIGURES) argp_error(state, "too many figures");
        o->figure[o->figures++] = argument;
        return 0;
    case 'o': o->out = argument; return 0;
    case 't': o->table = true; return 0;
    case ARGP_KEY_ARG:
        if (o->runs == MOST_RUNS) argp_error(state, "too many runs");
        o->run[o->runs++] = argument;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "name a run, such as results/quick-..."); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* All runs as one: the cells of each after those of the one before. */
static clm_status merge(clm_scope *scope, const options *o, clm_run_plan *all, json_t *records)
{
    for (unsigned r = 0; r < o->runs; r++) {
        const clm_run_plan *plan;
        const json_t *lines;
        CLM_TRY(clm_records_read(scope, o->run[r], &plan, &lines));
        const size_t before = all->cells;
        clm_run_cell *cells = clm_alloc_array(scope, before + plan->cells, sizeof *cells);
        if (before > 0) memcpy(cells, all->cell, before * sizeof *cells);
        if (plan->cells > 0) memcpy(cells + before, plan->cell, plan->cells * sizeof *cells);
        if (r == 0) *all = *plan;
        all->cell = cells;
        all->cells = before + plan->cells;
        for (size_t i = 0; i < plan->cells; i++) {
            const json_t *record = clm_record_find(scope, lines, &plan->cell[i]);
            json_array_append_new(records,
                                  record != NULL ? json_incref((json_t *)record) : json_null());
        }
    }
    return CLM_OK;
}

/* Error (USAGE) with a suggestion for a figure that does not exist. */
static clm_status check_figures(clm_scope *scope, const options *o)
{
    const char *const *known;
    CLM_TRY(clm_names_in(scope, "plots", ".gp", &known));
    for (unsigned i = 0; i < o->figures; i++) {
        const char *const *name = known;
        while (*name != NULL && strcmp(*name, o->figure[i]) != 0)
            name++;
        if (*name != NULL) continue;
        const char *near = clm_did_you_mean(o->figure[i], known);
        clm_fail(CLM_ERROR_USAGE, "there is no figure '%s'%s%s%s", o->figure[i],
                 near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                 near != NULL ? "'?" : "");
        clm_error_advice("`clmoe list figures` shows them");
        return CLM_FAIL;
    }
    return CLM_OK;
}

static clm_status plot(clm_scope *scope, options *o)
{
    CLM_TRY(check_figures(scope, o));
    clm_run_plan plan = {0};
    json_t *records = json_array();
    clm_status status = merge(scope, o, &plan, records);
    if (o->figures > 0) plan.figures = (clm_names){o->figure, o->figures};
    const clm_report_options how = {.folder = o->out != NULL ? o->out : o->run[0],
                                    .table = o->table ? stdout : NULL};
    if (status == CLM_OK) status = clm_report(scope, &plan, records, &how);
    json_decref(records);
    return status;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp argp = {table,
                              parse,
                              "RUN...",
                              "Writes summary.csv and the figures of a run again. Several runs "
                              "(shards, or one per machine) are put together.\v"
                              "Each figure is a script of plots/ that reads the CSV files beside "
                              "it: change the copy in RUN/plots and run gnuplot on it by hand.",
                              NULL,
                              NULL,
                              NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = plot(&scope, &o);
    const int code = status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_plot = {"plot", "tables and figures of a run again", run};
