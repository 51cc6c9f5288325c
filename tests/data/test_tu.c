/* TU folders, right and wrong. */
#include "malformed.h"

/* Graphs of 3 and 2 nodes; classes -1 and 4; node labels 7, 2 and 9. */
static const file valid[] = {
    {"T_graph_indicator.txt", "1\n1\n1\n2\n2\n"},
    {"T_graph_labels.txt", "4\n-1\n"},
    {"T_A.txt", "1, 2\n2, 1\n5,4\n2,  3\n4, 5\n3, 2\n"},
    {"T_node_labels.txt", "7\n2\n2\n9\n7\n"},
    {"T_node_attributes.txt", " 0.5, -1\n0, 2\n1,1\n0, 0\n 3.0,  4.0\n"},
};

enum { FILES = sizeof valid / sizeof *valid };

static void a_valid_folder_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph = &dataset_of(&scope, valid, FILES, NULL, NULL)->graph;
    const int32_t first[] = {0, 3, 5}, label[] = {1, 0};
    const int32_t src[] = {0, 1, 4, 1, 3, 2}, dst[] = {1, 0, 3, 2, 4, 1};
    const int64_t row_ptr[] = {0, 1, 2, 3, 4, 5};
    const int32_t col[] = {1, 0, 0, 2, 1};
    assert_int_equal(graph->graphs, 2);
    assert_int_equal(graph->nodes, 5);
    assert_int_equal(graph->classes, 2);
    assert_int_equal(graph->task, CLM_TASK_ACCURACY);
    assert_int_equal(graph->type[0].dim, 3);
    assert_memory_equal(graph->graph_first, first, sizeof first);
    assert_memory_equal(graph->graph_label, label, sizeof label);
    assert_int_equal(graph->relation[0].count, 6);
    assert_memory_equal(graph->relation[0].src, src, sizeof src);
    assert_memory_equal(graph->relation[0].dst, dst, sizeof dst);
    assert_memory_equal(graph->row_ptr, row_ptr, sizeof row_ptr);
    assert_memory_equal(graph->col, col, sizeof col);
    for (int i = 0; i < 5; i++)
        assert_float_equal(graph->val[i], 1, 0);
    assert_null(graph->part);
    clm_scope_end(&scope);
}

static void attributes_are_the_features_where_there_are_no_labels(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = NULL;
    const char *folder = folder_of(&scope, valid, FILES, "T_node_labels.txt", NULL);
    assert_ok(clm_dataset_load(&scope, folder, NULL, &dataset));
    const clm_graph *graph = &dataset->graph;
    const int64_t row_ptr[] = {0, 2, 3, 5, 5, 7};
    const float val[] = {0.5f, -1, 2, 1, 1, 3, 4};
    assert_int_equal(graph->type[0].dim, 2);
    assert_memory_equal(graph->row_ptr, row_ptr, sizeof row_ptr);
    assert_memory_equal(graph->val, val, sizeof val);
    assert_int_equal(remove(clm_text(&scope, "%s/T_node_attributes.txt", folder)), 0);
    assert_ok(clm_dataset_load(&scope, folder, NULL, &dataset));
    assert_int_equal(dataset->graph.type[0].dim, 0);
    clm_scope_end(&scope);
}

static const wrong_case wrongs[] = {
    {"T_graph_indicator.txt", NULL, "T_graph_indicator.txt: there is neither this file nor"},
    {"T_graph_labels.txt", NULL, "T_graph_labels.txt: there is neither this file nor"},
    {"T_graph_indicator.txt", "", "T_graph_indicator.txt: has no line"},
    {"T_A.txt", "", "T_A.txt: has no line"},
    {"T_graph_indicator.txt", "0\n", "indicator.txt:1:1: the graph of the node is out of range"},
    {"T_graph_indicator.txt", "2\n", "indicator.txt:1:1: expected graph 1 or 1: nodes of a graph"},
    {"T_graph_indicator.txt", "1\n2\n1\n", "indicator.txt:3:1: expected graph 2 or 3: nodes of a"},
    {"T_graph_indicator.txt", "1\n3\n", "indicator.txt:2:1: expected graph 1 or 2"},
    {"T_graph_indicator.txt", "1\n1\n1\n2\n", "T_A.txt:3:1: the node an edge starts at is out of"},
    {"T_graph_indicator.txt", "1\n1\n1\n2\n2\n2\n",
     "T_node_labels.txt: ends after line 5; expected 6 lines: T_graph_indicator.txt says so"},
    {"T_graph_labels.txt", "1\n",
     "T_graph_labels.txt: ends after line 1; expected 2 lines: T_graph_indicator.txt says so"},
    {"T_graph_labels.txt", "1\n2\n3\n", "T_graph_labels.txt:3:1: expected the end of the file"},
    {"T_graph_labels.txt", "1\n2 3\n", "labels.txt:2:3: expected the end of the line after the"},
    {"T_graph_labels.txt", "1\n\n", "labels.txt:2:1: expected the class of the graph, a whole"},
    {"T_A.txt", "0, 1\n", "T_A.txt:1:1: the node an edge starts at is out of range: expected 1 to"},
    {"T_A.txt", "1, 6\n",
     "T_A.txt:1:4: the node the edge ends at is out of range: expected 1 to 5"},
    {"T_A.txt", "1 2\n", "T_A.txt:1:3: expected ',' and the node the edge ends at"},
    {"T_A.txt", "1, 2, 3\n", "T_A.txt:1:5: expected the end of the line after the node the edge"},
    {"T_A.txt", "1, 4\n", "T_A.txt:1:1: node 1 is in graph 1, node 4 in graph 2"},
    {"T_A.txt", "2, 2\n", "T_A.txt:1:1: the edge joins a node with itself"},
    {"T_A.txt", "1, 2\n1, 2\n", "T_A.txt:2:1: the edge from 1 to 2 is listed already"},
    {"T_A.txt", "1, 2\n2, 1\n2, 3\n",
     "T_A.txt:3:1: the edge from 3 to 2 is not listed: edges stand in both directions\n  2, 3"},
    {"T_node_labels.txt", "7\n2\n2\n9\n", "T_node_labels.txt: ends after line 4; expected 5"},
    {"T_node_labels.txt", "7, 1\n", "T_node_labels.txt:1:2: expected the end of the line after"},
    {"T_node_labels.txt", "x\n", "T_node_labels.txt:1:1: expected the label of the node, a whole"},
};

static void every_malformed_line_is_refused_with_its_place(void **state)
{
    (void)state;
    check_all_refused(valid, FILES, wrongs, sizeof wrongs / sizeof *wrongs);
}

static void malformed_attributes_are_refused(void **state)
{
    (void)state;
    static const wrong_case cases[] = {
        {"T_node_attributes.txt", "1,2\n1\n",
         "attributes.txt:2:1: expected 2 attributes as in the first line, not 1"},
        {"T_node_attributes.txt", "1,2\n1,2,3\n", "2 attributes as in the first line, not 3"},
        {"T_node_attributes.txt", "1,\n", "attributes.txt:1:3: expected the attribute, a number"},
        {"T_node_attributes.txt", "1,2\n", "attributes.txt: ends after line 1; expected 5 lines"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clm_scope scope = {0};
        const char *folder = folder_of(&scope, valid, FILES, cases[i].name, cases[i].text);
        assert_int_equal(remove(clm_text(&scope, "%s/T_node_labels.txt", folder)), 0);
        check_refused(folder, &cases[i]);
        clm_scope_end(&scope);
    }
}

static void check_whole(clm_scope *scope, const clm_dataset *dataset)
{
    (void)scope;
    const clm_graph *graph = &dataset->graph;
    assert_int_equal(graph->graph_first[graph->graphs], graph->nodes);
    for (int64_t k = 0; k < graph->row_ptr[graph->nodes]; k++)
        assert_in_range(graph->col[k], 0, graph->type[0].dim - 1);
    for (int32_t e = 0; e < graph->relation[0].count; e++)
        assert_in_range(graph->relation[0].dst[e], 0, graph->nodes - 1);
    for (int32_t g = 0; g < graph->graphs; g++)
        assert_in_range(graph->graph_label[g], 0, graph->classes - 1);
}

static void random_damage_never_crashes(void **state)
{
    (void)state;
    const int accepted = damage(valid, FILES, "T_node_labels.txt", 300, check_whole);
    assert_true(accepted > 8 && accepted < 225);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_folder_is_read),
        cmocka_unit_test(attributes_are_the_features_where_there_are_no_labels),
        cmocka_unit_test(every_malformed_line_is_refused_with_its_place),
        cmocka_unit_test(malformed_attributes_are_refused),
        cmocka_unit_test(random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
