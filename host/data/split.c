/* Link split with the semantics of PyTorch Geometric's RandomLinkSplit: edges in random order, 70 %
 * training, then 10 % validation, then 20 % test; the supervision edges are the first of the
 * training edges. Every number is Philox's, so the split is the same wherever it is made. */
#include "base/philox.h"
#include "data/graph.h"
#include "data/pair_set.h"

#include <string.h>

/* Layers of the random streams: those of the split are their own, beside the training negatives
 * (layer 0 of CLM_STREAM_NEGATIVES, drawn anew each step). */
enum { LAYER_ORDER = 0, LAYER_EVALUATION = 1 };

enum { FEWEST = 10 }; /* edges, for at least one of validation */

/* Pairs [first, first + count) of `all`, not copied. */
static clm_pairs_host part(const clm_pairs_host *all, int32_t first, int32_t count)
{
    return (clm_pairs_host){count, all->u + first, all->v + first};
}

static clm_pairs_host pairs_new(clm_scope *scope, int32_t count)
{
    return (clm_pairs_host){count, clm_alloc_array(scope, (size_t)count, sizeof(int32_t)),
                            clm_alloc_array(scope, (size_t)count, sizeof(int32_t))};
}

static clm_status check(const clm_dataset *dataset, double disjoint)
{
    const clm_graph *graph = &dataset->graph;
    if (dataset->target < 0) {
        clm_fail(CLM_ERROR_USAGE,
                 "%s: no link joins two node types and has a reverse, so there is no "
                 "link to predict",
                 dataset->name);
        clm_error_advice("clmoe data info shows the links of a data set");
        return CLM_FAIL;
    }
    const clm_relation *target = &graph->relation[dataset->target];
    if (target->count < FEWEST) {
        clm_fail(CLM_ERROR_USAGE,
                 "%s: the link to predict, %s, has %d edges; a split into training, "
                 "validation and test needs at least %d",
                 dataset->name, target->name, target->count, FEWEST);
        clm_error_advice(
            "another data set, or another target in its description under suites/data");
        return CLM_FAIL;
    }
    if (!(disjoint >= 0 && disjoint < 1))
        return clm_fail(CLM_ERROR_USAGE, "disjoint=%g is out of range: expected 0 <= disjoint < 1",
                        disjoint);
    return CLM_OK;
}

/* All edges of the target in random order. A link that is listed twice could end up in training and
 * test, so it is refused. `seen` gets every edge. */
static clm_status shuffled(clm_scope *scope, const clm_dataset *dataset, uint32_t seed,
                           clm_pair_set *seen, clm_pairs_host *all)
{
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    int32_t *order = clm_alloc_array(scope, (size_t)target->count, sizeof *order);
    clm_permutation(order, target->count, seed, CLM_STREAM_SPLIT, LAYER_ORDER);
    for (int32_t i = 0; i < target->count; i++) {
        const int32_t e = order[i];
        all->u[i] = target->src[e];
        all->v[i] = target->dst[e];
        if (clm_pair_set_add(seen, all->u[i], all->v[i])) continue;
        clm_fail(CLM_ERROR_USAGE,
                 "%s: the link %s from node %d to node %d is listed twice, and might "
                 "be learnt in training and asked for in the test",
                 dataset->name, target->name, all->u[i], all->v[i]);
        clm_error_advice("list every link once within its type");
        return CLM_FAIL;
    }
    return CLM_OK;
}

/* Pairs of the target's types, distinct and none of them `seen`. Pair i is the first acceptable one
 * of its own sequence of draws, so it depends on the seed and the pairs before it alone. */
static void draw_negatives(const clm_dataset *dataset, uint32_t seed, clm_pair_set *seen,
                           clm_pairs_host *negative)
{
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    const clm_node_type *from = &dataset->graph.type[target->from];
    const clm_node_type *to = &dataset->graph.type[target->to];
    for (int32_t i = 0; i < negative->count; i++) {
        for (uint32_t attempt = 0;; attempt++) {
            const clm_philox drawn =
                clm_philox_draw((uint32_t)i, attempt, CLM_STREAM_NEGATIVES, LAYER_EVALUATION, seed);
            negative->u[i] =
                from->first + (int32_t)clm_uniform_below(drawn.word[0], (uint32_t)from->count);
            negative->v[i] =
                to->first + (int32_t)clm_uniform_below(drawn.word[1], (uint32_t)to->count);
            if (clm_pair_set_add(seen, negative->u[i], negative->v[i])) break;
        }
    }
}

/* The split, with what is needed only to make it in `work`. */
static clm_status split_target(clm_scope *scope, clm_scope *work, const clm_dataset *dataset,
                               double disjoint, uint32_t seed, clm_link_split *split)
{
    CLM_TRY(check(dataset, disjoint));
    const clm_graph *graph = &dataset->graph;
    const clm_relation *target = &graph->relation[dataset->target];
    const int32_t count = target->count;
    const int32_t val = (int32_t)(0.1 * count), test = (int32_t)(0.2 * count);
    const int32_t train = count - val - test;
    const int64_t pairs = (int64_t)graph->type[target->from].count * graph->type[target->to].count;
    if (pairs - count < val + test) {
        clm_fail(CLM_ERROR_USAGE,
                 "%s: %s joins %d of %lld pairs, which leaves too few for %d "
                 "negatives",
                 dataset->name, target->name, count, (long long)pairs, val + test);
        clm_error_advice(
            "another data set, or another target in its description under suites/data");
        return CLM_FAIL;
    }
    clm_pair_set seen = clm_pair_set_new(work, (int64_t)count + val + test);
    clm_pairs_host all = pairs_new(scope, count), negative = pairs_new(scope, val + test);
    CLM_TRY(shuffled(work, dataset, seed, &seen, &all));
    draw_negatives(dataset, seed, &seen, &negative);
    const int32_t disjoint_count = (int32_t)(disjoint * train);
    *split = (clm_link_split){.train = part(&all, 0, train),
                              .val = part(&all, train, val),
                              .test = part(&all, train + val, test),
                              .message = part(&all, disjoint_count, train - disjoint_count),
                              .test_message = part(&all, 0, train + val),
                              .val_negative = part(&negative, 0, val),
                              .test_negative = part(&negative, val, test)};
    split->supervision = disjoint_count > 0 ? part(&all, 0, disjoint_count) : split->train;
    return CLM_OK;
}

clm_status clm_link_split_new(clm_scope *scope, const clm_dataset *dataset, double disjoint,
                              uint32_t seed, clm_link_split *split)
{
    clm_scope work = {0};
    const clm_status status = split_target(scope, &work, dataset, disjoint, seed, split);
    clm_scope_end(&work);
    return status;
}
