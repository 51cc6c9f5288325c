/* LINQS folders, right and wrong. */
#include "malformed.h"

/* Node 1 has no edge, node 3 no class, nodes 2 and 3 are in no part. */
static const file valid[] = {
    {"tiny.content", "0\t0\t1\t0\t2\n1\t0\t0\t0\t0\n2\t0.5\t0\t-1\t1\n3\t0\t0\t2e1\t\n"},
    {"tiny.cites", "0\t2\n3\t0\n"},
    {"tiny.split", "1\ttrain\n0\ttest\n"},
};

enum { FILES = sizeof valid / sizeof *valid };

static void a_valid_folder_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph = &dataset_of(&scope, valid, FILES, NULL, NULL)->graph;
    const int64_t row_ptr[] = {0, 1, 1, 3, 4};
    const int32_t col[] = {1, 0, 2, 2}, label[] = {2, 0, 1, -1};
    const float val[] = {1, 0.5f, -1, 20};
    const int32_t src[] = {0, 2, 3, 0}, dst[] = {2, 0, 0, 3};
    const clm_part part[] = {CLM_PART_TEST, CLM_PART_TRAIN, CLM_PART_NONE, CLM_PART_NONE};
    assert_int_equal(graph->nodes, 4);
    assert_int_equal(graph->graphs, 0);
    assert_int_equal(graph->classes, 3);
    assert_int_equal(graph->task, CLM_TASK_ACCURACY);
    assert_int_equal(graph->type[0].dim, 3);
    assert_memory_equal(graph->row_ptr, row_ptr, sizeof row_ptr);
    assert_memory_equal(graph->col, col, sizeof col);
    assert_memory_equal(graph->val, val, sizeof val);
    assert_memory_equal(graph->label, label, sizeof label);
    assert_int_equal(graph->relation[0].count, 4);
    assert_memory_equal(graph->relation[0].src, src, sizeof src);
    assert_memory_equal(graph->relation[0].dst, dst, sizeof dst);
    assert_memory_equal(graph->part, part, sizeof part);
    assert_int_equal(clm_graph_labels(graph), 3);
    clm_scope_end(&scope);
}

static void a_folder_without_split_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    assert_null(dataset_of(&scope, valid, FILES, "tiny.split", NULL)->graph.part);
    clm_scope_end(&scope);
}

static const wrong_case wrongs[] = {
    {"tiny.cites", NULL, "tiny.cites: there is neither this file nor tiny.cites.gz"},
    {"tiny.content", "", "tiny.content: has no line"},
    {"tiny.cites", "", "tiny.cites: has no line"},
    {"tiny.split", "", "tiny.split: has no line"},
    {"tiny.content", "1\t0\t0\n", "tiny.content:1:1: expected node id 0, the next"},
    {"tiny.content", "a\t0\t0\n", "tiny.content:1:1: expected the node id, a whole number"},
    {"tiny.content", "0\n", "tiny.content:1:2: expected a TAB and the features"},
    {"tiny.content", "0\t1\tx\t0\n", "tiny.content:1:5: expected the feature's value, a number"},
    {"tiny.content", "0\t1 \t0\n", "tiny.content:1:4: expected a TAB and the next feature or the"},
    {"tiny.content", "0\t1\t1\t0\n1\t1\t0\n",
     "tiny.content:2:6: expected 2 features as in the first line, and a class"},
    {"tiny.content", "0\t1\t1\t0\n1\t1\t1\t1\t0\n",
     "tiny.content:2:7: expected the class, a whole number, and the end of the line after 2 feat"},
    {"tiny.content", "0\t1\tred\n", "tiny.content:1:5: expected the class, a whole number"},
    {"tiny.content", "0\t1\t-1\n", "tiny.content:1:5: the class is out of range"},
    {"tiny.cites", "0\t4\n",
     "tiny.cites:1:3: the node an edge ends at is out of range: expected 0"},
    {"tiny.cites", "0,2\n", "tiny.cites:1:2: expected a TAB and the node the edge ends at"},
    {"tiny.cites", "0\t2\t1\n", "tiny.cites:1:4: expected the end of the line after the node"},
    {"tiny.cites", "0\t2\n1\t1\n", "tiny.cites:2:1: the edge joins a node with itself"},
    {"tiny.cites", "0\t2\n2\t0\n", "tiny.cites:2:1: the edge of nodes 2 and 0 is listed already"},
    {"tiny.split", "4\ttrain\n", "tiny.split:1:1: the node id is out of range: expected 0 to 3"},
    {"tiny.split", "1\tvalid\n", "tiny.split:1:3: expected train, val or test"},
    {"tiny.split", "1\n", "tiny.split:1:2: expected a TAB and train, val or test"},
    {"tiny.split", "1\ttrain\t\n", "tiny.split:1:8: expected the end of the line after the part"},
    {"tiny.split", "1\ttrain\n1\ttest\n", "tiny.split:2:1: node 1 is in train already"},
};

static void every_malformed_line_is_refused_with_its_place(void **state)
{
    (void)state;
    check_all_refused(valid, FILES, wrongs, sizeof wrongs / sizeof *wrongs);
}

static void two_sets_in_a_folder_are_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *folder = folder_of(&scope, valid, FILES, NULL, NULL);
    write_text(folder, "other.content.gz", "");
    check_refused(folder, &(wrong_case){"other.content.gz", NULL, "holds two data sets"});
    clm_scope_end(&scope);
}

static void check_whole(clm_scope *scope, const clm_dataset *dataset)
{
    (void)scope;
    const clm_graph *graph = &dataset->graph;
    for (int64_t k = 0; k < graph->row_ptr[graph->nodes]; k++)
        assert_in_range(graph->col[k], 0, graph->type[0].dim - 1);
    for (int32_t e = 0; e < graph->relation[0].count; e++)
        assert_in_range(graph->relation[0].dst[e], 0, graph->nodes - 1);
    for (int32_t v = 0; v < graph->nodes; v++)
        assert_true(graph->label[v] < graph->classes);
}

static void random_damage_never_crashes(void **state)
{
    (void)state;
    const int accepted = damage(valid, FILES, "tiny.split", 300, check_whole);
    assert_true(accepted > 8 && accepted < 225);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_folder_is_read),
        cmocka_unit_test(a_folder_without_split_is_read),
        cmocka_unit_test(every_malformed_line_is_refused_with_its_place),
        cmocka_unit_test(two_sets_in_a_folder_are_refused),
        cmocka_unit_test(random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
