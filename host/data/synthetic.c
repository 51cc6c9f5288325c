#include "data/synthetic.h"
#include "base/philox.h"
#include "base/text.h"
#include "data/pair_set.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Layers of CLM_STREAM_GENERATE: what a number is drawn for. */
enum { LAYER_NODE, LAYER_FEATURE, LAYER_CODE, LAYER_LINK = 1 << 20 };

enum {
    WORDS = 3,     /* of the role, and as many of the topic, in each node's features */
    ATTEMPTS = 64, /* before a link is drawn without regard to role and topic */
};

#define RANGE(name, about, least, most)                                                            \
    {                                                                                              \
#name, about, least, most, offsetof(clm_synthetic, name)                                   \
    }

const clm_synthetic_range clm_synthetic_ranges[] = {
    RANGE(nodes, "nodes of all types together", 4, 1 << 30),
    RANGE(edges, "links of all types together, the reverse of each included", 0, 1 << 30),
    RANGE(types, "node types; each is linked to the first", 2, 64),
    RANGE(roles, "planted roles, and topics", 2, 256),
    RANGE(features, "feature dimension, at least twice the roles", 4, 1 << 20),
    RANGE(noise, "share of links and feature words drawn at random", 0, 1),
    RANGE(seed, "of the random numbers", 0, 4294967295.0),
    {0},
};

clm_synthetic clm_synthetic_default(void)
{
    return (clm_synthetic){.nodes = 3000,
                           .edges = 24000,
                           .types = 3,
                           .roles = 8,
                           .features = 128,
                           .noise = 0.1,
                           .seed = 0};
}

static double value_of(const clm_synthetic *synthetic, const clm_synthetic_range *range)
{
    const char *member = (const char *)synthetic + range->offset;
    if (range->offset == offsetof(clm_synthetic, noise)) return synthetic->noise;
    int64_t value = 0;
    memcpy(&value, member, sizeof value);
    return (double)value;
}

static clm_status unknown(const char *name)
{
    const char *names[sizeof clm_synthetic_ranges / sizeof *clm_synthetic_ranges] = {NULL};
    for (size_t i = 0; clm_synthetic_ranges[i].name != NULL; i++)
        names[i] = clm_synthetic_ranges[i].name;
    const char *near = clm_did_you_mean(name, names);
    clm_fail(CLM_ERROR_USAGE, "a generated graph has no parameter '%s'%s%s%s", name,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("one of nodes, edges, types, roles, features, noise, seed");
    return CLM_FAIL;
}

clm_status clm_synthetic_set(clm_synthetic *synthetic, const char *name, const char *value)
{
    const clm_synthetic_range *range = clm_synthetic_ranges;
    while (range->name != NULL && strcmp(range->name, name) != 0)
        range++;
    if (range->name == NULL) return unknown(name);
    char *end = NULL;
    const double number = strtod(value, &end); /* takes 1e6, too */
    if (end == value || *end != '\0')
        return clm_fail(CLM_ERROR_USAGE, "%s=%s: expected a number", name, value);
    if (!(number >= range->least && number <= range->most))
        return clm_fail(CLM_ERROR_USAGE, "%s=%s is out of range: expected %.0f to %.0f", name,
                        value, range->least, range->most);
    char *member = (char *)synthetic + range->offset;
    if (range->offset == offsetof(clm_synthetic, noise)) {
        synthetic->noise = number;
        return CLM_OK;
    }
    const int64_t whole = (int64_t)number;
    if ((double)whole < number)
        return clm_fail(CLM_ERROR_USAGE, "%s=%s: expected a whole number", name, value);
    memcpy(member, &whole, sizeof whole);
    return CLM_OK;
}

/* The first type has half of the nodes, the others share the rest alike. */
static int32_t nodes_of(const clm_synthetic *synthetic, int32_t t)
{
    const int64_t half = synthetic->nodes / 2, others = synthetic->types - 1;
    if (t == 0) return (int32_t)half;
    const int64_t rest = synthetic->nodes - half;
    return (int32_t)(rest / others + (t - 1 < rest % others ? 1 : 0));
}

/* Links between the first type and type t, one way. */
static int32_t links_of(const clm_synthetic *synthetic, int32_t t)
{
    const int64_t pairs = synthetic->edges / 2, others = synthetic->types - 1;
    return (int32_t)(pairs / others + (t - 1 < pairs % others ? 1 : 0));
}

clm_status clm_synthetic_check(const clm_synthetic *synthetic, const char **name)
{
    for (const clm_synthetic_range *range = clm_synthetic_ranges; range->name != NULL; range++) {
        *name = range->name;
        const double value = value_of(synthetic, range);
        if (!(value >= range->least && value <= range->most))
            return clm_fail(CLM_ERROR_USAGE, "%s=%g is out of range: expected %.0f to %.0f",
                            range->name, value, range->least, range->most);
    }
    *name = "features";
    if (synthetic->features < 2 * synthetic->roles)
        return clm_fail(CLM_ERROR_USAGE,
                        "features=%lld is too few for %lld roles: expected at least "
                        "twice as many",
                        (long long)synthetic->features, (long long)synthetic->roles);
    *name = "nodes";
    if (synthetic->nodes < 2 * synthetic->types)
        return clm_fail(CLM_ERROR_USAGE, "nodes=%lld is too few for %lld types",
                        (long long)synthetic->nodes, (long long)synthetic->types);
    *name = "edges";
    for (int32_t t = 1; t < synthetic->types; t++) {
        const int64_t pairs = (int64_t)nodes_of(synthetic, 0) * nodes_of(synthetic, t);
        if (links_of(synthetic, t) > pairs / 4)
            return clm_fail(
                CLM_ERROR_USAGE,
                "edges=%lld is too many for %lld nodes: links between two types may be at "
                "most a quarter of their pairs",
                (long long)synthetic->edges, (long long)synthetic->nodes);
    }
    return CLM_OK;
}

/* What is needed while generating. Nodes of one type, role and topic form a group: group g of type
 * t has the nodes member[first[g] .. first[g + 1]), g = (t * roles + role) * roles + topic. */
struct plan {
    const clm_synthetic *synthetic;
    uint32_t seed, roles;
    int32_t *topic; /* [nodes] */
    int32_t *first, *member;
    int32_t *code; /* [roles][roles]: how a role writes each topic */
};

static int32_t group_of(const struct plan *plan, int32_t type, uint32_t role, uint32_t topic)
{
    return (int32_t)(((uint32_t)type * plan->roles + role) * plan->roles + topic);
}

static void draw_nodes(clm_scope *work, struct plan *plan, clm_graph *graph)
{
    const int32_t groups = graph->types * (int32_t)(plan->roles * plan->roles);
    plan->topic = clm_alloc_array(work, (size_t)graph->nodes, sizeof(int32_t));
    plan->first = clm_alloc_array(work, (size_t)groups + 2, sizeof(int32_t));
    plan->member = clm_alloc_array(work, (size_t)graph->nodes, sizeof(int32_t));
    plan->code = clm_alloc_array(work, plan->roles * plan->roles, sizeof(int32_t));
    for (uint32_t role = 0; role < plan->roles; role++)
        clm_permutation(plan->code + role * plan->roles, (int32_t)plan->roles, plan->seed,
                        CLM_STREAM_GENERATE, LAYER_CODE + role);
    for (int32_t t = 0; t < graph->types; t++) {
        for (int32_t i = 0; i < graph->type[t].count; i++) {
            const int32_t node = graph->type[t].first + i;
            const clm_philox drawn =
                clm_philox_draw((uint32_t)node, 0, CLM_STREAM_GENERATE, LAYER_NODE, plan->seed);
            const uint32_t role = clm_uniform_below(drawn.word[0], plan->roles);
            const uint32_t topic = clm_uniform_below(drawn.word[1], plan->roles);
            graph->role[node] = graph->label[node] = (int32_t)role;
            plan->topic[node] = (int32_t)topic;
            plan->first[group_of(plan, t, role, topic) + 2]++;
        }
    }
    for (int32_t g = 0; g <= groups; g++)
        plan->first[g + 1] += plan->first[g];
    for (int32_t t = 0; t < graph->types; t++)
        for (int32_t i = 0; i < graph->type[t].count; i++) {
            const int32_t node = graph->type[t].first + i;
            const int32_t g =
                group_of(plan, t, (uint32_t)graph->role[node], (uint32_t)plan->topic[node]);
            plan->member[plan->first[g + 1]++] = node;
        }
}

/* A place below `count`, favouring low ones: the square of a uniform number gives the node of rank
 * k a share proportional to k^(-1/2), hence degrees with a power-law tail of exponent 3. */
static int32_t popular(uint32_t word, int32_t count)
{
    const double uniform = (double)word * 0x1p-32;
    return (int32_t)(uniform * uniform * count);
}

/* One link from type t to the first type. */
static void draw_link(const struct plan *plan, const clm_graph *graph, int32_t t, uint32_t link,
                      uint32_t attempt, int32_t *u, int32_t *v)
{
    const clm_node_type *from = &graph->type[t], *to = &graph->type[0];
    const clm_philox drawn =
        clm_philox_draw(link, attempt, CLM_STREAM_GENERATE, LAYER_LINK + (uint32_t)t, plan->seed);
    *u = from->first + popular(drawn.word[0], from->count);
    const uint32_t role = ((uint32_t)graph->role[*u] + 1) % plan->roles;
    const int32_t g = group_of(plan, 0, role, (uint32_t)plan->topic[*u]);
    const int32_t members = plan->first[g + 1] - plan->first[g];
    const bool planted = (double)clm_uniform(drawn.word[2]) >= plan->synthetic->noise;
    if (planted && members > 0 && attempt < ATTEMPTS)
        *v = plan->member[plan->first[g] + popular(drawn.word[1], members)];
    else
        *v = to->first + (attempt < ATTEMPTS
                              ? popular(drawn.word[1], to->count)
                              : (int32_t)clm_uniform_below(drawn.word[1], (uint32_t)to->count));
    if (attempt >= ATTEMPTS) /* the popular nodes are full */
        *u = from->first + (int32_t)clm_uniform_below(drawn.word[0], (uint32_t)from->count);
}

/* Relations 2 (t - 1), from type t to the first type, and 2 (t - 1) + 1, its reverse. */
static void draw_links(clm_scope *scope, clm_scope *work, const struct plan *plan, clm_graph *graph,
                       int32_t t)
{
    clm_relation *forward = &graph->relation[2 * (t - 1)], *reverse = forward + 1;
    const int32_t count = links_of(plan->synthetic, t);
    int32_t *u = clm_alloc_array(scope, (size_t)count, sizeof *u);
    int32_t *v = clm_alloc_array(scope, (size_t)count, sizeof *v);
    clm_pair_set seen = clm_pair_set_new(work, count);
    for (int32_t i = 0; i < count; i++)
        for (uint32_t attempt = 0;; attempt++) {
            draw_link(plan, graph, t, (uint32_t)i, attempt, &u[i], &v[i]);
            if (clm_pair_set_add(&seen, u[i], v[i])) break;
        }
    const char *from = graph->type[t].name, *to = graph->type[0].name;
    *forward = (clm_relation){clm_text(scope, "%s-%s", from, to), t, 0, count, u, v};
    /* The reverse has arrays of its own, because dropping node types renumbers in place. */
    int32_t *u_copy = clm_alloc_array(scope, (size_t)count, sizeof *u);
    int32_t *v_copy = clm_alloc_array(scope, (size_t)count, sizeof *v);
    memcpy(u_copy, u, (size_t)count * sizeof *u);
    memcpy(v_copy, v, (size_t)count * sizeof *v);
    *reverse = (clm_relation){clm_text(scope, "%s-%s", to, from), 0, t, count, v_copy, u_copy};
}

/* Words are binary. The lower half of the columns shows the role, the upper half the topic as the
 * role writes it; each of the `roles` values has columns of its own in its half. */
static void draw_features(clm_scope *scope, const struct plan *plan, clm_graph *graph)
{
    const uint32_t half = (uint32_t)plan->synthetic->features / 2, own = half / plan->roles;
    graph->row_ptr = clm_alloc_array(scope, (size_t)graph->nodes + 1, sizeof(int64_t));
    graph->col = clm_alloc_array(scope, 2 * WORDS * (size_t)graph->nodes, sizeof(int32_t));
    graph->val = clm_alloc_array(scope, 2 * WORDS * (size_t)graph->nodes, sizeof(float));
    int64_t nonzeros = 0;
    for (int32_t node = 0; node < graph->nodes; node++) {
        const uint32_t role = (uint32_t)graph->role[node];
        const uint32_t topic = (uint32_t)plan->topic[node];
        const uint32_t shown[2] = {role, (uint32_t)plan->code[role * plan->roles + topic]};
        const int64_t first = nonzeros;
        for (uint32_t word = 0; word < 2 * WORDS; word++) {
            const clm_philox drawn = clm_philox_draw((uint32_t)node, word, CLM_STREAM_GENERATE,
                                                     LAYER_FEATURE, plan->seed);
            const uint32_t part = word / WORDS;
            const bool noisy = (double)clm_uniform(drawn.word[0]) < plan->synthetic->noise;
            const uint32_t place = noisy
                                       ? clm_uniform_below(drawn.word[1], half)
                                       : shown[part] * own + clm_uniform_below(drawn.word[1], own);
            const int32_t column = (int32_t)(part * half + place);
            int64_t at = nonzeros;
            while (at > first && graph->col[at - 1] > column)
                at--;
            if (at > first && graph->col[at - 1] == column) continue;
            memmove(graph->col + at + 1, graph->col + at,
                    (size_t)(nonzeros - at) * sizeof(int32_t));
            graph->col[at] = column;
            graph->val[nonzeros++] = 1;
        }
        graph->row_ptr[node + 1] = nonzeros;
    }
}

static void generate(clm_scope *scope, clm_scope *work, const clm_synthetic *synthetic,
                     clm_graph *graph)
{
    const int32_t types = (int32_t)synthetic->types;
    *graph = (clm_graph){.name = "synthetic",
                         .nodes = (int32_t)synthetic->nodes,
                         .types = types,
                         .relations = 2 * (types - 1),
                         .classes = (int32_t)synthetic->roles};
    graph->type = clm_alloc_array(scope, (size_t)types, sizeof *graph->type);
    graph->relation = clm_alloc_array(scope, (size_t)graph->relations, sizeof *graph->relation);
    graph->role = clm_alloc_array(scope, (size_t)graph->nodes, sizeof(int32_t));
    graph->label = clm_alloc_array(scope, (size_t)graph->nodes, sizeof(int32_t));
    int32_t first = 0;
    for (int32_t t = 0; t < types; t++) {
        graph->type[t] = (clm_node_type){t == 0 ? "hub" : clm_text(scope, "spoke%d", t), first,
                                         nodes_of(synthetic, t), (int32_t)synthetic->features};
        first += graph->type[t].count;
    }
    struct plan plan = {.synthetic = synthetic,
                        .seed = (uint32_t)synthetic->seed,
                        .roles = (uint32_t)synthetic->roles};
    draw_nodes(work, &plan, graph);
    for (int32_t t = 1; t < types; t++)
        draw_links(scope, work, &plan, graph, t);
    draw_features(scope, &plan, graph);
}

clm_status clm_synthetic_graph(clm_scope *scope, const clm_synthetic *synthetic, clm_graph *graph)
{
    const char *fault = NULL;
    CLM_TRY(clm_synthetic_check(synthetic, &fault));
    clm_scope work = {0};
    generate(scope, &work, synthetic, graph);
    clm_scope_end(&work);
    return CLM_OK;
}
