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
 *   per_data:                          what differs by data set; a cell's own set goes before
 *     - data: [hgb_acm]
 *       seeds: 4
 *       set: {lr: 0.01}
 *   figures: [accuracy_over_p]         plots/<figure>.gp
 *   cells:
 *     - model: shared_moe
 *       label: dense_ffn               name in tables and figures; else made from what is set
 *       data: [imdb_magnn]
 *       groups: [masking rate]         ablations: rows of a group on one data set are ranked
 *       against: hgt                   label of the row that its score is compared with
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
    char *label, *about, *model, *against; /* all but model may be null */
    clm_names data, groups;                /* data empty: the suite's */
    char **set;                            /* [parameters] as text, null: not set; may be null */
    clm_names *sweep;                      /* [parameters] values as text; may be null */
} clm_suite_cell;

typedef struct clm_suite_per_data {
    clm_names data;
    int seeds;  /* 0: the suite's */
    char **set; /* as of a cell */
} clm_suite_per_data;

typedef struct clm_suite {
    const char *name, *path;
    char *about, *paper, *published; /* published: may be null */
    clm_names data, figures, lane;
    int seeds, timeout_s;
    char **set; /* [parameters]; may be null */
    struct {
        clm_suite_per_data *entry;
        unsigned count;
    } per_data;
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

/* What holds on a data set beside the suite's own; null: nothing. */
const clm_suite_per_data *clm_suite_on(const clm_suite *suite, const char *data);

/* Fails with the last error's text (what clm_config_set said) at a place in the suite, such as
 * /cells/0/set/width. Advice is kept. */
clm_status clm_suite_blame(const clm_suite *suite, const char *node);

/* Names of what comes with the program: the files of a folder that end in `ending`, without it,
 * sorted, ends with null. */
clm_status clm_names_in(clm_scope *scope, const char *relative, const char *ending,
                        const char *const **names);

/* Names of all suites, sorted, ends with null. */
clm_status clm_suites(clm_scope *scope, const char *const **names);

#endif
