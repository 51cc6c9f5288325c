#include "model/gmoe_experts.h"

#include "base/text.h"
#include "cl/add/add.h"
#include "cl/batch_norm/batch_norm.h"
#include "cl/bond_sum/bond_sum.h"
#include "cl/embedding_sum/embedding_sum.h"
#include "cl/expert_pairs/expert_pairs.h"
#include "cl/expert_sum/expert_sum.h"
#include "cl/gated_norm/gated_norm.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "cl/spread_gates/spread_gates.h"
#include "nn/pick_rows.h"

#include <math.h>
#include <string.h>

/* Experts that see the same edges. */
typedef struct expert_pool {
    int hop, first, count;
} expert_pool;

static const char *own_name(const clm_gmoe_experts *r, const expert_pool *pool, const char *name)
{
    const bool all = pool->count == r->gmoe->experts;
    return clm_text(clm_tape_scope(r->tape), all ? "%s%s" : "%s%s.hop%d", r->prefix, name,
                    pool->hop + 1);
}

/* Files hold the weights of all experts of a layer in one tensor [E, columns (, rows)]. */
static void in_file(const clm_gmoe_experts *r, const expert_pool *pool, const char *name, int index,
                    int64_t rows, int64_t columns)
{
    clm_parameter_in_file(r->parameters, index,
                          clm_text(clm_tape_scope(r->tape), "%s%s", r->prefix, name),
                          pool->first * columns * (rows ? rows : 1),
                          rows          ? 3
                          : columns > 1 ? 2
                                        : 1,
                          (int64_t[]){r->gmoe->experts, columns, rows});
}

/* Values of `count` matrices [rows, columns], one after the other, put side by side. */
static void put_side_by_side(float *value, int64_t count, int64_t rows, int64_t columns)
{
    clm_scope scope = {0};
    const size_t bytes = (size_t)(count * rows * columns) * sizeof(float);
    float *from = clm_alloc(&scope, bytes);
    memcpy(from, value, bytes);
    for (int64_t e = 0; e < count; e++)
        for (int64_t i = 0; i < rows; i++)
            memcpy(value + (i * count + e) * columns, from + (e * rows + i) * columns,
                   (size_t)columns * sizeof(float));
    clm_scope_end(&scope);
}

/* A matrix [rows, columns] of each expert, U(-1/sqrt(rows), ...), or with rows 0 a vector. Wide:
 * side by side, as one group of count * columns columns. The initial values are the same. */
static clm_tensor *weights(const clm_gmoe_experts *r, const expert_pool *pool, const char *name,
                           bool wide, int64_t rows, int64_t columns, clm_init init, double bound)
{
    clm_parameters *p = r->parameters;
    const size_t before = clm_parameters_count(p);
    const int64_t n = pool->count, groups = wide ? 1 : n, width = wide ? n * columns : columns;
    const char *own = own_name(r, pool, name);
    const int index = rows ? clm_parameter(p, own, true, init, bound, CLM_DIMS(groups, rows, width))
                           : clm_parameter(p, own, false, init, bound, CLM_DIMS(groups, width));
    if (wide && rows && index == (int)before)
        put_side_by_side(clm_parameter_values(p, index), n, rows, columns);
    in_file(r, pool, name, index, rows, columns);
    return clm_weight(r->tape, index);
}

static clm_norm norm(const clm_gmoe_experts *r, const expert_pool *pool, const char *name,
                     int64_t columns)
{
    static const char *const part[] = {"w", "b", "mean", "variance"};
    const clm_norm n = clm_norm_new(r->tape, own_name(r, pool, name), pool->count, columns);
    const clm_tensor *const tensor[] = {n.w, n.b, n.mean, n.variance};
    for (int i = 0; i < 4 && n.w; i++)
        in_file(r, pool, clm_text(clm_tape_scope(r->tape), "%s_%s", name, part[i]),
                tensor[i]->parameter, 0, columns);
    return n;
}

/* --- edges --- */

/* Vectors of edge kinds: sums of embeddings of their categories, from a table for each expert.
 * Wide: [Q, count D]; else [Q count, D] by the kinds of (kind, expert), the same table read so. */
static clm_tensor *bonds(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *kinds,
                         bool wide)
{
    const clm_packed_edges *edges = &r->graph->hop[pool->hop];
    clm_parameters *p = r->parameters;
    const int64_t d = r->gmoe->width, n = pool->count, v = edges->table_rows;
    const char *name = clm_text(clm_tape_scope(r->tape), "%sbond%d", r->prefix, pool->hop + 1);
    if (r->graph->bond[pool->hop]) return r->graph->bond[pool->hop];
    if (!edges->kinds) return NULL;
    const size_t before = clm_parameters_count(p);
    const int64_t rows = wide ? v : v * n, columns = wide ? n * d : d;
    const int index = clm_parameter(p, name, false, CLM_INIT_UNIFORM, 1, CLM_DIMS(rows, columns));
    clm_parameter_in_file(p, index, name, 0, CLM_DIMS(v, n, d));
    if (index == (int)before)
        clm_gmoe_scale_tables(clm_parameter_values(p, index), r->graph->bonds[pool->hop], d, n * d);
    return clm_embedding_sum(r->tape, kinds, clm_weight(r->tape, index), NULL);
}

/* The edges of the batch, from nodes to nodes. */
static clm_message_edges node_edges(const clm_gmoe_experts *r, const expert_pool *pool)
{
    const clm_packed_edges *e = &r->graph->hop[pool->hop];
    return (clm_message_edges){.row_ptr = e->row_ptr,
                               .src = e->src,
                               .kind = e->kind,
                               .t_row_ptr = e->t_row_ptr,
                               .dst = e->dst,
                               .t_kind = e->t_kind,
                               .factor = e->factor,
                               .x_factor = e->factor,
                               .live = r->graph->live};
}

/* --- experts side by side, on every node --- */

/* GCN experts in rows of count D: x W, then sums over neighbours. */
static clm_tensor *wide_gcn(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *x)
{
    const clm_gmoe_graph *g = r->graph;
    const int64_t d = r->gmoe->width;
    const double bound = 1 / sqrt((double)d);
    clm_tensor *w = weights(r, pool, "w", true, d, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *b = weights(r, pool, "b", true, 0, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *root = weights(r, pool, "root", true, 0, d, CLM_INIT_NORMAL, 1);
    clm_tensor *h = clm_grouped_gemm(r->tape, x, (clm_rows){0}, w, b, g->live, g->nodes);
    const clm_message_edges edges = node_edges(r, pool);
    return clm_gcn_sum(r->tape, h, bonds(r, pool, g->hop[pool->hop].kinds, true), root, &edges);
}

static clm_tensor *side_by_side(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *x,
                                double scale)
{
    const clm_routing *routing = &r->gate->routing;
    clm_tensor *v = wide_gcn(r, pool, x);
    const clm_norm bn = norm(r, pool, "bn", r->gmoe->width);
    if (r->gmoe->experts == 1) return clm_batch_norm(r->tape, v, r->graph->live, &bn, false);
    return clm_gated_norm(r->tape, v, pool->first, pool->count, &bn, routing->gate, routing->topk,
                          r->graph->live, scale);
}

/* --- experts one after the other: rows are pairs of an expert and a node --- */

/* Rows of a pool: those that its experts run on, and those that their norms count. */
typedef struct expert_rows {
    clm_expert_pairs run, norm;
    clm_rows counted; /* the norms' rows among the others; no index: they are the same */
} expert_rows;

/* Dense with norms over the routed nodes: experts run on all, of which only the routed go on to the
 * norm; what becomes of the others reaches neither a statistic nor a sum. */
static expert_rows rows_of(const clm_gmoe_experts *r, const expert_pool *pool)
{
    const clm_gmoe *m = r->gmoe;
    const clm_gmoe_graph *g = r->graph;
    const clm_packed_edges *e = &g->hop[pool->hop];
    clm_tensor *topk = r->gate->routing.topk;
    expert_rows rows = {.run = {.experts = 1,
                                .routed = g->nodes,
                                .needed = g->nodes,
                                .offsets = g->live,
                                .x_offsets = g->live,
                                .edges = node_edges(r, pool),
                                .kinds = e->kinds}};
    if (m->experts > 1)
        rows.run = clm_expert_pairs_new(r->tape, m->sparse ? topk : NULL, pool->first, pool->count,
                                        g->live, e, false);
    rows.norm = rows.run;
    if (m->experts == 1 || m->sparse || !m->norm_routed) return rows;
    rows.norm = clm_expert_pairs_new(r->tape, topk, pool->first, pool->count, g->live, e, true);
    rows.counted = (clm_rows){.index = rows.norm.edges.self,
                              .inverse = rows.norm.edges.t_self,
                              .inverse_offsets = clm_rows_each(r->tape, rows.run.routed)};
    return rows;
}

static clm_tensor *counted(const clm_gmoe_experts *r, const expert_rows *rows, clm_tensor *v)
{
    return rows->counted.index ? clm_pick_rows(r->tape, v, &rows->counted) : v;
}

/* x W of the nodes that an expert reads, then sums into those that it runs on. */
static clm_tensor *pair_gcn(const clm_gmoe_experts *r, const expert_pool *pool,
                            const expert_rows *rows, clm_tensor *x)
{
    const clm_expert_pairs *pairs = &rows->run;
    const int64_t d = r->gmoe->width;
    const double bound = 1 / sqrt((double)d);
    clm_tensor *w = weights(r, pool, "w", false, d, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *b = weights(r, pool, "b", false, 0, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *root = weights(r, pool, "root", false, 0, d, CLM_INIT_NORMAL, 1);
    clm_tensor *h =
        clm_grouped_gemm(r->tape, x, pairs->rows, w, b, pairs->x_offsets, pairs->needed);
    h = clm_gcn_sum(r->tape, h, bonds(r, pool, pairs->kinds, false), root, &pairs->edges);
    return counted(r, rows, h);
}

/* MLP((1 + eps) x + sum over neighbours), its hidden layer batch-normed; the linear maps run on the
 * rows of the experts, and of the norm. */
static clm_tensor *pair_gin(const clm_gmoe_experts *r, const expert_pool *pool,
                            const expert_rows *rows, clm_tensor *x)
{
    const clm_expert_pairs *run = &rows->run, *normed = &rows->norm;
    const int64_t d = r->gmoe->width, hidden = 2 * d;
    const double bound = 1 / sqrt((double)d), inner = 1 / sqrt((double)hidden);
    clm_tensor *eps = weights(r, pool, "eps", false, 0, 1, CLM_INIT_CONSTANT, 0);
    clm_tensor *w_in = weights(r, pool, "w_in", false, d, hidden, CLM_INIT_UNIFORM, bound);
    clm_tensor *b_in = weights(r, pool, "b_in", false, 0, hidden, CLM_INIT_UNIFORM, bound);
    clm_tensor *w_o = weights(r, pool, "w_o", false, hidden, d, CLM_INIT_UNIFORM, inner);
    clm_tensor *b_o = weights(r, pool, "b_o", false, 0, d, CLM_INIT_UNIFORM, inner);
    const clm_norm bn = norm(r, pool, "mlp_bn", hidden);
    clm_tensor *h = run->rows.index ? clm_pick_rows(r->tape, x, &run->rows) : x;
    h = clm_gin_sum(r->tape, h, bonds(r, pool, run->kinds, false), eps, &run->edges);
    h = clm_grouped_gemm(r->tape, h, (clm_rows){0}, w_in, b_in, run->offsets, run->routed);
    h = clm_batch_norm(r->tape, counted(r, rows, h), normed->offsets, &bn, true);
    return clm_grouped_gemm(r->tape, h, (clm_rows){0}, w_o, b_o, normed->offsets, normed->routed);
}

static clm_tensor *one_by_one(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *x,
                              double scale)
{
    const clm_gmoe *m = r->gmoe;
    const clm_routing *routing = &r->gate->routing;
    const expert_rows rows = rows_of(r, pool);
    clm_tensor *v = (m->gin ? pair_gin : pair_gcn)(r, pool, &rows, x), *gate = routing->gate;
    const clm_norm bn = norm(r, pool, "bn", m->width);
    clm_tensor *y = clm_batch_norm(r->tape, v, rows.norm.offsets, &bn, false);
    if (m->experts == 1) return y;
    if (r->seen && m->sparse) {
        r->seen->rows = rows.run.offsets;
        r->seen->needed = rows.run.x_offsets;
    }
    if (!m->norm_routed)
        gate = clm_spread_gates(r->tape, gate, routing->topk, pool->first, pool->count);
    return clm_expert_sum(r->tape, y, gate, rows.norm.slot, NULL, scale);
}

clm_tensor *clm_gmoe_mixture(const clm_gmoe_experts *r, clm_tensor *x)
{
    const clm_gmoe *g = r->gmoe;
    const expert_pool pools[2] = {{0, 0, g->hop1}, {1, g->hop1, g->experts - g->hop1}};
    const bool wide = !g->gin && (!g->norm_routed || g->experts == 1);
    const double scale = g->mean ? 1.0 / g->experts : 1;
    clm_tensor *y = NULL;
    for (int i = 0; i < 2; i++) {
        if (pools[i].count == 0) continue;
        clm_tensor *part =
            (wide ? side_by_side : one_by_one)(r, &pools[i], x, g->experts > 1 ? scale : 1);
        y = y ? clm_add(r->tape, 2, (clm_tensor *[]){y, part}, NULL) : part;
    }
    return y;
}
