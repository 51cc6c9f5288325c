/* Golden files of HGT layers, mixtures and whole HER models: the same recording functions as in
 * training, on the weights and graphs of the file. */
#include "cl/adam/adam.h"
#include "cl/add/add.h"
#include "cl/label_loss/label_loss.h"
#include "model/golden_file.h"
#include "model/her.h"

#include "base/text.h"

#include <string.h>

/* A graph as the files hold it: node types by offsets, edges by relation. */
typedef struct golden_graph {
    int types, relations;
    const int32_t *type_first;
    clm_adjacency adjacency;
} golden_graph;

static clm_status read_graph(const clm_golden *g, bool per_relation, golden_graph *graph)
{
    const clm_file_tensor *offsets, *src, *dst, *relation, *mu;
    CLM_TRY(clm_golden_i32(g, "in.type_offsets", &offsets));
    CLM_TRY(clm_golden_i32(g, "in.edge_src", &src));
    CLM_TRY(clm_golden_i32(g, "in.edge_dst", &dst));
    CLM_TRY(clm_golden_i32(g, "in.edge_relation", &relation));
    mu = clm_safetensors_find(&g->file, "param.mu");
    if (!mu) CLM_TRY(clm_golden_f32(g, "param.layer.0.hgt.mu", &mu));
    graph->types = (int)offsets->dim[0] - 1;
    graph->relations = (int)mu->dim[0];
    graph->type_first = offsets->data;
    clm_dataset *data = clm_alloc(g->scope, sizeof *data);
    *data = (clm_dataset){.name = g->name, .target = -1, .reverse = -1};
    data->graph = (clm_graph){.name = g->name,
                              .nodes = graph->type_first[graph->types],
                              .types = graph->types,
                              .relations = graph->relations};
    data->graph.type = clm_alloc_array(g->scope, (size_t)graph->types, sizeof *data->graph.type);
    for (int t = 0; t < graph->types; t++)
        data->graph.type[t] = (clm_node_type){"", graph->type_first[t],
                                              graph->type_first[t + 1] - graph->type_first[t], 0};
    data->graph.relation =
        clm_alloc_array(g->scope, (size_t)graph->relations, sizeof *data->graph.relation);
    const int32_t *r = relation->data;
    int32_t first = 0; /* edges are sorted by relation */
    for (int i = 0; i < graph->relations; i++) {
        int32_t count = 0;
        while (first + count < relation->dim[0] && r[first + count] == i)
            count++;
        clm_relation *to = &data->graph.relation[i];
        *to = (clm_relation){.name = "",
                             .count = count,
                             .src = (int32_t *)src->data + first,
                             .dst = (int32_t *)dst->data + first};
        for (int t = 0; t < graph->types && count; t++) {
            if (to->src[0] >= graph->type_first[t]) to->from = t;
            if (to->dst[0] >= graph->type_first[t]) to->to = t;
        }
        first += count;
    }
    return clm_adjacency_new(g->scope, data, NULL,
                             (clm_adjacency_choice){.per_relation = per_relation},
                             &graph->adjacency);
}

/* The file numbers edges as listed, attention as sorted by target. */
static clm_status compare_alpha(clm_golden *g, clm_tape *tape, const clm_tensor *alpha,
                                const clm_adjacency *a)
{
    const int64_t heads = alpha->dim[1];
    float *sorted = clm_alloc(g->scope, 2 * clm_tensor_bytes(alpha) + 4),
          *listed = sorted + clm_elements(alpha);
    CLM_TRY(clm_tensor_read(tape, alpha, sorted));
    for (int64_t e = 0; e < a->edges; e++)
        memcpy(listed + a->input[e] * heads, sorted + e * heads, (size_t)heads * sizeof *listed);
    clm_golden_compare(g, "out.alpha", listed, NULL);
    return CLM_OK;
}

clm_status clm_golden_hgt(clm_golden *g)
{
    const clm_file_tensor *x, *cotangent;
    golden_graph graph;
    clm_graph_inputs in;
    clm_her_seen seen = {0};
    CLM_TRY(clm_golden_f32(g, "in.x", &x));
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    CLM_TRY(read_graph(g, !strcmp(clm_golden_word(g, "softmax_scope", "joint"), "per_relation"),
                       &graph));
    const clm_her her = {.width = (int)x->dim[1],
                         .layers = 1,
                         .heads = clm_golden_int(g, "heads", 1),
                         .gated_update =
                             !strcmp(clm_golden_word(g, "update", "residual"), "gated")};
    clm_parameters *parameters = clm_parameters_new(g->scope, 0);
    clm_tape *tape = clm_tape_new(g->scope, g->context, parameters, 0);
    clm_tape_set_training(tape, true);
    const clm_graph_source source = {
        .types = graph.types, .type_first = graph.type_first, .adjacency = &graph.adjacency};
    clm_graph_inputs_record(tape, &source, NULL, &in);
    clm_tensor *h = clm_input_f32(tape, "x", x->data, x->rank, x->dim);
    clm_want_gradient(tape, h);
    clm_tensor *y = clm_hgt_layer(tape, parameters, "", &her, &in, &in.graph, h, &seen);
    clm_tensor *dy = clm_input_f32(tape, "dy", cotangent->data, cotangent->rank, cotangent->dim);
    if (y) {
        clm_keep(tape, y);
        clm_keep(tape, seen.alpha);
        clm_keep(tape, seen.aggregated);
    }
    clm_tape_backward_from(tape, 1, &y, &dy);
    CLM_TRY(clm_checkpoint_load(parameters, &g->file, "param."));
    CLM_TRY(clm_tape_plan(tape));
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(clm_golden_compare_tensor(g, "out.y", tape, y));
    CLM_TRY(clm_golden_compare_tensor(g, "out.aggregated", tape, seen.aggregated));
    CLM_TRY(compare_alpha(g, tape, seen.alpha, &graph.adjacency));
    CLM_TRY(clm_golden_compare_loss(g, tape, y, cotangent, 0));
    CLM_TRY(clm_golden_compare_tensor(g, "grad.in.x", tape, clm_gradient_of(tape, h)));
    return clm_golden_compare_gradients(g, parameters);
}

static clm_fusion fusion_of(const clm_golden *g)
{
    const char *word = clm_golden_word(g, "fusion", "none");
    return !strcmp(word, "add")      ? CLM_FUSION_ADD
           : !strcmp(word, "concat") ? CLM_FUSION_CONCAT
           : !strcmp(word, "gated")  ? CLM_FUSION_GATED
                                     : CLM_FUSION_NONE;
}

static int32_t *type_offsets(clm_scope *scope, const clm_file_tensor *type, int *types)
{
    const int32_t *t = type->data;
    const int64_t n = type->dim[0];
    *types = n ? t[n - 1] + 1 : 0; /* nodes are sorted by type */
    int32_t *first = clm_alloc_array(scope, (size_t)*types + 1, sizeof *first);
    for (int64_t i = 0; i < n; i++)
        first[t[i] + 1] = (int32_t)i + 1;
    return first;
}

static clm_status compare_moe(clm_golden *g, clm_tape *tape, const clm_her_seen *seen,
                              clm_tensor *y, clm_tensor *balance, const clm_file_tensor *cotangent)
{
    float value = 0;
    CLM_TRY(clm_golden_compare_tensor(g, "out.y", tape, y));
    CLM_TRY(clm_golden_compare_tensor(g, "out.z", tape, seen->z));
    CLM_TRY(clm_golden_compare_tensor(g, "out.probability", tape, seen->routing.probability));
    CLM_TRY(clm_golden_compare_tensor(g, "out.topk", tape, seen->routing.topk));
    CLM_TRY(clm_golden_compare_tensor(g, "out.gate", tape, seen->routing.gate));
    CLM_TRY(clm_golden_compare_tensor(g, "out.balance", tape, balance));
    CLM_TRY(clm_tensor_read(tape, balance, &value));
    return clm_golden_compare_loss(g, tape, y, cotangent, 0.5 * value);
}

clm_status clm_golden_moe(clm_golden *g)
{
    const clm_file_tensor *h, *type, *mask, *cotangent, *w1;
    CLM_TRY(clm_golden_f32(g, "in.h", &h));
    CLM_TRY(clm_golden_f32(g, "in.mask", &mask));
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    CLM_TRY(clm_golden_f32(g, "param.w1", &w1));
    CLM_TRY(clm_golden_i32(g, "in.type", &type));
    const clm_her her = {.width = (int)h->dim[1],
                         .mixture = CLM_SHARED_MIXTURE,
                         .experts = (int)w1->dim[0],
                         .expert_width = (int)w1->dim[1],
                         .top_k = clm_golden_int(g, "top_k", 1),
                         .renormalise = clm_golden_flag(g, "renormalise"),
                         .fusion = fusion_of(g)};
    clm_graph_inputs in;
    clm_her_seen seen = {0};
    clm_parameters *parameters = clm_parameters_new(g->scope, 0);
    clm_tape *tape = clm_tape_new(g->scope, g->context, parameters, 0);
    clm_tape_set_training(tape, true);
    int types;
    const int32_t *first = type_offsets(g->scope, type, &types);
    const clm_graph_source source = {.types = types, .type_first = first};
    clm_graph_inputs_record(tape, &source, NULL, &in);
    clm_tensor *x = clm_input_f32(tape, "h", h->data, h->rank, h->dim);
    clm_tensor *m = clm_input_f32(tape, "mask", mask->data, mask->rank, mask->dim), *balance = NULL;
    clm_want_gradient(tape, x);
    clm_tensor *y = clm_moe_layer(tape, parameters, "", &her, &in, x, NULL, m, 0, &balance, &seen);
    const float half = 0.5F;
    clm_tensor *out[2] = {y, balance},
               *cotangents[2] = {
                   clm_input_f32(tape, "dy", cotangent->data, cotangent->rank, cotangent->dim),
                   clm_input_f32(tape, "dbalance", &half, CLM_DIMS(1))};
    clm_tensor *kept[] = {
        y, balance, seen.z, seen.routing.probability, seen.routing.topk, seen.routing.gate};
    for (size_t i = 0; y && i < sizeof kept / sizeof *kept; i++)
        clm_keep(tape, kept[i]);
    clm_tape_backward_from(tape, 2, out, cotangents);
    CLM_TRY(clm_checkpoint_load(parameters, &g->file, "param."));
    CLM_TRY(clm_tape_plan(tape));
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(compare_moe(g, tape, &seen, y, balance, cotangent));
    CLM_TRY(clm_golden_compare_tensor(g, "grad.in.h", tape, clm_gradient_of(tape, x)));
    return clm_golden_compare_gradients(g, parameters);
}

/* --- the whole model --- */

/* Dense rows of every type as one CSR matrix with its transpose. */
static clm_status read_features(clm_golden *g, const golden_graph *graph, clm_features *f)
{
    clm_scope *scope = g->scope;
    const int32_t n = graph->type_first[graph->types];
    const clm_file_tensor **x = clm_alloc_array(scope, (size_t)graph->types, sizeof *x);
    *f = (clm_features){.rows = n,
                        .column_first = clm_alloc_array(scope, (size_t)graph->types + 1, 4)};
    for (int t = 0; t < graph->types; t++) {
        CLM_TRY(clm_golden_f32(g, clm_text(scope, "in.features.%d", t), &x[t]));
        f->column_first[t + 1] = f->column_first[t] + (int32_t)x[t]->dim[1];
        f->nonzeros += x[t]->dim[0] * x[t]->dim[1];
    }
    f->columns = f->column_first[graph->types];
    f->row_ptr = clm_alloc_array(scope, (size_t)n + 1, 4);
    f->t_row_ptr = clm_alloc_array(scope, (size_t)f->columns + 1, 4);
    f->col = clm_alloc_array(scope, (size_t)f->nonzeros + 1, 4);
    f->t_col = clm_alloc_array(scope, (size_t)f->nonzeros + 1, 4);
    f->val = clm_alloc_array(scope, (size_t)f->nonzeros + 1, 4);
    f->t_val = clm_alloc_array(scope, (size_t)f->nonzeros + 1, 4);
    int32_t at = 0, transposed = 0;
    for (int t = 0; t < graph->types; t++) {
        const int32_t rows = (int32_t)x[t]->dim[0], columns = (int32_t)x[t]->dim[1],
                      first = graph->type_first[t];
        const float *value = x[t]->data;
        for (int32_t i = 0; i < rows; i++, f->row_ptr[first + i] = at)
            for (int32_t c = 0; c < columns; c++, at++) {
                f->col[at] = f->column_first[t] + c;
                f->val[at] = value[i * columns + c];
            }
        for (int32_t c = 0; c < columns; c++, f->t_row_ptr[f->column_first[t] + c] = transposed)
            for (int32_t i = 0; i < rows; i++, transposed++) {
                f->t_col[transposed] = first + i;
                f->t_val[transposed] = value[i * columns + c];
            }
    }
    return CLM_OK;
}

typedef struct her_tape {
    clm_tape *tape;
    clm_parameters *parameters;
    clm_tensor *embedding, *score, *task, *balance, *loss;
} her_tape;

/* The model's sizes and switches from the description and the weights. */
static clm_status read_her(clm_golden *g, clm_her *her)
{
    const clm_file_tensor *b1, *router, *decoder;
    CLM_TRY(clm_golden_f32(g, "param.layer.0.moe.b1", &b1));
    CLM_TRY(clm_golden_f32(g, "param.layer.0.moe.w_router", &router));
    CLM_TRY(clm_golden_f32(g, "param.decoder", &decoder));
    *her = (clm_her){.width = (int)decoder->dim[0],
                     .heads = clm_golden_int(g, "heads", 1),
                     .layer_norm = !strcmp(clm_golden_word(g, "norm", "none"), "layer"),
                     .mixture = CLM_SHARED_MIXTURE,
                     .experts = (int)router->dim[0],
                     .top_k = clm_golden_int(g, "top_k", 1),
                     .expert_width = (int)b1->dim[1],
                     .renormalise = true,
                     .fusion = CLM_FUSION_ADD,
                     .moe_residual = clm_golden_flag(g, "moe_residual")};
    while (clm_safetensors_find(&g->file, clm_text(g->scope, "param.layer.%d.hgt.mu", her->layers)))
        her->layers++;
    return CLM_OK;
}

/* Scores of the file's pairs, whose starts all have one type. */
static clm_status record_scores(clm_golden *g, const golden_graph *graph, her_tape *out)
{
    const clm_file_tensor *u, *v;
    CLM_TRY(clm_golden_i32(g, "in.pair_u", &u));
    CLM_TRY(clm_golden_i32(g, "in.pair_v", &v));
    const int32_t *first = graph->type_first, *start = u->data;
    int type = 0;
    while (first[type + 1] <= start[0])
        type++;
    int32_t *local = clm_alloc_array(g->scope, (size_t)u->dim[0] + 1, sizeof *local);
    for (int64_t i = 0; i < u->dim[0]; i++)
        local[i] = start[i] - first[type];
    out->score = clm_bilinear_scores(out->tape, out->parameters, out->embedding, first[type],
                                     first[type + 1] - first[type],
                                     clm_input_i32(out->tape, "u", local, u->rank, u->dim),
                                     clm_input_i32(out->tape, "v", v->data, v->rank, v->dim));
    return CLM_OK;
}

static clm_status record_her(clm_golden *g, her_tape *out)
{
    golden_graph graph;
    clm_features features;
    clm_graph_inputs in;
    clm_her her;
    const clm_file_tensor *label, *m;
    CLM_TRY(read_graph(g, false, &graph));
    CLM_TRY(read_features(g, &graph, &features));
    CLM_TRY(read_her(g, &her));
    CLM_TRY(clm_golden_f32(g, "in.pair_label", &label));
    out->parameters = clm_parameters_new(g->scope, 0);
    clm_tape *tape = out->tape = clm_tape_new(g->scope, g->context, out->parameters, 0);
    clm_tape_set_training(tape, true);
    const clm_graph_source source = {.types = graph.types,
                                     .type_first = graph.type_first,
                                     .features = &features,
                                     .adjacency = &graph.adjacency};
    clm_graph_inputs_record(tape, &source, NULL, &in);
    clm_tensor **mask = clm_alloc_array(g->scope, (size_t)her.layers + 1, sizeof *mask);
    for (int l = 0; l < her.layers; l++) {
        CLM_TRY(clm_golden_f32(g, clm_text(g->scope, "in.mask.%d", l), &m));
        mask[l] = clm_input_f32(tape, "mask", m->data, m->rank, m->dim);
    }
    clm_tensor *x = clm_her_input(tape, out->parameters, &in, her.width);
    out->embedding = clm_her_layers(tape, out->parameters, &her, &in, x, mask, &out->balance, NULL);
    CLM_TRY(record_scores(g, &graph, out));
    out->task = clm_bce_loss(tape, out->score,
                             clm_input_f32(tape, "label", label->data, label->rank, label->dim));
    const double share[2] = {1, json_number_value(json_object_get(g->about, "lambda_"))};
    out->loss = clm_add(tape, 2, (clm_tensor *[]){out->task, out->balance}, share);
    clm_tensor *kept[] = {out->embedding, out->score, out->task, out->balance, out->loss};
    for (size_t i = 0; out->loss && i < sizeof kept / sizeof *kept; i++)
        clm_keep(tape, kept[i]);
    clm_tape_backward(tape, out->loss);
    clm_adam(tape, out->parameters, 0);
    return CLM_OK;
}

/* Adam magnifies rounding where a gradient is zero in exact arithmetic: only elements whose
 * gradient exceeds 1e-6 of the tensor's largest count. */
static void compare_after(clm_golden *g, const clm_safetensors *after)
{
    for (size_t i = 0; i < after->count; i++) {
        const char *name = after->tensor[i].name + strlen("out.after.");
        const clm_file_tensor *grad =
            clm_safetensors_find(&g->file, clm_text(g->scope, "grad.param.%s", name));
        if (!grad) continue;
        int64_t n = 1;
        for (int d = 0; d < grad->rank; d++)
            n *= grad->dim[d];
        bool *counts = clm_alloc_array(g->scope, (size_t)n + 1, sizeof *counts);
        float most = 0;
        for (int64_t j = 0; j < n; j++) {
            const float a = ((const float *)grad->data)[j];
            most = a > most ? a : -a > most ? -a : most;
        }
        for (int64_t j = 0; j < n; j++) {
            const float a = ((const float *)grad->data)[j];
            counts[j] = (a < 0 ? -a : a) > 1e-6F * most;
        }
        clm_golden_compare(g, after->tensor[i].name, after->tensor[i].data, counts);
    }
}

clm_status clm_golden_her(clm_golden *g)
{
    enum { STEPS = 3 };
    her_tape t = {0};
    float losses[STEPS];
    CLM_TRY(record_her(g, &t));
    CLM_TRY(clm_checkpoint_load(t.parameters, &g->file, "param."));
    CLM_TRY(clm_tape_plan(t.tape));
    for (int s = 0; s < STEPS; s++) {
        CLM_TRY(clm_tape_run(t.tape, s, 1e-3F));
        CLM_TRY(clm_tensor_read(t.tape, t.loss, &losses[s]));
        if (s > 0) continue;
        CLM_TRY(clm_golden_compare_tensor(g, "out.embedding", t.tape, t.embedding));
        CLM_TRY(clm_golden_compare_tensor(g, "out.score", t.tape, t.score));
        CLM_TRY(clm_golden_compare_tensor(g, "out.task_loss", t.tape, t.task));
        CLM_TRY(clm_golden_compare_tensor(g, "out.balance", t.tape, t.balance));
        CLM_TRY(clm_golden_compare_tensor(g, "out.loss", t.tape, t.loss));
        CLM_TRY(clm_golden_compare_gradients(g, t.parameters));
    }
    clm_golden_compare(g, "out.losses", losses, NULL);
    const clm_tensor *arena = clm_parameters_arena(t.parameters);
    float *values = clm_alloc(g->scope, clm_tensor_bytes(arena) + 4);
    CLM_TRY(clm_buffer_read(arena->buffer, 0, values, clm_tensor_bytes(arena)));
    clm_safetensors after = {0};
    clm_checkpoint_add(g->scope, t.parameters, values, "out.after.", &after);
    compare_after(g, &after);
    return CLM_OK;
}
