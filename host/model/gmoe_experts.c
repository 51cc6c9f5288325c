#include "model/gmoe_experts.h"

#include "base/text.h"
#include "cl/add/add.h"
#include "cl/batch_norm/batch_norm.h"
#include "cl/bond_sum/bond_sum.h"
#include "cl/cast/cast.h"
#include "cl/embedding_sum/embedding_sum.h"
#include "cl/gated_sum/gated_sum.h"
#include "cl/grouped_gemm/grouped_gemm.h"

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

/* Vectors of the edge kinds [Q, count D]: each kind is the sum of embeddings of its categories, one
 * table for every expert. */
static clm_tensor *bonds(const clm_gmoe_experts *r, const expert_pool *pool)
{
    const clm_packed_edges *edges = &r->graph->hop[pool->hop];
    if (r->graph->bond[pool->hop]) return r->graph->bond[pool->hop];
    if (!edges->kinds) return NULL;
    clm_parameters *p = r->parameters;
    const size_t before = clm_parameters_count(p);
    const int64_t d = r->gmoe->width, width = pool->count * d;
    const char *name = clm_text(clm_tape_scope(r->tape), "%sbond%d", r->prefix, pool->hop + 1);
    const int index =
        clm_parameter(p, name, false, CLM_INIT_UNIFORM, 1, CLM_DIMS(edges->table_rows, width));
    if (index == (int)before)
        clm_gmoe_scale_tables(clm_parameter_values(p, index), r->graph->bonds[pool->hop], d, width);
    return clm_embedding_sum(r->tape, edges->kinds, clm_weight(r->tape, index), NULL);
}

/* GCN experts side by side in rows of count D: x W, then sums over neighbours. */
static clm_tensor *wide_gcn(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *x)
{
    const clm_gmoe_graph *g = r->graph;
    const clm_packed_edges *e = &g->hop[pool->hop];
    const int64_t d = r->gmoe->width;
    const double bound = 1 / sqrt((double)d);
    clm_tensor *w = weights(r, pool, "w", true, d, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *b = weights(r, pool, "b", true, 0, d, CLM_INIT_UNIFORM, bound);
    clm_tensor *root = weights(r, pool, "root", true, 0, d, CLM_INIT_NORMAL, 1);
    clm_tensor *h = clm_grouped_gemm(r->tape, x, (clm_rows){0}, w, b, g->live, g->nodes);
    const clm_message_edges edges = {.row_ptr = e->row_ptr,
                                     .src = e->src,
                                     .kind = e->kind,
                                     .t_row_ptr = e->t_row_ptr,
                                     .dst = e->dst,
                                     .t_kind = e->t_kind,
                                     .factor = e->factor,
                                     .x_factor = e->factor,
                                     .live = g->live};
    return clm_gcn_sum(r->tape, h, bonds(r, pool), root, &edges);
}

/* Every expert on every node. */
static clm_tensor *dense(const clm_gmoe_experts *r, const expert_pool *pool, clm_tensor *x,
                         double scale)
{
    const clm_routing *routing = &r->gate->routing;
    const clm_norm bn = norm(r, pool, "bn", r->gmoe->width);
    clm_tensor *v = wide_gcn(r, pool, x);
    if (r->gmoe->experts == 1) return clm_batch_norm(r->tape, v, r->graph->live, &bn, false);
    return clm_gated_part(r->tape, clm_batch_norm(r->tape, v, r->graph->live, &bn, false),
                          pool->first, pool->count, routing->gate, routing->topk, r->graph->live,
                          scale);
}

clm_tensor *clm_gmoe_mixture(const clm_gmoe_experts *r, clm_tensor *x)
{
    const clm_gmoe *g = r->gmoe;
    const expert_pool pools[2] = {{0, 0, g->hop1}, {1, g->hop1, g->experts - g->hop1}};
    const double scale = g->mean ? 1.0 / g->experts : 1;
    clm_tensor *y = NULL;
    for (int i = 0; i < 2; i++) {
        if (pools[i].count == 0) continue;
        clm_tensor *part = dense(r, &pools[i], x, scale);
        y = y ? clm_add(r->tape, 2, (clm_tensor *[]){y, part}, NULL) : part;
    }
    return y;
}
