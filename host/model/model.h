/* Model: a name, its parameters, and how one training cell of it runs.
 *
 * Adding one is adding host/model/model_<name>.c, which defines `const clm_model clm_model_<name>`.
 */
#ifndef CLM_MODEL_MODEL_H
#define CLM_MODEL_MODEL_H

#include "data/graph.h"
#include "model/config.h"
#include "model/metric.h"
#include "nn/tape.h"

#include <jansson.h>

/* Called after every epoch, for progress; returns false to stop early (Ctrl-C). `val` is the metric in
 * validation, NaN where this epoch was not scored. */
typedef bool (*clm_progress)(void *user, int epoch, int epochs, double loss,
                             const clm_metric *metric, double val);

/* Called with the memory plan of a training step, in bytes, before anything is allocated. */
typedef void (*clm_planned)(void *user, uint64_t weights, uint64_t inputs_and_activations);

/* One cell with one seed: everything a training run needs. */
typedef struct clm_cell {
    const char *model, *data;   /* names */
    const clm_config *config;   /* resolved parameters, among them the seed */
    const clm_dataset *dataset; /* null: none (data_optional) */
    clm_context *context;       /* null for models that need no device (degree) */
    clm_tuning *tuning;         /* of lanes tuned and vendor; null: default tunables */
    clm_progress progress;      /* may be null */
    clm_planned planned;        /* may be null */
    /* Given each planned tape whose replays are timed: a training step, inference; may be null. */
    void (*taped)(void *user, clm_tape *tape);
    bool profile; /* also time every call of a step and of an inference */
    void *user;
    json_t *record; /* object to which metrics, curve, time_ns, rate, memory_bytes,
                                    routing are added */
} clm_cell;

/* A model on given weights. */
typedef struct clm_forward {
    const char *checkpoint; /* weights to read; null: initial weights of the seed */
    const char *out;        /* file to write */
    bool gradients;         /* also the loss of the first training step and its gradients */
} clm_forward;

struct clm_graph_inputs;
struct clm_her_seen;

/* What a link prediction network records on each tape: embeddings [N, D] from the graph;
 * `balance` the auxiliary loss [1] or null; `seen` (may be null) what is looked at besides. */
typedef clm_tensor *(*clm_network)(clm_tape *tape, clm_parameters *parameters,
                                   const clm_config *config, const struct clm_graph_inputs *in,
                                   clm_tensor **balance, struct clm_her_seen *seen);

struct clm_task_inputs;
struct clm_task_seen;

/* What a network that predicts labels records on each tape: logits [N, outputs] of nodes, or
 * [B, outputs] of graphs; `balance` and `seen` as above. */
typedef clm_tensor *(*clm_predictor)(clm_tape *tape, clm_parameters *parameters,
                                     const clm_config *config, const struct clm_task_inputs *in,
                                     clm_tensor **balance, struct clm_task_seen *seen);

typedef struct clm_model {
    const char *name, *about, *paper;
    const clm_parameter_spec *const *parameters; /* ends with null */
    const clm_data_default *on_data;             /* ends with null data; null: none */
    /* Checks what single ranges cannot (K <= E, D divisible by H). May be null. */
    clm_status (*check)(const clm_config *config);
    /* Trains and fills in cell->record. CLM_SKIP / CLM_FAIL with the reason in the error. */
    clm_status (*run)(clm_scope *scope, const clm_cell *cell);
    /* Runs the model on given weights and writes named outputs. Null: it has no weights. */
    clm_status (*forward)(clm_scope *scope, const clm_cell *cell, const clm_forward *forward);
    /* Records and plans all that a run would, builds every program. Null: it needs no device. */
    clm_status (*plan)(clm_scope *scope, const clm_cell *cell);
    bool needs_device;
    bool data_optional;  /* it runs on the data set "none" too: cell->dataset is null then */
    clm_network network; /* of models whose run is clm_link_run; null otherwise */
    bool reads_edges; /* the network reads a message graph; else every training edge supervises */
    clm_predictor predictor; /* of models whose run is clm_task_run; null otherwise */
    int (*roles)(const clm_config *config); /* how many structural roles of nodes the predictor
                                               reads; null: none */
} clm_model;

extern const clm_model *const clm_models[];        /* ends with null; collected by the build */
const clm_model *clm_model_find(const char *name); /* null: there is none */

/* The data set of a cell; null for "none" where the model runs without one. Error (USAGE): it is for
 * labels and the model for links, or the other way round. */
clm_status clm_model_data(clm_scope *scope, const clm_model *model, const char *data,
                          const char *data_dir, const clm_dataset **dataset);
#define CLM_NO_DATA "none"

/* The model of that name. Error (USAGE) with a suggestion. */
clm_status clm_model_named(clm_scope *scope, const char *name, const clm_model **model);

#endif
