/* Golden files of GMoE layers: the recording function of training on the weights, edges and noise
 * of the file. */
#include "model/gmoe.h"
#include "model/golden_file.h"

#include "base/text.h"
#include "nn/pick_rows.h"

#include <math.h>
#include <string.h>

#define BALANCE 0.7 /* weight of the balance in the files' loss */

/* Edges sorted by `key`, and where each is in the file's list. */
static void sorted(const int32_t *key, const int32_t *other, int64_t edges, int64_t nodes,
                   int32_t *first, int32_t *to, int32_t *place)
{
    for (int64_t n = 0, used = 0; n < nodes; n++) {
        for (int64_t e = 0; e < edges; e++)
            if (key[e] == n) {
                to[used] = other[e];
                place[used++] = (int32_t)e;
            }
        first[n + 1] = (int32_t)used;
    }
}

/* The list of one hop; every edge is a kind of its own. */
static clm_status read_edges(clm_golden *g, clm_tape *tape, int hop, int64_t nodes,
                             clm_packed_edges *edges)
{
    const clm_file_tensor *src, *dst;
    CLM_TRY(clm_golden_i32(g, clm_text(g->scope, "in.edge%d_src", hop + 1), &src));
    CLM_TRY(clm_golden_i32(g, clm_text(g->scope, "in.edge%d_dst", hop + 1), &dst));
    const int64_t m = src->dim[0];
    int32_t *index = clm_alloc_array(g->scope, (size_t)(2 * (nodes + 1) + 4 * m), sizeof *index);
    int32_t *row_ptr = index, *t_row_ptr = row_ptr + nodes + 1, *from = t_row_ptr + nodes + 1,
            *kind = from + m, *to = kind + m, *t_kind = to + m;
    float *factor = clm_alloc_array(g->scope, (size_t)nodes, sizeof *factor);
    sorted(dst->data, src->data, m, nodes, row_ptr, from, kind);
    sorted(src->data, dst->data, m, nodes, t_row_ptr, to, t_kind);
    for (int64_t n = 0; n < nodes; n++)
        factor[n] = 1 / sqrtf((float)(1 + t_row_ptr[n + 1] - t_row_ptr[n]));
    *edges = (clm_packed_edges){
        .row_ptr = clm_input_i32(tape, "rows", row_ptr, CLM_DIMS(nodes + 1)),
        .src = clm_input_i32(tape, "sources", from, CLM_DIMS(m)),
        .kind = clm_input_i32(tape, "kinds", kind, CLM_DIMS(m)),
        .t_row_ptr = clm_input_i32(tape, "source rows", t_row_ptr, CLM_DIMS(nodes + 1)),
        .dst = clm_input_i32(tape, "targets", to, CLM_DIMS(m)),
        .t_kind = clm_input_i32(tape, "source kinds", t_kind, CLM_DIMS(m)),
        .factor = clm_input_f32(tape, "factor", factor, CLM_DIMS(nodes))};
    return CLM_OK;
}

/* Rows (e, m) of [E M, D] as rows (m, e). */
static clm_tensor *by_edge(clm_golden *g, clm_tape *tape, clm_tensor *rows, int64_t experts,
                           int64_t edges)
{
    const int64_t n = experts * edges;
    int32_t *index = clm_alloc_array(g->scope, (size_t)(3 * n + 1), sizeof *index),
            *inverse = index + n, *first = inverse + n;
    for (int64_t i = 0; i < n; i++) {
        index[i] = (int32_t)(i % experts * edges + i / experts);
        inverse[i] = (int32_t)(i % edges * experts + i / edges);
        first[i + 1] = (int32_t)(i + 1);
    }
    const clm_rows picked = {.index = clm_input_i32(tape, "by edge", index, CLM_DIMS(n)),
                             .inverse_offsets =
                                 clm_input_i32(tape, "by expert", first, CLM_DIMS(n + 1)),
                             .inverse = clm_input_i32(tape, "back", inverse, CLM_DIMS(n))};
    return clm_pick_rows(tape, rows, &picked);
}

/* Vectors of the edges, a linear map of their features for each expert, whose weights the file
 * holds as bond<hop> [E, D, features]: side by side [M, E D], or one by one [M E, D]. */
static clm_status read_bonds(clm_golden *g, clm_tape *tape, clm_parameters *p, int hop,
                             int64_t experts, int64_t width, bool wide, clm_tensor **bond)
{
    const clm_file_tensor *feature;
    CLM_TRY(clm_golden_f32(g, clm_text(g->scope, "in.bond%d", hop + 1), &feature));
    const char *name = clm_text(g->scope, "bond%d", hop + 1);
    const int64_t m = feature->dim[0], f = feature->dim[1], groups = wide ? 1 : experts,
                  columns = wide ? experts * width : width, rows = groups * m;
    int32_t *offsets = clm_alloc_array(g->scope, (size_t)(groups + 1 + rows), sizeof *offsets),
            *edge = offsets + groups + 1;
    for (int64_t i = 0; i <= groups; i++)
        offsets[i] = (int32_t)(i * m);
    for (int64_t i = 0; i < rows; i++)
        edge[i] = (int32_t)(i % m);
    const int w = clm_parameter(p, name, true, CLM_INIT_CONSTANT, 0, CLM_DIMS(groups, f, columns));
    clm_parameter_in_file(p, w, name, 0, CLM_DIMS(experts, width, f));
    clm_tensor *y =
        clm_grouped_gemm(tape, clm_input_f32(tape, name, feature->data, CLM_DIMS(m, f)),
                         (clm_rows){.index = clm_input_i32(tape, "edges", edge, CLM_DIMS(rows))},
                         clm_weight(tape, w), NULL,
                         clm_input_i32(tape, "groups", offsets, CLM_DIMS(groups + 1)), rows);
    *bond = wide ? y : by_edge(g, tape, y, experts, m);
    return CLM_OK;
}

/* The files have no running statistics, which a layer in training does not read. */
static void add_statistics(clm_golden *g, const char *norm, int64_t experts, int64_t columns)
{
    static const char *const name[] = {"mean", "variance"};
    for (int i = 0; i < 2; i++) {
        clm_file_tensor t = {.name = clm_text(g->scope, "param.%s_%s", norm, name[i]),
                             .type = CLM_F32,
                             .rank = 2,
                             .dim = {experts, columns}};
        t.data = clm_alloc_array(g->scope, (size_t)(experts * columns), sizeof(float));
        clm_safetensors_add(g->scope, &g->file, t);
    }
}

static clm_status weights(clm_golden *g, const clm_gmoe *gmoe, clm_parameters *p)
{
    add_statistics(g, "bn", gmoe->experts, gmoe->width);
    if (gmoe->gin) add_statistics(g, "mlp_bn", gmoe->experts, 2 * gmoe->width);
    return clm_checkpoint_load(p, &g->file, "param.");
}

/* Gates [N, E], zero where an expert was not chosen. */
static clm_status compare_gates(clm_golden *g, clm_tape *tape, const clm_routing *routing,
                                int64_t experts)
{
    const int64_t n = routing->gate->dim[0], k = routing->gate->dim[1];
    float *gate = clm_alloc(g->scope, clm_tensor_bytes(routing->gate)),
          *all = clm_alloc_array(g->scope, (size_t)(n * experts), sizeof *all);
    int32_t *topk = clm_alloc(g->scope, clm_tensor_bytes(routing->topk));
    CLM_TRY(clm_tensor_read(tape, routing->gate, gate));
    CLM_TRY(clm_tensor_read(tape, routing->topk, topk));
    for (int64_t i = 0; i < n * k; i++)
        all[i / k * experts + topk[i]] = gate[i];
    clm_golden_compare(g, "out.gate", all, NULL);
    return CLM_OK;
}

static clm_status compare(clm_golden *g, clm_tape *tape, const clm_file_tensor *cotangent,
                          const clm_tensor *y, const clm_tensor *x, const clm_gmoe *gmoe,
                          const clm_gating *gate)
{
    float *value = clm_alloc(g->scope, clm_tensor_bytes(y)), balance;
    CLM_TRY(clm_golden_compare_tensor(g, "out.y", tape, y));
    CLM_TRY(clm_golden_compare_tensor(g, "out.importance", tape, gate->use.importance));
    CLM_TRY(clm_golden_compare_tensor(g, "out.load", tape, gate->use.load));
    CLM_TRY(clm_golden_compare_tensor(g, "out.balance", tape, gate->use.balance));
    CLM_TRY(compare_gates(g, tape, &gate->routing, gmoe->experts));
    CLM_TRY(clm_tensor_read(tape, y, value));
    CLM_TRY(clm_tensor_read(tape, gate->use.balance, &balance));
    double loss = BALANCE * balance;
    for (int64_t i = 0; i < clm_elements(y); i++)
        loss += (double)value[i] * ((const float *)cotangent->data)[i];
    clm_golden_compare(g, "out.loss", &(float){(float)loss}, NULL);
    CLM_TRY(clm_golden_compare_tensor(g, "grad.in.x", tape, clm_gradient_of(tape, x)));
    return clm_golden_compare_gradients(g, clm_tape_parameters(tape));
}

clm_status clm_golden_gmoe(clm_golden *g)
{
    const clm_file_tensor *x, *cotangent, *noise;
    CLM_TRY(clm_golden_f32(g, "in.x", &x));
    CLM_TRY(clm_golden_f32(g, "in.noise", &noise));
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    const int64_t n = x->dim[0], d = x->dim[1];
    const int hop[2] = {clm_golden_int(g, "hop1", 0), clm_golden_int(g, "hop2", 0)};
    const clm_gmoe gmoe = {.width = (int)d,
                           .layers = 1,
                           .experts = hop[0] + hop[1],
                           .hop1 = hop[0],
                           .top_k = clm_golden_int(g, "top_k", 1),
                           .gin = !strcmp(clm_golden_word(g, "experts", "gcn"), "gin"),
                           .mean = !strcmp(clm_golden_word(g, "combine", "mean"), "mean")};
    clm_parameters *p = clm_parameters_new(g->scope, 0);
    clm_tape *tape = clm_tape_new(g->scope, g->context, p, 0);
    clm_tape_set_training(tape, true);
    const int32_t all[2] = {0, (int32_t)n};
    clm_gmoe_graph graph = {.nodes = n,
                            .live = clm_input_i32(tape, "all nodes", all, CLM_DIMS(2)),
                            .noise =
                                clm_input_f32(tape, "noise", noise->data, noise->rank, noise->dim)};
    for (int h = 0; h < 2; h++) {
        if (hop[h] == 0) continue;
        CLM_TRY(read_edges(g, tape, h, n, &graph.hop[h]));
        CLM_TRY(read_bonds(g, tape, p, h, hop[h], d, !gmoe.gin, &graph.bond[h]));
    }
    clm_tensor *h = clm_input_f32(tape, "x", x->data, x->rank, x->dim);
    clm_want_gradient(tape, h);
    clm_gating gate;
    clm_tensor *y = clm_gmoe_layer(tape, p, "", &gmoe, &graph, h, 0, &gate, NULL);
    clm_tensor *balance = gate.use.balance;
    clm_tensor *const kept[] = {
        y, balance, gate.use.importance, gate.use.load, gate.routing.gate, gate.routing.topk};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i]) clm_keep(tape, kept[i]);
    clm_tensor *const cotangents[] = {
        clm_input_f32(tape, "dy", cotangent->data, cotangent->rank, cotangent->dim),
        clm_input_f32(tape, "dbalance", &(float){(float)BALANCE}, CLM_DIMS(1))};
    clm_tape_backward_from(tape, 2, (clm_tensor *[]){y, balance}, cotangents);
    CLM_TRY(weights(g, &gmoe, p));
    CLM_TRY(clm_tape_plan(tape));
    CLM_TRY(clm_tape_run(tape, 0, 0));
    return compare(g, tape, cotangent, y, h, &gmoe, &gate);
}
