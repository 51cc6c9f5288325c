/* Routing of a workload, and the checks of its sizes. The graph is in workload_graph.c, what
 * operators record from it in bench.c. */
#include "nn/workload.h"

#include "base/philox.h"
#include "base/sha256.h"
#include "nn/workload_internal.h"

#include <math.h>
#include <string.h>

enum { ROUTING = 1 }; /* Philox layer; graphs have theirs */

clm_workload clm_workload_default(void)
{
    return (clm_workload){.nodes = 10000,
                          .width = 64,
                          .inner = 128,
                          .experts = 16,
                          .top_k = 4,
                          .heads = 4,
                          .edges = 100000,
                          .types = 3,
                          .relations = 4,
                          .exponent = 1};
}

/* How likely a node chooses each expert first. */
static void routing_weights(const clm_workload *w, int64_t node, double *weight)
{
    int32_t type = 0;
    double before = 0, all = 0;
    if (w->routing == CLM_ROUTING_TRAINED) {
        for (int32_t t = 0; t < w->trained->types; t++)
            all += w->trained->nodes[t];
        for (; type < w->trained->types - 1; type++) {
            before += w->trained->nodes[type];
            if ((double)node < before / all * (double)w->nodes) break;
        }
    }
    for (int64_t e = 0; e < w->experts; e++)
        switch (w->routing) {
        case CLM_ROUTING_UNIFORM: weight[e] = 1; break;
        case CLM_ROUTING_ZIPF: weight[e] = pow((double)(e + 1), -w->exponent); break;
        case CLM_ROUTING_ONE_HOT: weight[e] = e < w->top_k; break;
        case CLM_ROUTING_EMPTY_EXPERT: weight[e] = e > 0; break;
        case CLM_ROUTING_TRAINED: weight[e] = w->trained->load[type * w->experts + e]; break;
        }
}

/* K different experts, each drawn in proportion to the weights of those not yet taken. `left` is
 * spent. */
static void choose(const clm_workload *w, int64_t node, double *left, int32_t *key)
{
    double sum = 0;
    clm_philox draw = {{0}};
    for (int64_t e = 0; e < w->experts; e++)
        sum += left[e];
    for (int64_t j = 0; j < w->top_k; j++) {
        if (j % 4 == 0)
            draw = clm_philox_draw((uint32_t)node, (uint32_t)(j / 4), CLM_STREAM_GENERATE, ROUTING,
                                   w->seed);
        double below = clm_uniform(draw.word[j % 4]) * sum;
        int32_t taken = -1;
        for (int32_t e = 0; e < w->experts; e++) {
            if (left[e] <= 0) continue;
            taken = e; /* the last one left, should rounding leave no other */
            below -= left[e];
            if (below < 0) break;
        }
        key[j] = taken;
        sum -= left[taken];
        left[taken] = 0;
    }
}

static bool contains(const int32_t *key, int64_t n, int32_t wanted)
{
    while (n > 0 && key[n - 1] != wanted)
        n--;
    return n > 0;
}

/* Systematic sampling: K different experts, each included exactly as often as its load says, which
 * drawing one after the other would level out. */
static void choose_by_load(const clm_workload *w, int64_t node, const double *load, int32_t *key)
{
    double sum = 0, before = 0;
    for (int64_t e = 0; e < w->experts; e++)
        sum += load[e];
    const double step = sum / (double)w->top_k;
    const clm_philox draw =
        clm_philox_draw((uint32_t)node, 0, CLM_STREAM_GENERATE, ROUTING, w->seed);
    double at = clm_uniform(draw.word[0]) * step;
    int64_t j = 0;
    for (int32_t e = 0; e < w->experts && j < w->top_k; e++) {
        before += load[e];
        if (at >= before) continue;
        key[j++] = e;
        at += step;
    }
    for (int32_t e = 0; j < w->top_k; e++) /* an expert that more than all nodes choose */
        if (load[e] > 0 && !contains(key, j, e)) key[j++] = e;
}

static void draw_routing(clm_scope *scope, clm_workload *w)
{
    const size_t experts = (size_t)w->experts, top_k = (size_t)w->top_k;
    double *weight = clm_alloc_array(scope, 2 * experts, sizeof *weight), *left = weight + experts;
    int32_t *key = clm_alloc_array(scope, (size_t)w->nodes * top_k, sizeof *key);
    int32_t *load = clm_alloc_array(scope, experts, sizeof *load);
    const bool by_type = w->routing == CLM_ROUTING_TRAINED;
    if (!by_type) routing_weights(w, 0, weight);
    for (int64_t n = 0; n < w->nodes; n++) {
        int32_t *mine = key + n * w->top_k;
        if (by_type) routing_weights(w, n, weight);
        memcpy(left, weight, experts * sizeof *left);
        if (by_type)
            choose_by_load(w, n, weight, mine);
        else
            choose(w, n, left, mine);
        for (int64_t j = 0; j < w->top_k; j++)
            load[mine[j]]++;
    }
    w->key = key;
    w->loads = load;
}

static clm_status check_sizes(const clm_workload *w)
{
    const struct {
        const char *name;
        int64_t value;
    } size[] = {{"nodes", w->nodes},     {"width", w->width},        {"expert_width", w->inner},
                {"experts", w->experts}, {"top_k", w->top_k},        {"heads", w->heads},
                {"types", w->types},     {"relations", w->relations}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        if (size[i].value < 1)
            return clm_fail(CLM_ERROR_USAGE, "%s = %lld is below 1", size[i].name,
                            (long long)size[i].value);
    if (w->nodes < w->types)
        return clm_fail(CLM_ERROR_USAGE,
                        "nodes = %lld leaves a type of types = %lld without a node",
                        (long long)w->nodes, (long long)w->types);
    if (w->top_k > w->experts)
        return clm_fail(CLM_ERROR_USAGE, "top_k = %lld exceeds experts = %lld", (long long)w->top_k,
                        (long long)w->experts);
    if (w->width % w->heads != 0)
        return clm_fail(CLM_ERROR_USAGE, "width = %lld is no multiple of heads = %lld",
                        (long long)w->width, (long long)w->heads);
    if (w->nodes * w->top_k > INT32_MAX || w->edges > INT32_MAX || w->edges < 0)
        return clm_fail(CLM_ERROR_USAGE,
                        "%lld nodes with %lld experts each, %lld edges: indices "
                        "have 31 bits",
                        (long long)w->nodes, (long long)w->top_k, (long long)w->edges);
    return CLM_OK;
}

/* Experts that some node may choose, of the worst type. */
static int64_t reachable(clm_scope *scope, const clm_workload *w)
{
    double *weight = clm_alloc_array(scope, (size_t)w->experts, sizeof *weight);
    int64_t least = w->experts;
    const int64_t types = w->routing == CLM_ROUTING_TRAINED ? w->trained->types : 1;
    for (int64_t t = 0; t < types; t++) {
        int64_t n = 0;
        if (w->routing == CLM_ROUTING_TRAINED)
            memcpy(weight, w->trained->load + t * w->experts, (size_t)w->experts * sizeof *weight);
        else
            routing_weights(w, 0, weight);
        for (int64_t e = 0; e < w->experts; e++)
            n += weight[e] > 0;
        least = n < least ? n : least;
    }
    return least;
}

clm_status clm_workload_draw(clm_scope *scope, clm_workload *w)
{
    CLM_TRY(check_sizes(w));
    const int64_t experts = reachable(scope, w);
    if (experts < w->top_k)
        return clm_fail(CLM_ERROR_USAGE,
                        "this routing uses %lld of %lld experts, but top_k = %lld different ones "
                        "are wanted",
                        (long long)experts, (long long)w->experts, (long long)w->top_k);
    draw_routing(scope, w);
    if (w->graph != CLM_GRAPH_GIVEN) clm_workload_draw_graph(scope, w);
    return CLM_OK;
}

double clm_workload_imbalance(const clm_workload *w)
{
    int32_t most = 0;
    for (int64_t e = 0; e < w->experts; e++)
        most = w->loads[e] > most ? w->loads[e] : most;
    return most / ((double)w->nodes * (double)w->top_k / (double)w->experts);
}

void clm_workload_hash(const clm_workload *w, char hex[65])
{
    clm_sha256 hash;
    clm_sha256_start(&hash);
    clm_sha256_add(&hash, w->key, (size_t)(w->nodes * w->top_k) * sizeof *w->key);
    clm_sha256_end(&hash, hex);
}
