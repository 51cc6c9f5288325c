#include "model/link_tapes.h"

#include "cl/add/add.h"
#include "cl/draw_pairs/draw_pairs.h"
#include "cl/label_loss/label_loss.h"
#include "model/training.h"

/* One tape being recorded. */
typedef struct recording {
    clm_scope *scope;
    const clm_cell *cell;
    clm_network network;
    bool with_edges;
    clm_features features;
    int32_t *type_first;
    bool *read; /* types whose embeddings are scored */
    bool all_read;
    const clm_node_type *start, *end; /* of the target relation */
    clm_graph_inputs first; /* of the tape recorded first: the others share its features */
    bool recorded;
} recording;

static clm_status open(recording *r, clm_link_tapes *tapes, const clm_pairs_host *edges,
                       bool training, clm_tape **tape, clm_graph_inputs *in, int64_t *edge_count)
{
    const clm_dataset *data = r->cell->dataset;
    const clm_config *config = r->cell->config;
    const bool leak = r->with_edges && clm_config_is(config, "reverse", "leak");
    const bool mixture = clm_config_has(config, "experts");
    clm_adjacency adjacency = {0}, last = {0};
    *tape = clm_training_tape(r->scope, r->cell, tapes->parameters, training);
    /* the balance loss of a mixture counts every node, and so every message */
    const bool fewer_last = r->with_edges && !r->all_read && !(training && mixture);
    clm_adjacency_choice choice = {.leak = leak};
    if (r->with_edges) {
        choice.per_relation = clm_config_is(config, "softmax", "per_relation");
        CLM_TRY(clm_adjacency_new(r->scope, data, edges, choice, &adjacency));
    }
    choice.into = r->read;
    if (fewer_last) CLM_TRY(clm_adjacency_new(r->scope, data, edges, choice, &last));
    const clm_graph_source source = {.types = data->graph.types,
                                     .type_first = r->type_first,
                                     .read = r->read,
                                     .features = &r->features,
                                     .adjacency = r->with_edges ? &adjacency : NULL,
                                     .last = fewer_last ? &last : NULL};
    clm_graph_inputs_record(*tape, &source, r->recorded ? &r->first : NULL, in);
    if (!r->recorded) r->first = *in;
    r->recorded = true;
    *edge_count = adjacency.edges;
    return CLM_OK;
}

/* Positives, then negatives, as indices: u counted from the first start node, v over all nodes. */
static int32_t pair_inputs(const recording *r, clm_tape *tape, const clm_pairs_host *yes,
                           const clm_pairs_host *no, clm_tensor **u, clm_tensor **v)
{
    const int32_t n = yes->count + (no ? no->count : 0);
    int32_t *index = clm_alloc_array(r->scope, 2 * (size_t)n + 1, sizeof *index);
    for (int32_t i = 0; i < n; i++) {
        const clm_pairs_host *from = i < yes->count ? yes : no;
        const int32_t j = i < yes->count ? i : i - yes->count;
        index[i] = from->u[j] - r->start->first;
        index[n + i] = from->v[j];
    }
    *u = clm_input_i32(tape, "pair starts", index, CLM_DIMS(n));
    *v = clm_input_i32(tape, "pair ends", index + n, CLM_DIMS(n));
    return n;
}

static clm_status record_train(recording *r, clm_link_tapes *tapes)
{
    const clm_config *config = r->cell->config;
    clm_graph_inputs in;
    CLM_TRY(open(r, tapes, r->with_edges ? &tapes->split.message : NULL, true, &tapes->train, &in,
                 &tapes->train_edges));
    clm_tape *tape = tapes->train;
    clm_tensor *balance = NULL, *u, *v;
    clm_tensor *h = r->network(tape, tapes->parameters, config, &in, &balance, NULL);
    const int32_t n = pair_inputs(r, tape, &tapes->split.supervision, NULL, &u, &v);
    const clm_pairs pairs =
        clm_draw_pairs(tape, u, v, 0, r->start->count, r->end->first, r->end->count);
    float *label = clm_alloc_array(r->scope, 2 * (size_t)n, sizeof *label);
    for (int32_t i = 0; i < n; i++)
        label[i] = 1;
    clm_tensor *score = clm_bilinear_scores(tape, tapes->parameters, h, r->start->first,
                                            r->start->count, pairs.u, pairs.v);
    clm_tensor *task =
        clm_bce_loss(tape, score, clm_input_f32(tape, "pair labels", label, CLM_DIMS(2 * n)));
    tapes->loss = task;
    if (balance) {
        const double share[2] = {1, clm_config_real(config, "balance")};
        tapes->loss = clm_add(tape, 2, (clm_tensor *[]){task, balance}, share);
    }
    return clm_training_plan_step(r->cell, tape, tapes->loss);
}

static clm_status record_scores(recording *r, clm_link_tapes *tapes, const clm_pairs_host *message,
                                const clm_pairs_host *yes, const clm_pairs_host *no,
                                clm_her_seen *seen, clm_tape **tape, clm_tensor **score,
                                int32_t *pairs, int64_t *edges)
{
    clm_graph_inputs in;
    clm_tensor *balance, *u, *v;
    CLM_TRY(open(r, tapes, message, false, tape, &in, edges));
    clm_tensor *h = r->network(*tape, tapes->parameters, r->cell->config, &in, &balance, seen);
    if (seen && seen->routing.gate) {
        clm_keep(*tape, seen->routing.probability);
        clm_keep(*tape, seen->routing.topk);
    }
    *pairs = pair_inputs(r, *tape, yes, no, &u, &v);
    *score =
        clm_bilinear_scores(*tape, tapes->parameters, h, r->start->first, r->start->count, u, v);
    if (*score) clm_keep(*tape, *score);
    clm_tape_share_memory(*tape, tapes->train);
    return clm_tape_plan(*tape);
}

static clm_status record_inference(recording *r, clm_link_tapes *tapes,
                                   const clm_pairs_host *message)
{
    clm_graph_inputs in;
    clm_tensor *balance;
    CLM_TRY(open(r, tapes, message, false, &tapes->infer, &in, &tapes->test_edges));
    clm_tensor *h =
        r->network(tapes->infer, tapes->parameters, r->cell->config, &in, &balance, NULL);
    tapes->embedding = h;
    if (h) clm_keep(tapes->infer, h);
    clm_tape_share_memory(tapes->infer, tapes->train);
    return clm_training_plan(r->cell, tapes->infer);
}

clm_status clm_link_tapes_new(clm_scope *scope, const clm_cell *cell, bool every_row,
                              clm_link_tapes *tapes)
{
    const clm_dataset *data = cell->dataset;
    const clm_relation *target = &data->graph.relation[data->target];
    const uint32_t seed = (uint32_t)clm_config_int(cell->config, "seed");
    const clm_model *model = clm_config_model(cell->config);
    const double disjoint = model->reads_edges ? clm_config_real(cell->config, "disjoint") : 0;
    recording r = {.scope = scope,
                   .cell = cell,
                   .network = model->network,
                   .with_edges = model->reads_edges,
                   .start = &data->graph.type[target->from],
                   .end = &data->graph.type[target->to]};
    *tapes = (clm_link_tapes){.parameters = clm_parameters_new(scope, seed)};
    r.type_first = clm_alloc_array(scope, (size_t)data->graph.types + 1, sizeof *r.type_first);
    r.read = clm_alloc_array(scope, (size_t)data->graph.types, sizeof *r.read);
    r.all_read = true;
    for (int t = 0; t < data->graph.types; t++) {
        r.read[t] = every_row || t == target->from || t == target->to;
        r.all_read &= r.read[t];
    }
    for (int t = 0; t < data->graph.types; t++)
        r.type_first[t + 1] = data->graph.type[t].first + data->graph.type[t].count;
    CLM_TRY(clm_link_split_new(scope, data, disjoint, seed, &tapes->split));
    const clm_link_split *s = &tapes->split;
    CLM_TRY(clm_features_new(scope, data, clm_config_is(cell->config, "features", "train_only"),
                             &s->train, &r.features));
    CLM_TRY(record_train(&r, tapes));
    CLM_TRY(record_scores(&r, tapes, &s->train, &s->val, &s->val_negative, NULL, &tapes->val,
                          &tapes->val_score, &tapes->val_pairs, &tapes->test_edges));
    CLM_TRY(record_scores(&r, tapes, &s->test_message, &s->test, &s->test_negative, &tapes->seen,
                          &tapes->test, &tapes->test_score, &tapes->test_pairs,
                          &tapes->test_edges));
    return record_inference(&r, tapes, &s->test_message);
}
