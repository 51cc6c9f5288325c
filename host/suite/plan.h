/* Plan: the cells of a run, device x lane x data set x model x parameters x seed, in the order
 * they run. */
#ifndef CLM_SUITE_PLAN_H
#define CLM_SUITE_PLAN_H

#include "model/config.h"
#include "suite/suite.h"

#include <jansson.h>

typedef struct clm_run_cell {
    const char *label;        /* name in tables and figures: same for all data sets and seeds */
    const char *against;      /* label of the row it is compared with; null: not said */
    clm_names groups;         /* ablations it is part of */
    const char *model, *data; /* names */
    const char *device;       /* id; null: the model needs none */
    const char *lane;         /* suite/lane.h; null without a device */
    int seed;
    const clm_config *config; /* resolved, with the seed */
    const char *setting;      /* what all seeds of a cell share, as text */
} clm_run_cell;

typedef struct clm_run_plan {
    const char *suite;     /* null: one model on one data set without a suite */
    const char *published; /* table of published numbers, null: none */
    const char *data_dir;  /* null: CLMOE_DATA, then the user's data folder */
    const char *binaries;  /* folder of program binaries to run from alone; null: build */
    clm_names figures;
    bool profile; /* times of every call, and a trace */
    int timeout_s;
    clm_run_cell *cell;
    size_t cells;
} clm_run_plan;

/* What the command line asks for. */
typedef struct clm_request {
    const char *suite;               /* name or file; null: `model` on `data` */
    const char *const *model;        /* with a suite: only these, or labels or groups; null: all */
    const char *const *data;         /* with a suite: only these; null: all */
    const char *device;              /* selector, see clm_devices_select */
    const char *const *lane;         /* null: the suite's, else portable */
    const char *const *set;          /* key=value, may be null */
    const char *const *seeds;        /* "n" or "data=n", the last that fits counts; may be null */
    const char *data_dir, *binaries; /* as in the plan */
    bool profile;                    /* as in the plan */
    int timeout_s;                   /* 0: the suite's */
    int shard, shards;               /* cells shard, shard + shards, ...; shards 0: all */
} clm_request;

/* Expands a request into cells, every parameter checked, duplicates left out. Errors (USAGE) as for
 * suites, and: a `set` that no cell's model has, a filter that leaves no cell; NO_DEVICE when a
 * model needs one and there is none. */
clm_status clm_run_plan_make(clm_scope *scope, const clm_request *request,
                             const clm_run_plan **plan);

/* A plan as JSON (new reference), and back: what --resume continues. */
json_t *clm_run_plan_json(const clm_run_plan *plan);
clm_status clm_run_plan_from_json(clm_scope *scope, const json_t *json, const clm_run_plan **plan);

/* What all seeds of a cell share, as text: equal exactly for cells that differ in the seed alone.
 */
const char *clm_setting(clm_scope *scope, const char *device, const char *lane, const char *data,
                        const clm_config *config);
/* The same from its parts; `params` without the seed. */
const char *clm_setting_text(clm_scope *scope, const char *device, const char *lane,
                             const char *data, const char *model, const json_t *params);

/* A resolved configuration from a JSON object of parameters. */
clm_status clm_config_from_json(clm_scope *scope, const char *model, const json_t *params,
                                const clm_config **config);

#endif
