#include "model/task_tapes.h"

#include "cl/add/add.h"
#include "cl/label_loss/label_loss.h"
#include "cl/nll_loss/nll_loss.h"
#include "data/roles.h"
#include "model/full_graph.h"
#include "nn/pick_rows.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 256 }; /* graphs scored at once */

/* The tapes being recorded. */
typedef struct recording {
    clm_scope *scope;
    const clm_cell *cell;
    const clm_graph *graph;
    clm_task_tapes *tapes;
    clm_predictor predictor;
    clm_categories bonds[2];
    clm_roles roles;        /* share null: the model reads none */
    clm_tensor *role_input; /* of a set of graphs: on the tape recorded first */
    clm_task_inputs first;  /* of one graph: likewise */
    bool recorded;
} recording;

/* --- inputs and labels --- */

/* Labels of the nodes of the training part; -1 elsewhere. */
static clm_tensor *node_labels(const recording *r, clm_tape *tape)
{
    const clm_task_split *split = &r->tapes->split;
    int32_t *label = clm_alloc_array(r->scope, (size_t)r->graph->nodes + 1, sizeof *label);
    memset(label, 0xff, (size_t)r->graph->nodes * sizeof *label);
    for (int32_t i = 0; i < split->count[CLM_SPLIT_TRAIN]; i++)
        label[split->id[CLM_SPLIT_TRAIN][i]] = r->graph->label[split->id[CLM_SPLIT_TRAIN][i]];
    return clm_input_i32(tape, "node labels", label, CLM_DIMS(r->graph->nodes));
}

static clm_status whole(recording *r, clm_tape *tape, clm_task_inputs *in)
{
    CLM_TRY(clm_full_graph_inputs(tape, r->cell->dataset, r->recorded ? &r->first : NULL, in));
    if (!r->recorded && r->roles.share)
        in->roles =
            clm_input_f32(tape, "roles", r->roles.share, CLM_DIMS(r->graph->nodes, r->roles.count));
    if (!r->recorded) r->first = *in;
    r->recorded = true;
    return CLM_OK;
}

/* Rows of roles of the batch's nodes. */
static clm_tensor *batch_roles(recording *r, clm_tape *tape, const clm_graph_batch *b)
{
    if (!r->roles.share) return NULL;
    const int64_t dim[] = {r->graph->nodes, r->roles.count};
    clm_tensor *all = r->role_input ? clm_input_shared(tape, r->role_input)
                                    : clm_input_f32(tape, "roles", r->roles.share, 2, dim);
    if (!r->role_input) r->role_input = all;
    return clm_pick_rows(tape, all, &(clm_rows){.index = b->node});
}

static clm_tensor *loss_of(const recording *r, clm_tape *tape, clm_tensor *logits,
                           clm_tensor *label, clm_tensor *balance)
{
    clm_tensor *task = r->graph->task == CLM_TASK_ACCURACY ? clm_nll_loss(tape, logits, label)
                       : r->graph->task == CLM_TASK_RMSE   ? clm_mse_loss(tape, logits, label)
                                                           : clm_bce_loss(tape, logits, label);
    if (!balance) return task;
    return clm_add(tape, 2, (clm_tensor *[]){task, balance}, NULL);
}

static void keep_seen(clm_tape *tape, const clm_task_seen *seen)
{
    clm_tensor *const tensor[] = {seen->routing.probability, seen->routing.topk, seen->rows,
                                  seen->needed};
    for (size_t i = 0; i < sizeof tensor / sizeof *tensor; i++)
        if (tensor[i]) clm_keep(tape, tensor[i]);
}

/* Inputs of the batch of a step, and its labels. */
static clm_tensor *batch(recording *r, clm_tape *tape, clm_graph_batches *batches,
                         clm_task_inputs *in)
{
    const clm_graph_batch b = clm_graph_batch_record(tape, batches);
    *in = (clm_task_inputs){.nodes = b.nodes,
                            .graphs = b.graphs,
                            .live = b.live,
                            .dense = b.feature,
                            .category = b.category,
                            .category_rows = batches->set->category_rows,
                            .categories = &r->graph->category,
                            .bonds = {&r->bonds[0], &r->bonds[1]},
                            .hop = {b.hop[0], b.hop[1]},
                            .graph_ptr = b.graph_ptr,
                            .graph_of = b.graph_of,
                            .roles = batch_roles(r, tape, &b),
                            .outputs = r->tapes->outputs};
    return b.label;
}

/* --- tapes --- */

static clm_status record_train(recording *r)
{
    clm_task_tapes *t = r->tapes;
    clm_tape *tape = t->train = clm_training_tape(r->scope, r->cell, t->parameters, true);
    clm_task_inputs in;
    clm_tensor *label = NULL, *balance = NULL;
    if (t->order)
        label = batch(r, tape, t->order, &in);
    else
        CLM_TRY(whole(r, tape, &in));
    if (!t->order) label = node_labels(r, tape);
    clm_tensor *logits =
        r->predictor(tape, t->parameters, r->cell->config, &in, &balance, &t->trained);
    t->loss = loss_of(r, tape, logits, label, balance);
    t->trained.routing = (clm_routing){0}; /* that of the scored graphs is looked at */
    keep_seen(tape, &t->trained);
    return clm_training_plan_step(r->cell, tape, t->loss);
}

/* A tape of predictions by running statistics and without noise, and those. */
static clm_tensor *predictions(recording *r, clm_graph_batches *batches, clm_task_seen *seen,
                               clm_tensor **live, clm_tape **tape)
{
    clm_task_tapes *t = r->tapes;
    clm_task_inputs in;
    clm_tensor *balance;
    *tape = clm_training_tape(r->scope, r->cell, t->parameters, false);
    if (batches)
        (void)batch(r, *tape, batches, &in);
    else if (whole(r, *tape, &in) != CLM_OK)
        return NULL;
    clm_tensor *logits = r->predictor(*tape, t->parameters, r->cell->config, &in, &balance, seen);
    if (logits) clm_keep(*tape, logits);
    if (seen && seen->routing.topk && batches) clm_keep(*tape, *live = in.live);
    if (seen) keep_seen(*tape, seen);
    clm_tape_share_memory(*tape, t->train);
    return logits;
}

static clm_status record_score(recording *r, clm_graph_batches *batches)
{
    clm_task_tapes *t = r->tapes;
    t->logits = predictions(r, batches, &t->seen, &t->live, &t->score);
    if (t->order) return clm_tape_plan(t->score);
    t->infer = t->score;
    return clm_training_plan(r->cell, t->infer);
}

/* Graphs of the three tapes: shuffled, or in windows of those that validate and then those that
 * test, or one batch of those that train as the first epoch takes them. */
static clm_status choose(recording *r, clm_batch_set *set, clm_graph_batches *windows,
                         clm_graph_batches *first)
{
    clm_task_tapes *t = r->tapes;
    const clm_config *config = r->cell->config;
    const clm_task_split *s = &t->split;
    const uint32_t seed = (uint32_t)clm_config_int(config, "seed");
    const int32_t train = s->count[CLM_SPLIT_TRAIN], val = s->count[CLM_SPLIT_VAL],
                  rest = val + s->count[CLM_SPLIT_TEST];
    const int64_t graphs = clm_config_int(config, "batch");
    int32_t *id = clm_alloc_array(r->scope, (size_t)rest, sizeof *id);
    memcpy(id, s->id[CLM_SPLIT_VAL], (size_t)val * sizeof *id);
    memcpy(id + val, s->id[CLM_SPLIT_TEST], (size_t)(rest - val) * sizeof *id);
    t->window = rest < WINDOW ? rest : WINDOW;
    t->order = clm_alloc(r->scope, sizeof *t->order);
    const double drop =
        clm_config_has(config, "drop_node") ? clm_config_real(config, "drop_node") : 0;
    const clm_batch_choice shuffled = {.id = s->id[CLM_SPLIT_TRAIN],
                                       .count = train,
                                       .graphs = graphs < train ? graphs : train,
                                       .epochs = clm_config_int(config, "epochs"),
                                       .seed = seed,
                                       .drop = drop};
    CLM_TRY(clm_graph_batches_new(r->scope, set, &shuffled, t->order));
    CLM_TRY(clm_graph_batches_shuffle(t->order, 0));
    const clm_batch_choice once = {
        .id = t->order->order, .count = (int32_t)shuffled.graphs, .graphs = shuffled.graphs};
    CLM_TRY(clm_graph_batches_new(r->scope, set, &once, first));
    const clm_batch_choice scored = {.id = id, .count = rest, .graphs = t->window};
    return clm_graph_batches_new(r->scope, set, &scored, windows);
}

/* A mean step of training. Of k nodes that n keep, each pair is both with probability k (k - 1) / n
 * (n - 1). */
static clm_training_work work_of(const clm_graph *graph, const clm_task_tapes *t)
{
    const clm_relation *edges = &graph->relation[0];
    const clm_graph_batches *b = t->order;
    clm_training_work work = {.nodes = graph->nodes, .edges = edges->count, .live = 1};
    if (!b) return work;
    clm_scope scope = {0};
    double *share = clm_alloc_array(&scope, (size_t)graph->nodes + 1, sizeof *share);
    work.nodes = work.edges = 0;
    for (int32_t i = 0; i < t->split.count[CLM_SPLIT_TRAIN]; i++) {
        const int32_t g = t->split.id[CLM_SPLIT_TRAIN][i], first = graph->graph_first[g];
        const double n = graph->graph_first[g + 1] - first, k = b->kept ? b->kept[g] : n;
        work.nodes += k;
        for (int32_t v = first; v < graph->graph_first[g + 1]; v++)
            share[v] = n > 1 ? k * (k - 1) / (n * (n - 1)) : 1;
    }
    for (int32_t e = 0; e < edges->count; e++)
        work.edges += share[edges->src[e]];
    const double steps = ceil((double)t->split.count[CLM_SPLIT_TRAIN] / (double)b->choice.graphs);
    work.nodes /= steps;
    work.edges /= steps;
    work.live = work.nodes / (double)b->nodes;
    clm_scope_end(&scope);
    return work;
}

/* Sizes of the tables of each hop's edges: two edges one after the other have twice as many. */
static void bond_categories(recording *r)
{
    const clm_categories *one = &r->graph->relation[0].category;
    const size_t fields = (size_t)one->fields;
    int32_t *size = clm_alloc_array(r->scope, 2 * fields + 1, sizeof *size);
    for (size_t f = 0; f < 2 * fields; f++)
        size[f] = one->size[f % fields];
    r->bonds[0] = (clm_categories){.fields = one->fields, .size = size};
    r->bonds[1] = (clm_categories){.fields = 2 * one->fields, .size = size};
}

/* Which two-hop edges the model reads. */
static clm_two_hops two_hops(const clm_config *c)
{
    if (!clm_config_has(c, "hop1")) return CLM_TWO_HOPS_NONE;
    if (clm_config_int(c, "hop1") == clm_config_int(c, "experts")) return CLM_TWO_HOPS_NONE;
    return clm_config_is(c, "two_hop", "released") ? CLM_TWO_HOPS_RELEASED : CLM_TWO_HOPS;
}

clm_status clm_task_tapes_new(clm_scope *scope, const clm_cell *cell, clm_task_tapes *tapes)
{
    const clm_config *config = cell->config;
    const clm_graph *graph = &cell->dataset->graph;
    const uint32_t seed = (uint32_t)clm_config_int(config, "seed");
    recording *r = clm_alloc(scope, sizeof *r);
    *r = (recording){.scope = scope,
                     .cell = cell,
                     .graph = graph,
                     .tapes = tapes,
                     .predictor = clm_config_model(config)->predictor};
    *tapes = (clm_task_tapes){.parameters = clm_parameters_new(scope, seed),
                              .outputs = clm_task_outputs(graph),
                              .steps = 1};
    CLM_TRY(clm_task_split_new(scope, graph, seed, &tapes->split));
    bond_categories(r);
    const clm_model *model = clm_config_model(config);
    const int roles = model->roles ? model->roles(config) : 0;
    if (roles > 0) CLM_TRY(clm_roles_new(scope, graph, roles, &r->roles));
    clm_batch_set *set = clm_alloc(scope, sizeof *set);
    clm_graph_batches *batches = clm_alloc_array(scope, 2, sizeof *batches);
    if (graph->graphs) {
        CLM_TRY(clm_batch_set_new(scope, graph, two_hops(config), set));
        CLM_TRY(choose(r, set, &batches[0], &batches[1]));
        tapes->steps = tapes->order->steps;
    }
    tapes->work = work_of(graph, tapes);
    CLM_TRY(record_train(r));
    tapes->windows = graph->graphs ? batches[0].steps : 1;
    CLM_TRY(record_score(r, graph->graphs ? &batches[0] : NULL));
    if (!graph->graphs) return CLM_OK;
    (void)predictions(r, &batches[1], NULL, NULL, &tapes->infer);
    return clm_training_plan(r->cell, tapes->infer);
}

/* --- predictions --- */

/* Rows of all nodes: those of the part. */
static clm_status predict_nodes(clm_task_tapes *t, int part, float *prediction)
{
    clm_scope scope = {0};
    const size_t outputs = (size_t)t->outputs;
    float *all = clm_alloc(&scope, clm_tensor_bytes(t->logits) + 4);
    const clm_status status = clm_tensor_read(t->score, t->logits, all);
    for (int32_t i = 0; status == CLM_OK && i < t->split.count[part]; i++)
        memcpy(prediction + (size_t)i * outputs, all + (size_t)t->split.id[part][i] * outputs,
               outputs * sizeof *all);
    clm_scope_end(&scope);
    return status;
}

/* One window: the graphs of it that are of the part, which begins at graph `first` of the order. */
static clm_status predict_window(clm_task_tapes *t, int64_t window, int64_t first, int64_t count,
                                 float *prediction)
{
    clm_scope scope = {0};
    float *all = clm_alloc(&scope, clm_tensor_bytes(t->logits) + 4);
    const clm_status status = clm_tensor_read(t->score, t->logits, all);
    for (int64_t i = 0; status == CLM_OK && i < t->window; i++) {
        const int64_t to = window * t->window + i - first;
        if (to >= 0 && to < count)
            memcpy(prediction + to * t->outputs, all + i * t->outputs,
                   (size_t)t->outputs * sizeof *all);
    }
    clm_scope_end(&scope);
    return status;
}

clm_status clm_task_predict(clm_task_tapes *t, int part, float *prediction, clm_task_window window,
                            void *user)
{
    const int32_t turn = t->turns++; /* what is drawn in evaluation differs from one to the next */
    if (!t->order) {
        CLM_TRY(clm_tape_run(t->score, turn, 0));
        CLM_TRY(predict_nodes(t, part, prediction));
        return window ? window(user, t) : CLM_OK;
    }
    const int64_t first = part == CLM_SPLIT_TEST ? t->split.count[CLM_SPLIT_VAL] : 0,
                  count = t->split.count[part];
    for (int64_t w = first / t->window; w * t->window < first + count; w++) {
        CLM_TRY(clm_tape_run(t->score, (int32_t)(turn * t->windows + w), 0));
        CLM_TRY(predict_window(t, w, first, count, prediction));
        if (window) CLM_TRY(window(user, t));
    }
    return CLM_OK;
}
