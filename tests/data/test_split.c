/* Link splits and message graphs, on a generated graph. */
#include "data.h"

#include "data/pair_set.h"

static const clm_dataset *load(clm_scope *scope, const char *name)
{
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(scope, name, NULL, &dataset));
    return dataset;
}

static void add_all(clm_pair_set *set, const clm_pairs_host *pairs)
{
    for (int32_t i = 0; i < pairs->count; i++)
        assert_true(clm_pair_set_add(set, pairs->u[i], pairs->v[i]));
}

static void check_types(const clm_dataset *dataset, const clm_pairs_host *pairs)
{
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    const clm_node_type *from = &dataset->graph.type[target->from];
    const clm_node_type *to = &dataset->graph.type[target->to];
    for (int32_t i = 0; i < pairs->count; i++) {
        assert_in_range(pairs->u[i], from->first, from->first + from->count - 1);
        assert_in_range(pairs->v[i], to->first, to->first + to->count - 1);
    }
}

/* Property: training, validation and test edges are the target's edges, each once, 70 : 10 : 20;
 * the negatives are distinct and none of them is an edge. */
static void the_parts_are_disjoint_and_complete(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic");
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    clm_link_split split;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 7, &split));
    assert_int_equal(target->count, 6000);
    assert_int_equal(split.val.count, 600);
    assert_int_equal(split.test.count, 1200);
    assert_int_equal(split.train.count, 4200);
    assert_int_equal(split.supervision.count, 1260);
    assert_int_equal(split.message.count, 2940);
    assert_int_equal(split.test_message.count, 4800);
    assert_int_equal(split.val_negative.count, 600);
    assert_int_equal(split.test_negative.count, 1200);
    clm_pair_set parts = clm_pair_set_new(&scope, 10000);
    add_all(&parts, &split.train);
    add_all(&parts, &split.val);
    add_all(&parts, &split.test);
    for (int32_t e = 0; e < target->count; e++)
        assert_false(clm_pair_set_add(&parts, target->src[e], target->dst[e]));
    add_all(&parts, &split.val_negative);
    add_all(&parts, &split.test_negative);
    check_types(dataset, &split.train);
    check_types(dataset, &split.val_negative);
    check_types(dataset, &split.test_negative);
    clm_scope_end(&scope);
}

/* Property: supervision and message edges are the training edges, each once; the test's message
 * graph has the training and validation edges. */
static void supervision_is_taken_out_of_the_message_graph(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic");
    clm_link_split split;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 7, &split));
    clm_pair_set train = clm_pair_set_new(&scope, 10000);
    add_all(&train, &split.supervision);
    add_all(&train, &split.message);
    for (int32_t e = 0; e < split.train.count; e++)
        assert_false(clm_pair_set_add(&train, split.train.u[e], split.train.v[e]));
    add_all(&train, &split.val);
    for (int32_t e = 0; e < split.test_message.count; e++)
        assert_false(clm_pair_set_add(&train, split.test_message.u[e], split.test_message.v[e]));
    assert_ok(clm_link_split_new(&scope, dataset, 0, 7, &split));
    assert_int_equal(split.supervision.count, split.train.count);
    assert_int_equal(split.message.count, split.train.count);
    clm_scope_end(&scope);
}

static bool same(const clm_pairs_host *a, const clm_pairs_host *b)
{
    const size_t bytes = (size_t)a->count * sizeof *a->u;
    return a->count == b->count && memcmp(a->u, b->u, bytes) == 0 && memcmp(a->v, b->v, bytes) == 0;
}

static void a_seed_fixes_the_split(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic");
    clm_link_split first, second, other;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 7, &first));
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 7, &second));
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 8, &other));
    assert_true(same(&first.train, &second.train) && same(&first.test, &second.test));
    assert_true(same(&first.val_negative, &second.val_negative));
    assert_true(same(&first.test_negative, &second.test_negative));
    assert_false(same(&first.train, &other.train));
    assert_false(same(&first.test_negative, &other.test_negative));
    clm_scope_end(&scope);
}

static bool is_in(const clm_pairs_host *pairs, int32_t u, int32_t v)
{
    for (int32_t i = 0; i < pairs->count; i++)
        if (pairs->u[i] == u && pairs->v[i] == v) return true;
    return false;
}

/* Property: the arrays are one set of edges in two orders: by target, there by relation, there as
 * they were listed; and by source row. */
static void check_orders(const clm_graph *graph, const clm_adjacency *a, bool per_relation)
{
    bool *listed = calloc((size_t)a->edges, sizeof *listed);
    assert_int_equal(a->row_first[a->relations], a->rows);
    assert_int_equal(a->edge_ptr[a->segments], a->edges);
    assert_int_equal(a->segment_ptr[a->nodes], a->segments);
    assert_int_equal(a->source_ptr[a->rows], a->edges);
    for (int32_t e = 0; e < a->edges; e++) {
        const clm_relation *relation = &graph->relation[a->relation[e]];
        const clm_node_type *to = &graph->type[relation->to];
        assert_in_range(a->source[e], a->row_first[a->relation[e]],
                        a->row_first[a->relation[e] + 1] - 1);
        assert_in_range(a->target[e], to->first, to->first + to->count - 1);
        assert_in_range(a->input[e], 0, a->edges - 1);
        assert_false(listed[a->input[e]]);
        listed[a->input[e]] = true;
    }
    for (int32_t node = 0; node < a->nodes; node++) {
        assert_true(per_relation || a->segment_ptr[node + 1] == node + 1);
        for (int32_t s = a->segment_ptr[node]; s < a->segment_ptr[node + 1]; s++) {
            assert_true(!per_relation || a->edge_ptr[s] < a->edge_ptr[s + 1]);
            for (int32_t e = a->edge_ptr[s]; e < a->edge_ptr[s + 1]; e++) {
                assert_int_equal(a->target[e], node);
                if (e == a->edge_ptr[s]) continue;
                assert_true(a->relation[e] >= a->relation[e - 1]);
                assert_true(!per_relation || a->relation[e] == a->relation[e - 1]);
                assert_true(a->relation[e] != a->relation[e - 1] || a->input[e] > a->input[e - 1]);
            }
        }
    }
    for (int32_t row = 0; row < a->rows; row++)
        for (int32_t k = a->source_ptr[row]; k < a->source_ptr[row + 1]; k++) {
            assert_int_equal(a->source[a->source_edge[k]], row);
            assert_int_equal(a->source_target[k], a->target[a->source_edge[k]]);
            assert_true(k == a->source_ptr[row] || a->source_edge[k] > a->source_edge[k - 1]);
        }
    free(listed);
}

/* Property: the message graph holds exactly the given target edges, the reverse exactly their
 * flipped copies, and every other relation all of its edges. */
static void held_out_edges_are_in_neither_direction(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic:nodes=300,edges=2400");
    const clm_graph *graph = &dataset->graph;
    clm_link_split split;
    clm_adjacency a;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 1, &split));
    assert_ok(clm_adjacency_new(&scope, dataset, &split.message, (clm_adjacency_choice){0}, &a));
    check_orders(graph, &a, false);
    int32_t *count = clm_alloc_array(&scope, (size_t)graph->relations, sizeof *count);
    for (int32_t e = 0; e < a.edges; e++) {
        const int32_t r = a.relation[e];
        const int32_t source = a.row_node[a.source[e]];
        count[r]++;
        if (r == dataset->target) assert_true(is_in(&split.message, source, a.target[e]));
        if (r == dataset->reverse) assert_true(is_in(&split.message, a.target[e], source));
    }
    for (int32_t r = 0; r < graph->relations; r++) {
        const bool replaced = r == dataset->target || r == dataset->reverse;
        assert_int_equal(count[r], replaced ? split.message.count : graph->relation[r].count);
    }
    clm_scope_end(&scope);
}

static void a_leak_keeps_every_reversed_edge(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic:nodes=300,edges=2400");
    clm_link_split split;
    clm_adjacency a;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 1, &split));
    assert_ok(clm_adjacency_new(&scope, dataset, &split.message,
                                (clm_adjacency_choice){.leak = true, .per_relation = true}, &a));
    check_orders(&dataset->graph, &a, true);
    int32_t leaked = 0;
    for (int32_t e = 0; e < a.edges; e++)
        leaked += a.relation[e] == dataset->reverse ? 1 : 0;
    assert_int_equal(leaked, dataset->graph.relation[dataset->reverse].count);
    clm_scope_end(&scope);
}

/* Property: with `into`, exactly the edges that end in those types are left, and every row has one:
 * no key or value is made that nobody reads. */
static void messages_go_into_the_chosen_types(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic:nodes=300,edges=600");
    const clm_graph *graph = &dataset->graph;
    const bool into[] = {true, false, true};
    clm_adjacency all, some;
    assert_ok(clm_adjacency_new(&scope, dataset, NULL, (clm_adjacency_choice){0}, &all));
    assert_ok(
        clm_adjacency_new(&scope, dataset, NULL, (clm_adjacency_choice){.into = into}, &some));
    check_orders(graph, &some, false);
    int32_t expected = 0;
    for (int32_t r = 0; r < graph->relations; r++)
        if (into[graph->relation[r].to]) expected += graph->relation[r].count;
    assert_int_equal(some.edges, expected);
    assert_true(some.edges > 0 && some.edges < all.edges && some.rows < all.rows);
    for (int32_t e = 0; e < some.edges; e++)
        assert_true(some.target[e] < graph->type[1].first ||
                    some.target[e] >= graph->type[2].first);
    for (int32_t row = 0; row < all.rows; row++)
        assert_true(all.source_ptr[row + 1] > all.source_ptr[row]);
    clm_scope_end(&scope);
}

/* Property: the features' transpose has the same entries, sorted by column and then by row. */
static void features_and_their_transpose_agree(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic:nodes=300,edges=0,noise=0.5");
    clm_features f;
    assert_ok(clm_features_new(&scope, dataset, false, NULL, &f));
    assert_int_equal(f.columns, 3 * 128);
    assert_int_equal(f.row_ptr[f.rows], f.nonzeros);
    assert_int_equal(f.t_row_ptr[f.columns], f.nonzeros);
    float *dense = clm_alloc_array(&scope, (size_t)f.rows * (size_t)f.columns, sizeof *dense);
    for (int32_t row = 0; row < f.rows; row++)
        for (int32_t k = f.row_ptr[row]; k < f.row_ptr[row + 1]; k++)
            dense[row * f.columns + f.col[k]] = f.val[k];
    for (int32_t column = 0; column < f.columns; column++)
        for (int32_t k = f.t_row_ptr[column]; k < f.t_row_ptr[column + 1]; k++) {
            assert_true(f.t_val[k] == dense[f.t_col[k] * f.columns + column]);
            assert_true(k == f.t_row_ptr[column] || f.t_col[k] > f.t_col[k - 1]);
        }
    clm_scope_end(&scope);
}

static void what_cannot_be_split_is_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_link_split split;
    const clm_dataset *empty = load(&scope, "synthetic:edges=0");
    assert_int_equal(clm_link_split_new(&scope, empty, 0.3, 0, &split), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "spoke1-hub, has 0 edges"));
    const clm_dataset *dataset = load(&scope, "synthetic");
    assert_int_equal(clm_link_split_new(&scope, dataset, 1, 0, &split), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "0 <= disjoint < 1"));
    clm_dataset changed = *dataset;
    changed.graph.relation[changed.target].src[1] = changed.graph.relation[changed.target].src[0];
    changed.graph.relation[changed.target].dst[1] = changed.graph.relation[changed.target].dst[0];
    assert_int_equal(clm_link_split_new(&scope, &changed, 0.3, 0, &split), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "is listed twice"));
    changed.target = -1;
    assert_int_equal(clm_link_split_new(&scope, &changed, 0.3, 0, &split), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "no link to predict"));
    clm_scope_end(&scope);
}

/* An empty relation that is not the target only adds rows without edges. */
static void an_empty_relation_beside_the_target_is_tolerated(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load(&scope, "synthetic:nodes=300,edges=2400");
    clm_dataset changed = *dataset;
    const int32_t other = clm_graph_relation(&changed.graph, "spoke2-hub");
    changed.graph.relation[other].count = 0;
    clm_adjacency a;
    assert_ok(clm_adjacency_new(&scope, &changed, NULL, (clm_adjacency_choice){0}, &a));
    check_orders(&changed.graph, &a, false);
    assert_int_equal(a.edges, 1800);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_disjoint_and_complete),
        cmocka_unit_test(supervision_is_taken_out_of_the_message_graph),
        cmocka_unit_test(a_seed_fixes_the_split),
        cmocka_unit_test(held_out_edges_are_in_neither_direction),
        cmocka_unit_test(a_leak_keeps_every_reversed_edge),
        cmocka_unit_test(messages_go_into_the_chosen_types),
        cmocka_unit_test(features_and_their_transpose_agree),
        cmocka_unit_test(what_cannot_be_split_is_refused),
        cmocka_unit_test(an_empty_relation_beside_the_target_is_tolerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
