/* OGB folders, right and wrong. */
#include "malformed.h"

#include <math.h>

#define ATOM "5,0,4,5,3,0,2,0,0\n"
#define BOND "1,2,0\n"

/* Three molecules of 3, 1 and 2 atoms; two tasks with labels that are missing. */
static const file valid[] = {
    {"raw/num-node-list.csv", "3\n1\n2\n"},
    {"raw/num-edge-list.csv", "2\n0\n1\n"},
    {"raw/node-feat.csv", "118,4,11,11,9,5,5,1,1\n" ATOM ATOM ATOM ATOM ATOM},
    {"raw/edge.csv", "0,1\n2,1\n1,0\n"},
    {"raw/edge-feat.csv", "4,5,1\n1,2,0\n3,0,1\n"},
    {"raw/graph-label.csv", "1,\n,0\n0,1\n"},
    {"split/scaffold/train.csv", "2\n"},
    {"split/scaffold/valid.csv", "0\n"},
    {"split/scaffold/test.csv", "1\n"},
};

enum { FILES = sizeof valid / sizeof *valid };

static void a_valid_folder_is_read(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph = &dataset_of(&scope, valid, FILES, NULL, NULL)->graph;
    const int32_t first[] = {0, 3, 4, 6};
    const int32_t src[] = {0, 1, 2, 1, 5, 4}, dst[] = {1, 0, 1, 2, 4, 5};
    const int32_t bonds[] = {4, 5, 1, 4, 5, 1, 1, 2, 0, 1, 2, 0, 3, 0, 1, 3, 0, 1};
    const int32_t atoms[] = {118, 4, 11, 11, 9, 5, 5, 1, 1, 5, 0, 4, 5, 3, 0, 2, 0, 0};
    const clm_part part[] = {CLM_PART_VAL, CLM_PART_TEST, CLM_PART_TRAIN};
    assert_int_equal(graph->nodes, 6);
    assert_int_equal(graph->graphs, 3);
    assert_int_equal(graph->tasks, 2);
    assert_int_equal(graph->task, CLM_TASK_ROCAUC);
    assert_int_equal(graph->relations, 1);
    assert_int_equal(graph->relation[0].count, 6);
    assert_memory_equal(graph->graph_first, first, sizeof first);
    assert_memory_equal(graph->relation[0].src, src, sizeof src);
    assert_memory_equal(graph->relation[0].dst, dst, sizeof dst);
    assert_int_equal(graph->category.fields, 9);
    assert_memory_equal(graph->category.value, atoms, sizeof atoms);
    assert_int_equal(graph->relation[0].category.fields, 3);
    assert_memory_equal(graph->relation[0].category.value, bonds, sizeof bonds);
    assert_memory_equal(graph->part, part, sizeof part);
    assert_float_equal(graph->target[0], 1, 0);
    assert_true(isnan(graph->target[1]) && isnan(graph->target[2]));
    assert_float_equal(graph->target[3], 0, 0);
    assert_int_equal(clm_graph_labels(graph), 4);
    clm_scope_end(&scope);
}

/* Labels other than 0 and 1 are numbers to predict. */
static void the_task_is_taken_from_the_labels(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_graph *graph =
        &dataset_of(&scope, valid, FILES, "raw/graph-label.csv", "1\n0.5\n\n")->graph;
    assert_int_equal(graph->task, CLM_TASK_RMSE);
    assert_int_equal(graph->tasks, 1);
    assert_true(isnan(graph->target[2]));
    clm_scope_end(&scope);
}

static const wrong_case wrongs[] = {
    {"raw/num-node-list.csv", NULL, "raw/num-node-list.csv: there is neither this file nor"},
    {"raw/num-edge-list.csv", NULL, "raw/num-edge-list.csv: there is neither this file nor"},
    {"raw/node-feat.csv", NULL, "raw/node-feat.csv: there is neither this file nor"},
    {"raw/edge.csv", NULL, "raw/edge.csv: there is neither this file nor"},
    {"raw/edge-feat.csv", NULL, "raw/edge-feat.csv: there is neither this file nor"},
    {"raw/graph-label.csv", NULL, "raw/graph-label.csv: there is neither this file nor"},
    {"split/scaffold/valid.csv", NULL, "scaffold/valid.csv: there is neither this file nor"},
    {"raw/num-node-list.csv", "", "raw/num-node-list.csv: has no line"},
    {"raw/num-node-list.csv", "3\n0\n", "list.csv:2:1: the number of atoms is out of range"},
    {"raw/num-node-list.csv", "3,1\n", "list.csv:1:2: expected the end of the line after the num"},
    {"raw/num-node-list.csv", "2147483646\n1\n", "num-node-list.csv:2:1: more than 2147483646 in"},
    {"raw/num-edge-list.csv", "2\n0\n",
     "num-edge-list.csv: ends after line 2; expected 3 lines: raw/num-node-list.csv has 3 graphs"},
    {"raw/num-edge-list.csv", "2\n0\n1\n1\n",
     "num-edge-list.csv:4:1: expected the end of the file: raw/num-node-list.csv has 3 graphs"},
    {"raw/num-edge-list.csv", "2\n-1\n", "num-edge-list.csv:2:1: the number of bonds is out of"},
    {"raw/num-edge-list.csv", "2\nx\n", "list.csv:2:1: expected the number of bonds, a whole"},
    {"raw/node-feat.csv", "",
     "node-feat.csv: ends after line 0; expected 6 lines: raw/num-node-list.csv counts 6 atoms"},
    {"raw/node-feat.csv", ATOM ATOM ATOM ATOM ATOM ATOM ATOM,
     "node-feat.csv:7:1: expected the end of the file: raw/num-node-list.csv counts 6 atoms"},
    {"raw/node-feat.csv", "119,0,0,0,0,0,0,0,0\n",
     "node-feat.csv:1:1: the atom's property is out of range: expected 0 to 118"},
    {"raw/node-feat.csv", ATOM "0,0,0,0,0,0,0,0,2\n",
     "node-feat.csv:2:17: the atom's property is out of range: expected 0 to 1"},
    {"raw/node-feat.csv", "0,0,0,0,0,0,0,0\n",
     "node-feat.csv:1:16: expected ',' and the atom's property 9 of 9"},
    {"raw/node-feat.csv", "0,0,0,0,0,0,0,0,0,0\n",
     "node-feat.csv:1:18: expected the end of the line after 9 values"},
    {"raw/node-feat.csv", "0, 0\n", "node-feat.csv:1:3: expected the atom's property, a whole"},
    {"raw/edge.csv", "0,3\n",
     "edge.csv:1:3: the atom in its graph is out of range: expected 0 to 2"},
    {"raw/edge.csv", "0,1\n2,1\n2,0\n", "edge.csv:3:1: the atom in its graph is out of range"},
    {"raw/edge.csv", "0\n", "edge.csv:1:2: expected ',' and the atom in its graph 2 of 2"},
    {"raw/edge.csv", "0,1\n1,1\n", "edge.csv:2:1: the bond joins an atom with itself"},
    {"raw/edge.csv", "0,1\n1,0\n0,1\n", "edge.csv:2:1: graph 0 has a bond of atoms 1 and 0 alr"},
    {"raw/edge.csv", "0,1\n2,1\n",
     "edge.csv: ends after line 2; expected 3 lines: raw/num-edge-list.csv counts 3 bonds"},
    {"raw/edge-feat.csv", "5,0,0\n",
     "edge-feat.csv:1:1: the bond's property is out of range: expected 0 to 4"},
    {"raw/edge-feat.csv", BOND BOND, "edge-feat.csv: ends after line 2; expected 3 lines"},
    {"raw/graph-label.csv", "1,0\n1\n",
     "graph-label.csv:2:1: expected 2 labels as in the first line, not 1"},
    {"raw/graph-label.csv", "1,0\n1,x\n0,0\n", "graph-label.csv:2:3: expected the label, or noth"},
    {"raw/graph-label.csv", "1,0\n", "graph-label.csv: ends after line 1; expected 3 lines"},
    {"split/scaffold/train.csv", "3\n",
     "train.csv:1:1: the graph is out of range: expected 0 to 2"},
    {"split/scaffold/train.csv", "", "train.csv: has no line"},
    {"split/scaffold/train.csv", "2\n2\n",
     "train.csv:2:1: graph 2 is in the training part already"},
    {"split/scaffold/test.csv", "1\n2\n", "test.csv:2:1: graph 2 is in the training part already"},
};

static void every_malformed_line_is_refused_with_its_place(void **state)
{
    (void)state;
    check_all_refused(valid, FILES, wrongs, sizeof wrongs / sizeof *wrongs);
}

static void check_whole(clm_scope *scope, const clm_dataset *dataset)
{
    (void)scope;
    const clm_graph *graph = &dataset->graph;
    const clm_relation *bond = graph->relation;
    assert_int_equal(graph->graph_first[graph->graphs], graph->nodes);
    for (int32_t g = 0, e = 0; g < graph->graphs; g++)
        for (; e < bond->count && bond->src[e] < graph->graph_first[g + 1]; e++)
            assert_in_range(bond->dst[e], graph->graph_first[g], graph->graph_first[g + 1] - 1);
    for (int32_t i = 0; i < graph->nodes * graph->category.fields; i++)
        assert_in_range(graph->category.value[i], 0,
                        graph->category.size[i % graph->category.fields] - 1);
}

static void random_damage_never_crashes(void **state)
{
    (void)state;
    const int accepted = damage(valid, FILES, NULL, 300, check_whole);
    assert_true(accepted > 8 && accepted < 225);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_folder_is_read),
        cmocka_unit_test(the_task_is_taken_from_the_labels),
        cmocka_unit_test(every_malformed_line_is_refused_with_its_place),
        cmocka_unit_test(random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
