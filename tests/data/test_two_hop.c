/* Two-hop edges and edge kinds, by hand and against the definition on real molecules. */
#include "data.h"

#include "data/edge_kinds.h"
#include "data/two_hop.h"

/* Two graphs. Graph 0: nodes 0 1 2 3 with the triangle 0-1-2 and the tail 2-3; graph 1: the path
 * 4-5-6. Edge numbers within graph 0, both directions of each:
 *   0: 0>1  1: 1>0  2: 1>2  3: 2>1  4: 0>2  5: 2>0  6: 2>3  7: 3>2
 * and within graph 1:  0: 4>5  1: 5>4  2: 5>6  3: 6>5 */
static int32_t src[] = {0, 1, 1, 2, 0, 2, 2, 3, 4, 5, 5, 6};
static int32_t dst[] = {1, 0, 2, 1, 2, 0, 3, 2, 5, 4, 6, 5};
static int32_t category[] = {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2};
static const int32_t sizes[] = {3};
static int32_t graph_first[] = {0, 4, 7};

enum { EDGES = sizeof src / sizeof *src };

static clm_relation relation = {
    .name = "bond", .count = EDGES, .src = src, .dst = dst, .category = {1, sizes, category}};

static const clm_graph two_graphs = {.name = "two",
                                     .nodes = 7,
                                     .types = 1,
                                     .relations = 1,
                                     .relation = &relation,
                                     .graphs = 2,
                                     .graph_first = graph_first};

typedef struct hop {
    int32_t from, to, first, second; /* categories of the edges */
} hop;

static void check_hops(const clm_relation *two, const hop *expected, int32_t count)
{
    assert_int_equal(two->count, count);
    assert_int_equal(two->category.fields, 2);
    for (int32_t e = 0; e < count; e++) {
        assert_int_equal(two->src[e], expected[e].from);
        assert_int_equal(two->dst[e], expected[e].to);
        assert_int_equal(two->category.value[2 * e], expected[e].first);
        assert_int_equal(two->category.value[2 * e + 1], expected[e].second);
    }
}

/* 0 and 1 reach 3 through 2, and 3 reaches 1 (edge 2>1) and 0 (edge 2>0) through 2: the triangle's
 * own nodes are neighbours. In graph 1, 4 and 6 reach each other. */
static void neighbours_are_left_out(void **state)
{
    (void)state;
    static const hop expected[] = {{0, 3, 2, 0}, {1, 3, 1, 0}, {3, 1, 0, 1},
                                   {3, 0, 0, 2}, {4, 6, 1, 2}, {6, 4, 2, 1}};
    clm_scope scope = {0};
    clm_relation two;
    assert_ok(clm_two_hop(&scope, &two_graphs, false, &two));
    assert_string_equal(two.name, "two-hop");
    check_hops(&two, expected, 6);
    clm_scope_end(&scope);
}

/* The released code leaves out w where edge number w starts at u:
 *   u = 0, its edges are numbers 0 and 4: none of w = 1, 2, 3 is. 0>1>2, 0>2>1, 0>2>3 stay.
 *   u = 1, edges 1 and 2: 1>0>2 falls out (w = 2), so do none of 1>2>0 (w = 0), 1>2>3 (w = 3).
 *   u = 2, edges 3, 5, 6: 2>1>0 and 2>0>1 stay; through 3 it only comes back.
 *   u = 3, edge 7: 3>2>1 and 3>2>0 stay.
 * Within graph 1 nodes 4 5 6 are numbers 0 1 2: u = 4 has edge 0, w = 6 is number 2: stays;
 * u = 6 has edge 3, w = 4 is number 0: stays. */
static void the_released_rule_compares_a_node_with_edge_numbers(void **state)
{
    (void)state;
    static const hop expected[] = {{0, 2, 0, 1}, {0, 1, 2, 1}, {0, 3, 2, 0}, {1, 0, 1, 2},
                                   {1, 3, 1, 0}, {2, 0, 1, 0}, {2, 1, 2, 0}, {3, 1, 0, 1},
                                   {3, 0, 0, 2}, {4, 6, 1, 2}, {6, 4, 2, 1}};
    clm_scope scope = {0};
    clm_relation two;
    assert_ok(clm_two_hop(&scope, &two_graphs, true, &two));
    check_hops(&two, expected, 11);
    clm_scope_end(&scope);
}

/* Two paths between the same nodes stay two edges: the square 0-1-2-3. */
static void paths_in_parallel_stay(void **state)
{
    (void)state;
    int32_t from[] = {0, 1, 1, 2, 2, 3, 3, 0}, to[] = {1, 0, 2, 1, 3, 2, 0, 3};
    clm_relation square = {.name = "edge", .count = 8, .src = from, .dst = to};
    const clm_graph graph = {.nodes = 4, .types = 1, .relations = 1, .relation = &square};
    clm_scope scope = {0};
    clm_relation two;
    assert_ok(clm_two_hop(&scope, &graph, false, &two));
    assert_int_equal(two.count, 8);
    assert_int_equal(two.category.fields, 0);
    for (int32_t e = 0; e < 8; e++)
        assert_int_equal((two.src[e] + 2) % 4, two.dst[e]);
    clm_scope_end(&scope);
}

/* Against the definition, path by path, on all of a real set; and the kinds on its edges. */
static void check_set(const clm_graph *graph, const clm_relation *two, bool released)
{
    const clm_relation *edge = graph->relation;
    int32_t at = 0, e = 0;
    for (int32_t g = 0; g < graph->graphs; g++) {
        const int32_t node = graph->graph_first[g], first = e;
        while (e < edge->count && edge->src[e] < graph->graph_first[g + 1])
            e++;
        for (int32_t u = node; u < graph->graph_first[g + 1]; u++)
            for (int32_t i = first; i < e; i++)
                for (int32_t j = first; j < e && edge->src[i] == u; j++) {
                    const int32_t w = edge->dst[j];
                    if (edge->src[j] != edge->dst[i] || w == u) continue;
                    bool out = false;
                    for (int32_t k = first; k < e; k++)
                        out |= edge->src[k] == u &&
                               (released ? k - first == w - node : edge->dst[k] == w);
                    if (out) continue;
                    assert_true(at < two->count);
                    assert_int_equal(two->src[at], u);
                    assert_int_equal(two->dst[at], w);
                    for (int f = 0; f < 3; f++) {
                        assert_int_equal(two->category.value[6 * at + f],
                                         edge->category.value[3 * i + f]);
                        assert_int_equal(two->category.value[6 * at + 3 + f],
                                         edge->category.value[3 * j + f]);
                    }
                    at++;
                }
    }
    assert_int_equal(at, two->count);
}

static void check_kinds(const clm_relation *edges, int32_t rows)
{
    clm_scope scope = {0};
    clm_edge_kinds kinds;
    assert_ok(clm_edge_kinds_new(&scope, edges, &kinds));
    const int32_t fields = edges->category.fields;
    assert_int_equal(kinds.rows, rows);
    assert_int_equal(kinds.fields, fields);
    bool *seen = clm_alloc_array(&scope, (size_t)kinds.count, sizeof *seen);
    for (int32_t e = 0; e < edges->count; e++) {
        assert_in_range(kinds.kind[e], 0, kinds.count - 1);
        seen[kinds.kind[e]] = true;
        for (int32_t f = 0, below = 0; f < fields; below += edges->category.size[f++])
            assert_int_equal(kinds.row[kinds.kind[e] * fields + f],
                             below + edges->category.value[e * fields + f]);
    }
    for (int32_t q = 0; q < kinds.count; q++)
        assert_true(seen[q]);
    for (int32_t q = 1; q < kinds.count; q++) { /* ascending, so none twice */
        const int32_t *row = kinds.row + (q - 1) * fields;
        int32_t f = 0;
        while (f < fields && row[f] == row[fields + f])
            f++;
        assert_true(f < fields && row[f] < row[fields + f]);
    }
    clm_scope_end(&scope);
}

static void molecules_have_the_defined_two_hop_edges_and_kinds(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph = &load_or_skip(&scope, "ogbg_molesol")->graph;
    clm_relation two;
    for (int released = 0; released < 2; released++) {
        assert_ok(clm_two_hop(&scope, graph, released == 1, &two));
        check_set(graph, &two, released == 1);
    }
    check_kinds(graph->relation, 5 + 6 + 2);
    check_kinds(&two, 2 * (5 + 6 + 2));
    clm_scope_end(&scope);
}

static void edges_without_categories_are_of_one_kind(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_edge_kinds kinds;
    const clm_relation plain = {.name = "edge", .count = EDGES, .src = src, .dst = dst};
    assert_ok(clm_edge_kinds_new(&scope, &plain, &kinds));
    assert_int_equal(kinds.count, 1);
    assert_int_equal(kinds.fields, 0);
    for (int32_t e = 0; e < EDGES; e++)
        assert_int_equal(kinds.kind[e], 0);
    const int32_t large[] = {1 << 15, 1 << 15};
    const clm_relation wide = {.name = "edge", .category = {2, large, NULL}};
    assert_int_equal(clm_edge_kinds_new(&scope, &wide, &kinds), CLM_FAIL);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_left_out),
        cmocka_unit_test(the_released_rule_compares_a_node_with_edge_numbers),
        cmocka_unit_test(paths_in_parallel_stay),
        cmocka_unit_test(molecules_have_the_defined_two_hop_edges_and_kinds),
        cmocka_unit_test(edges_without_categories_are_of_one_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
