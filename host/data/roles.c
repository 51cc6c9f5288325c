#include "data/roles.h"
#include "data/nmf.h"
#include "data/quantise.h"
#include "data/refex.h"

#include <math.h>

enum { LEAST_ROLES = 2, MOST_ROLES = 8, LEAST_BITS = 1, MOST_BITS = 8, MOST_COUNT = 64 };

/* V [nodes, features] ~ g [nodes, rank] f [rank, features]. */
typedef struct model {
    int32_t rank, bits;
    double *g, *f;
} model;

static size_t g_size(const clm_refex *features, int32_t rank)
{
    return (size_t)features->nodes * (size_t)rank;
}

static size_t f_size(const clm_refex *features, int32_t rank)
{
    return (size_t)features->count * (size_t)rank;
}

static model model_new(clm_scope *work, const clm_refex *features, int32_t rank)
{
    return (model){.rank = rank,
                   .g = clm_alloc_array(work, g_size(features, rank), sizeof(double)),
                   .f = clm_alloc_array(work, f_size(features, rank), sizeof(double))};
}

static clm_status factorise(const clm_refex *features, model *made)
{
    return clm_nmf(features->value, features->nodes, features->count, made->rank, made->g, made->f);
}

/* Both factors' numbers, each ready to be quantised to up to 2^bits levels. */
typedef struct quantisers {
    const clm_quantiser *g, *f;
} quantisers;

static quantisers quantisers_new(clm_scope *work, const clm_refex *features, const model *exact,
                                 int32_t bits)
{
    return (quantisers){
        clm_quantiser_new(work, exact->g, (int64_t)g_size(features, exact->rank), 1 << bits),
        clm_quantiser_new(work, exact->f, (int64_t)f_size(features, exact->rank), 1 << bits)};
}

static void quantise(const quantisers *from, int32_t bits, model *to)
{
    to->bits = bits;
    clm_quantise(from->g, 1 << bits, to->g);
    clm_quantise(from->f, 1 << bits, to->f);
}

/* Kullback-Leibler divergence of the features from the model, over those that are not zero;
 * infinite where the model has a zero for one. */
static double divergence(const clm_refex *features, const model *made)
{
    double sum = 0;
    for (int64_t i = 0; i < features->nodes; i++)
        for (int64_t j = 0; j < features->count; j++) {
            const double v = features->value[i * features->count + j];
            double product = 0;
            for (int64_t k = 0; k < made->rank; k++)
                product += made->g[i * made->rank + k] * made->f[k * features->count + j];
            if (!(v > 0)) continue;
            if (!(product > 0)) return INFINITY;
            sum += v * log(v / product) - v + product;
        }
    return sum;
}

/* Costs of one number of roles in each number of bits: of the model and of its error, each scaled to
 * length 1; infinite where the error is, or where there are fewer numbers than levels. */
static void costs_of(clm_scope *work, const clm_refex *features, const model *exact,
                     const quantisers *from, double cost[MOST_BITS + 1])
{
    model made = model_new(work, features, exact->rank);
    const size_t f = f_size(features, exact->rank), size = g_size(features, exact->rank) + f;
    double error[MOST_BITS + 1], error_square = 0, bits_square = 0;
    for (int32_t bits = LEAST_BITS; bits <= MOST_BITS; bits++) {
        error[bits] = INFINITY;
        if (f < (size_t)1 << bits) continue;
        quantise(from, bits, &made);
        error[bits] = divergence(features, &made);
        if (isinf(error[bits])) continue;
        error_square += error[bits] * error[bits];
        bits_square += (double)bits * (double)size * bits * (double)size;
    }
    for (int32_t bits = LEAST_BITS; bits <= MOST_BITS; bits++) {
        cost[bits] = INFINITY;
        if (isinf(error[bits])) continue;
        cost[bits] = (double)bits * (double)size / sqrt(bits_square);
        if (error_square > 0) cost[bits] += error[bits] / sqrt(error_square);
    }
}

/* Tries one number of roles; `best` and `least` are the shortest description so far. */
static clm_status try_rank(clm_scope *scope, clm_scope *work, const clm_refex *features,
                           int32_t rank, model *best, double *least)
{
    double cost[MOST_BITS + 1];
    model exact = model_new(work, features, rank);
    CLM_TRY(factorise(features, &exact));
    const quantisers from = quantisers_new(work, features, &exact, MOST_BITS);
    costs_of(work, features, &exact, &from, cost);
    for (int32_t bits = LEAST_BITS; bits <= MOST_BITS; bits++) {
        if (cost[bits] >= *least) continue;
        *least = cost[bits];
        *best = model_new(scope, features, rank);
        quantise(&from, bits, best);
    }
    return CLM_OK;
}

/* In a scope of its own: what is needed to quantise is large. */
static clm_status try_alone(clm_scope *scope, const clm_refex *features, int32_t rank, model *best,
                            double *least)
{
    clm_scope work = {0};
    const clm_status status = try_rank(scope, &work, features, rank, best, least);
    clm_scope_end(&work);
    return status;
}

/* The number of roles and bits with the shortest description; of equal ones the fewest. */
static clm_status shortest(clm_scope *work, const clm_refex *features, int32_t most, model *best)
{
    double least = INFINITY;
    for (int32_t rank = LEAST_ROLES; rank <= most; rank++)
        CLM_TRY(try_alone(work, features, rank, best, &least));
    if (isinf(least))
        return clm_fail(CLM_ERROR_FAILED, "no number of roles describes the graph's features");
    return CLM_OK;
}

static clm_status check(const clm_graph *graph, int32_t features, int32_t count)
{
    const int32_t least = count > 0 ? count : LEAST_ROLES;
    const int32_t most = features < graph->nodes ? features : graph->nodes;
    if (count < 0 || count > MOST_COUNT)
        return clm_fail(CLM_ERROR_USAGE, "%d roles are out of range: expected 1 to %d", count,
                        MOST_COUNT);
    if (least <= most) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE,
             "%s: its %d nodes differ in %d structural features only, too few for %d roles",
             graph->name, graph->nodes, features, least);
    clm_error_advice("at most %d roles: as many as the experts of a model that reads them", most);
    return CLM_FAIL;
}

static void normalise(const model *made, int32_t nodes, float *share)
{
    for (int64_t i = 0; i < nodes; i++) {
        double sum = 0;
        for (int32_t k = 0; k < made->rank; k++)
            sum += made->g[i * made->rank + k];
        for (int32_t k = 0; k < made->rank; k++)
            share[i * made->rank + k] =
                (float)(sum > 0 ? made->g[i * made->rank + k] / sum : 1.0 / made->rank);
    }
}

static clm_status build(clm_scope *scope, clm_scope *work, const clm_graph *graph, int32_t count,
                        clm_roles *roles)
{
    clm_refex features;
    model made = {0};
    clm_refex_new(work, graph, &features);
    CLM_TRY(check(graph, features.count, count));
    const int32_t smaller = features.count < graph->nodes ? features.count : graph->nodes;
    if (count > 0) {
        made = model_new(work, &features, count);
        CLM_TRY(factorise(&features, &made));
        const int32_t bits = (int32_t)log2((double)count * smaller);
        const quantisers from = quantisers_new(work, &features, &made, bits);
        quantise(&from, bits, &made);
    } else {
        CLM_TRY(shortest(work, &features, smaller < MOST_ROLES ? smaller : MOST_ROLES, &made));
    }
    *roles = (clm_roles){.count = made.rank, .features = features.count, .bits = made.bits};
    roles->share = clm_alloc_array(scope, g_size(&features, made.rank), sizeof *roles->share);
    normalise(&made, graph->nodes, roles->share);
    return CLM_OK;
}

clm_status clm_roles_new(clm_scope *scope, const clm_graph *graph, int32_t count, clm_roles *roles)
{
    clm_scope work = {0};
    const clm_status status = build(scope, &work, graph, count, roles);
    if (status != CLM_OK) clm_error_during("finding the roles of nodes of %s", graph->name);
    clm_scope_end(&work);
    return status;
}
