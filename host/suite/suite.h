/* Suite: suites/<suite>.yaml, what to run, as written.
 *
 *   about: one line for `clmoe list`
 *   paper: where the numbers come from
 *   published: her                     results/published/her.csv
 *   data: [imdb_magnn, hgb_acm]        for cells that name none
 *   lane: [portable, tuned]            each cell runs in each (suite/lane.h); else portable
 *   seeds: 10                          each cell runs with seeds 0 .. 9
 *   timeout: 3600                      seconds a worker may take
 *   set: {epochs: 20}                  for every cell whose model has the parameter
 *   figures: [accuracy_over_p]         plots/<figure>.gp
 *   cells:
 *     - model: shared_moe
 *       label: dense_ffn               name in tables and figures; else made from what is set
 *       data: [imdb_magnn]
 *       set: {experts: 1, top_k: 1}
 *       sweep: {p: [0, 0.3, 1]}        one cell for each combination */
#ifndef CLM_SUITE_SUITE_H
#define CLM_SUITE_SUITE_H

#include "base/scope.h"
#include "base/status.h"
#include "base/yaml.h"

#include <stdbool.h>

typedef struct clm_names {
    char **name;
    unsigned count;
} clm_names;

typedef struct clm_suite_cell {
    char *label, *about, *model; /* label, about: may be null */
    clm_names data;              /* empty: the suite's */
    char **set;                  /* [parameters] value as text, null: not set; may be null */
    clm_names *sweep;            /* [parameters] values as text; may be null */
} clm_suite_cell;

typedef struct clm_suite {
    const char *name, *path;
    char *about, *paper, *published; /* published: may be null */
    clm_names data, figures, lane;
    int seeds, timeout_s;
    char **set; /* [parameters]; may be null */
    struct {
        clm_suite_cell *cell;
        unsigned count;
    } cells;
    const char *const *parameter; /* every model's parameters, in the order of set and sweep */
    clm_yaml *yaml;
} clm_suite;

/* Loads suites/<name>.yaml, or the file when `name` ends in .yaml or holds a slash. Errors (USAGE)
 * show file:line:column: what clm_yaml_load finds, unknown models, figures and published tables,
 * numbers out of range, a parameter both set and swept. Values of parameters are checked by the
 * plan. */
clm_status clm_suite_load(clm_scope *scope, const char *name, const clm_suite **suite);

/* Fails with the last error's text (what clm_config_set said) at a place in the suite: a parameter
 * of cell `cell` (value `index` of a sweep, -1: of set), or the cell's model when `parameter` is
 * null; `cell` -1: the suite's own set. Advice is kept. */
clm_status clm_suite_blame(const clm_suite *suite, int cell, const char *parameter, int index);

/* Names of what comes with the program: the files of a folder that end in `ending`, without it,
 * sorted, ends with null. */
clm_status clm_names_in(clm_scope *scope, const char *relative, const char *ending,
                        const char *const **names);

/* Names of all suites, sorted, ends with null. */
clm_status clm_suites(clm_scope *scope, const char *const **names);

#endif
