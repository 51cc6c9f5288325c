/* Generated graphs: what is planted is there, the same everywhere, and survives writing. */
#include "data.h"

#include "data/hgb.h"
#include "data/pair_set.h"
#include "data/synthetic.h"

static clm_graph generated(clm_scope *scope, const clm_synthetic *synthetic)
{
    clm_graph graph;
    assert_ok(clm_synthetic_graph(scope, synthetic, &graph));
    return graph;
}

/* Property: a written graph reads back to the identical graph. */
static void a_written_graph_reads_back(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.noise = 0.3;
    clm_graph graph = generated(&scope, &synthetic);
    for (int64_t k = 0; k < graph.row_ptr[graph.nodes]; k++) /* values that need all their digits */
        graph.val[k] = k % 3 == 0 ? 1.0f / (float)(k + 3) : k % 3 == 1 ? 1.0f : -3.4e38f;
    const char *folder = clm_text(&scope, "%s/deep/down/graph", new_folder(&scope));
    assert_ok(clm_hgb_write(&graph, folder));
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(&scope, folder, NULL, &dataset));
    const clm_graph *again = &dataset->graph;
    assert_int_equal(again->nodes, graph.nodes);
    assert_int_equal(again->types, graph.types);
    assert_int_equal(again->relations, graph.relations);
    assert_int_equal(again->classes, graph.classes);
    for (int32_t t = 0; t < graph.types; t++) {
        assert_string_equal(again->type[t].name, graph.type[t].name);
        assert_int_equal(again->type[t].first, graph.type[t].first);
        assert_int_equal(again->type[t].count, graph.type[t].count);
        assert_int_equal(again->type[t].dim, graph.type[t].dim);
    }
    for (int32_t r = 0; r < graph.relations; r++) {
        const size_t bytes = (size_t)graph.relation[r].count * sizeof(int32_t);
        assert_string_equal(again->relation[r].name, graph.relation[r].name);
        assert_int_equal(again->relation[r].from, graph.relation[r].from);
        assert_int_equal(again->relation[r].to, graph.relation[r].to);
        assert_int_equal(again->relation[r].count, graph.relation[r].count);
        assert_memory_equal(again->relation[r].src, graph.relation[r].src, bytes);
        assert_memory_equal(again->relation[r].dst, graph.relation[r].dst, bytes);
    }
    const size_t nodes = (size_t)graph.nodes, nonzeros = (size_t)graph.row_ptr[graph.nodes];
    assert_memory_equal(again->row_ptr, graph.row_ptr, (nodes + 1) * sizeof(int64_t));
    assert_memory_equal(again->col, graph.col, nonzeros * sizeof(int32_t));
    assert_memory_equal(again->val, graph.val, nonzeros * sizeof(float));
    assert_memory_equal(again->label, graph.label, nodes * sizeof(int32_t));
    assert_int_equal(clm_hgb_write(&graph, folder), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "exists already"));
    clm_scope_end(&scope);
}

/* Property: links are distinct, their number is the one asked for, and each has its reverse. */
static void links_are_distinct_and_reversed(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.types = 4;
    synthetic.edges = 20003; /* odd, and not divisible by the number of spokes */
    const clm_graph graph = generated(&scope, &synthetic);
    assert_int_equal(graph.relations, 6);
    int64_t edges = 0;
    for (int32_t r = 0; r < graph.relations; r += 2) {
        const clm_relation *forward = &graph.relation[r], *reverse = &graph.relation[r + 1];
        clm_pair_set set = clm_pair_set_new(&scope, forward->count);
        edges += forward->count + reverse->count;
        for (int32_t e = 0; e < forward->count; e++) {
            assert_true(clm_pair_set_add(&set, forward->src[e], forward->dst[e]));
            assert_int_equal(forward->src[e], reverse->dst[e]);
            assert_int_equal(forward->dst[e], reverse->src[e]);
        }
    }
    assert_int_equal(edges, 20002);
    clm_scope_end(&scope);
}

/* Property: about 1 - noise of the links join matching roles (and chance has one in `roles`), in
 * every relation alike: the rule does not depend on the node type. */
static void links_join_matching_roles(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.noise = 0.2;
    const clm_graph graph = generated(&scope, &synthetic);
    for (int32_t r = 0; r < graph.relations; r += 2) {
        const clm_relation *relation = &graph.relation[r];
        int32_t matching = 0;
        for (int32_t e = 0; e < relation->count; e++)
            matching +=
                (graph.role[relation->src[e]] + 1) % synthetic.roles == graph.role[relation->dst[e]]
                    ? 1
                    : 0;
        const double share = (double)matching / relation->count;
        assert_true(share > 0.75 && share < 0.90);
    }
    clm_scope_end(&scope);
}

/* Property: without noise the role can be read off the lower half of the features, in the same way
 * in every node type. */
static void features_show_the_role(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.noise = 0;
    const clm_graph graph = generated(&scope, &synthetic);
    const int32_t half = 64, own = 8;
    for (int32_t node = 0; node < graph.nodes; node++)
        for (int64_t k = graph.row_ptr[node]; k < graph.row_ptr[node + 1]; k++)
            if (graph.col[k] < half) assert_int_equal(graph.col[k] / own, graph.role[node]);
    clm_scope_end(&scope);
}

/* Without noise linked nodes share a topic. What the start node shows of it, as a linear reader
 * sees it (one table from its topic word to the other's, for all roles together), fits little
 * better than chance; a reader with one table per role (an expert per role) is right every time;
 * one with a table per node type is as lost as the first. */
static void the_topic_needs_a_map_per_role_not_per_type(void **state)
{
    (void)state;
    enum { ROLES = 8, HALF = 64, OWN = 8 };
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.noise = 0;
    const clm_graph graph = generated(&scope, &synthetic);
    static int32_t per_role[ROLES][ROLES][ROLES], per_type[3][ROLES][ROLES];
    int32_t count = 0;
    for (int32_t r = 0; r < graph.relations; r += 2) {
        const clm_relation *relation = &graph.relation[r];
        for (int32_t e = 0; e < relation->count; e++, count++) {
            /* Columns increase: the last word of a row is one of the topic. */
            const int32_t u = relation->src[e], v = relation->dst[e];
            const int32_t word_u = (graph.col[graph.row_ptr[u + 1] - 1] - HALF) / OWN;
            const int32_t word_v = (graph.col[graph.row_ptr[v + 1] - 1] - HALF) / OWN;
            per_role[graph.role[u]][word_u][word_v]++;
            per_type[relation->from][word_u][word_v]++;
        }
    }
    int32_t right_per_role = 0, right_per_type = 0;
    for (int32_t i = 0; i < ROLES; i++)
        for (int32_t word = 0; word < ROLES; word++) {
            int32_t best_role = 0, best_type = 0;
            for (int32_t w = 0; w < ROLES; w++) {
                if (per_role[i][word][w] > best_role) best_role = per_role[i][word][w];
                if (i < 3 && per_type[i][word][w] > best_type) best_type = per_type[i][word][w];
            }
            right_per_role += best_role;
            right_per_type += best_type;
        }
    assert_true(right_per_role >= count * 98 / 100); /* empty groups are linked at random */
    assert_true(right_per_type < count / 2);
    clm_scope_end(&scope);
}

/* Uniform links would give the busiest of these nodes about four times the mean. */
static void degrees_are_uneven(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    synthetic.nodes = 30000;
    synthetic.edges = 240000;
    const clm_graph graph = generated(&scope, &synthetic);
    const clm_relation *relation = &graph.relation[0];
    int32_t *degree = clm_alloc_array(&scope, (size_t)graph.nodes, sizeof *degree), largest = 0;
    for (int32_t e = 0; e < relation->count; e++)
        if (++degree[relation->dst[e]] > largest) largest = degree[relation->dst[e]];
    assert_true(largest > 10 * relation->count / graph.type[0].count);
    clm_scope_end(&scope);
}

static void a_seed_fixes_the_graph(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_synthetic synthetic = clm_synthetic_default();
    const clm_graph first = generated(&scope, &synthetic), second = generated(&scope, &synthetic);
    synthetic.seed = 1;
    const clm_graph other = generated(&scope, &synthetic);
    const size_t bytes = (size_t)first.relation[0].count * sizeof(int32_t);
    assert_memory_equal(first.relation[0].src, second.relation[0].src, bytes);
    assert_memory_not_equal(first.relation[0].src, other.relation[0].src, bytes);
    assert_memory_not_equal(first.role, other.role, (size_t)first.nodes * sizeof(int32_t));
    clm_scope_end(&scope);
}

typedef struct refused {
    const char *name, *fragment;
} refused;

static void wrong_parameters_are_refused(void **state)
{
    (void)state;
    static const refused cases[] = {
        {"synthetic:edgez=3", "did you mean 'edges'?"},
        {"synthetic:edges", "'edges' is not name=value"},
        {"synthetic:edges=many", "edges=many: expected a number"},
        {"synthetic:edges=-1", "edges=-1 is out of range: expected 0 to 1073741824"},
        {"synthetic:edges=1e7", "edges=10000000 is too many for 3000 nodes"},
        {"synthetic:nodes=1.5e1x", "expected a number"},
        {"synthetic:roles=2.5", "roles=2.5: expected a whole number"},
        {"synthetic:roles=128", "features=128 is too few for 128 roles"},
        {"synthetic:noise=1.5", "noise=1.5 is out of range: expected 0 to 1"},
        {"synthetic:noise=nan", "noise=nan is out of range"},
        {"imdb_magnn:edges=3", "imdb_magnn takes no parameters"},
        {"sinthetic", "did you mean 'synthetic'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clm_scope scope = {0};
        const clm_dataset *dataset = NULL;
        assert_int_equal(clm_dataset_load(&scope, cases[i].name, NULL, &dataset), CLM_FAIL);
        if (strstr(clm_error_last()->what, cases[i].fragment) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].name, clm_error_last()->what,
                     cases[i].fragment);
        clm_scope_end(&scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_graph_reads_back),
        cmocka_unit_test(links_are_distinct_and_reversed),
        cmocka_unit_test(links_join_matching_roles),
        cmocka_unit_test(features_show_the_role),
        cmocka_unit_test(the_topic_needs_a_map_per_role_not_per_type),
        cmocka_unit_test(degrees_are_uneven),
        cmocka_unit_test(a_seed_fixes_the_graph),
        cmocka_unit_test(wrong_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
