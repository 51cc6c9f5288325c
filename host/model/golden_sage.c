/* Golden files of GraphSAGE-MoE layers: the recording function of training, on the weights and the
 * graph of the file. */
#include "model/golden_file.h"
#include "model/sage.h"

#include "base/text.h"

#include <string.h>

/* Edges sorted by one end, in their order within it. */
static void sort_edges(clm_scope *scope, int64_t nodes, const clm_file_tensor *by,
                       const clm_file_tensor *other, int32_t **row_ptr, int32_t **end)
{
    const int32_t *key = by->data, *value = other->data;
    const int64_t edges = by->dim[0];
    int32_t *ptr = clm_alloc_array(scope, (size_t)nodes + 2, sizeof *ptr);
    *end = clm_alloc_array(scope, (size_t)edges + 1, sizeof **end);
    for (int64_t e = 0; e < edges; e++)
        ptr[key[e] + 2]++;
    for (int64_t i = 2; i <= nodes; i++)
        ptr[i] += ptr[i - 1]; /* ptr[i + 1]: where node i goes on */
    for (int64_t e = 0; e < edges; e++)
        (*end)[ptr[key[e] + 1]++] = value[e];
    *row_ptr = ptr;
}

static clm_status record_graph(clm_golden *g, clm_tape *tape, int64_t nodes, clm_sage_graph *graph)
{
    const clm_file_tensor *src, *dst;
    CLM_TRY(clm_golden_i32(g, "in.edge_src", &src));
    CLM_TRY(clm_golden_i32(g, "in.edge_dst", &dst));
    const clm_file_tensor *roles = clm_safetensors_find(&g->file, "in.roles");
    const clm_file_tensor *noise = clm_safetensors_find(&g->file, "in.noise");
    int32_t *row_ptr, *from, *t_row_ptr, *to;
    sort_edges(g->scope, nodes, dst, src, &row_ptr, &from);
    sort_edges(g->scope, nodes, src, dst, &t_row_ptr, &to);
    const int64_t edges = src->dim[0];
    *graph = (clm_sage_graph){
        .nodes = nodes,
        .live = clm_input_i32(tape, "all nodes", (int32_t[]){0, (int32_t)nodes}, CLM_DIMS(2)),
        .edges =
            clm_mean_edges_new(tape, clm_input_i32(tape, "rows", row_ptr, CLM_DIMS(nodes + 1)),
                               clm_input_i32(tape, "sources", from, CLM_DIMS(edges)),
                               clm_input_i32(tape, "rows back", t_row_ptr, CLM_DIMS(nodes + 1)),
                               clm_input_i32(tape, "targets", to, CLM_DIMS(edges)))};
    if (roles) graph->roles = clm_input_f32(tape, "roles", roles->data, roles->rank, roles->dim);
    if (noise) graph->noise = clm_input_f32(tape, "noise", noise->data, noise->rank, noise->dim);
    return CLM_OK;
}

/* The model keeps experts side by side: [E out, in] and [E out], where files have [E, out, in] and
 * [E, out]. */
static void stack_experts(clm_golden *g)
{
    for (size_t i = 0; i < g->file.count; i++) {
        clm_file_tensor *t = &g->file.tensor[i];
        const bool weight = !strncmp(t->name, "param.w", 7), bias = !strncmp(t->name, "param.b", 7);
        if (!(weight && t->rank == 3) && !(bias && t->rank == 2)) continue;
        t->rank--;
        t->dim[0] *= t->dim[1];
        t->dim[1] = t->dim[2];
    }
}

/* What the variant's parameters are called tells the sizes. */
static clm_status read_sage(clm_golden *g, clm_sage *sage)
{
    const clm_file_tensor *cotangent, *gate = clm_safetensors_find(&g->file, "out.gate");
    const char *word = clm_golden_word(g, "variant", "");
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    *sage = (clm_sage){.width = (int)cotangent->dim[1],
                       .layers = 1,
                       .experts = gate ? (int)gate->dim[1] : 1,
                       .top_k = clm_golden_int(g, "top_k", 1)};
    while (clm_sage_variants[sage->variant] && strcmp(word, clm_sage_variants[sage->variant]) != 0)
        sage->variant++;
    if (clm_sage_variants[sage->variant]) return CLM_OK;
    return clm_fail(CLM_ERROR_USAGE, "%s: there is no variant '%s'", g->name, word);
}

/* The file has a row for each node and expert, also where all nodes take the same few. */
static clm_status compare_gate(clm_golden *g, clm_tape *tape, const clm_sage *sage, int64_t nodes,
                               const clm_sage_seen *seen)
{
    if (!seen->topk) return clm_golden_compare_tensor(g, "out.gate", tape, seen->gate);
    const size_t k = (size_t)sage->top_k, experts = (size_t)sage->experts;
    float *chosen = clm_alloc_array(g->scope, k, sizeof *chosen);
    float *all = clm_alloc_array(g->scope, (size_t)nodes * experts + 1, sizeof *all);
    int32_t *topk = clm_alloc_array(g->scope, k, sizeof *topk);
    CLM_TRY(clm_tensor_read(tape, seen->gate, chosen));
    CLM_TRY(clm_tensor_read(tape, seen->topk, topk));
    for (size_t n = 0; n < (size_t)nodes; n++)
        for (size_t j = 0; j < k; j++)
            all[n * experts + (size_t)topk[j]] = chosen[j];
    clm_golden_compare(g, "out.gate", all, NULL);
    return CLM_OK;
}

clm_status clm_golden_sage(clm_golden *g)
{
    const clm_file_tensor *x, *cotangent;
    clm_sage sage;
    clm_sage_graph graph;
    clm_sage_seen seen;
    CLM_TRY(clm_golden_f32(g, "in.x", &x));
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    CLM_TRY(read_sage(g, &sage));
    stack_experts(g);
    clm_parameters *parameters = clm_parameters_new(g->scope, 0);
    clm_tape *tape = clm_tape_new(g->scope, g->context, parameters, 0);
    clm_tape_set_training(tape, true);
    CLM_TRY(record_graph(g, tape, x->dim[0], &graph));
    clm_tensor *in = clm_input_f32(tape, "x", x->data, x->rank, x->dim);
    clm_want_gradient(tape, in);
    clm_tensor *y =
        clm_sage_layer(tape, parameters, "", &sage, &graph, (clm_sage_rows){.dense = in}, 0, &seen);
    clm_tensor *dy = clm_input_f32(tape, "dy", cotangent->data, cotangent->rank, cotangent->dim);
    if (y) clm_keep(tape, y);
    if (y && seen.gate) clm_keep(tape, seen.gate);
    if (y && seen.topk) clm_keep(tape, seen.topk);
    clm_tape_backward_from(tape, 1, &y, &dy);
    CLM_TRY(clm_checkpoint_load(parameters, &g->file, "param."));
    CLM_TRY(clm_tape_plan(tape));
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(clm_golden_compare_tensor(g, "out.y", tape, y));
    CLM_TRY(compare_gate(g, tape, &sage, x->dim[0], &seen));
    CLM_TRY(clm_golden_compare_loss(g, tape, y, cotangent, 0));
    CLM_TRY(clm_golden_compare_tensor(g, "grad.in.x", tape, clm_gradient_of(tape, in)));
    return clm_golden_compare_gradients(g, parameters);
}
