/* Which graphs and nodes train, validate and test, and what their predictions score. */
#include "model/task_split.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { GRAPHS = 6 };

static clm_scope scope;

static int end(void **state)
{
    (void)state;
    clm_scope_end(&scope);
    return 0;
}

static clm_graph classes(int32_t *label)
{
    return (clm_graph){.name = "toy",
                       .nodes = 2,
                       .graphs = GRAPHS,
                       .task = CLM_TASK_ACCURACY,
                       .classes = 2,
                       .graph_label = label};
}

static void published_parts_are_taken_as_they_are(void **state)
{
    (void)state;
    int32_t label[GRAPHS] = {0, 1, 1, 0, 1, 0};
    clm_part part[GRAPHS] = {CLM_PART_TEST, CLM_PART_TRAIN, CLM_PART_NONE,
                             CLM_PART_VAL,  CLM_PART_TEST,  CLM_PART_TRAIN};
    clm_graph graph = classes(label);
    graph.part = part;
    clm_task_split split;
    assert_ok(clm_task_split_new(&scope, &graph, 7, &split));
    assert_int_equal(split.count[CLM_SPLIT_TRAIN], 2);
    assert_int_equal(split.count[CLM_SPLIT_VAL], 1);
    assert_int_equal(split.id[CLM_SPLIT_VAL][0], 3);
    assert_memory_equal(split.id[CLM_SPLIT_TEST], ((int32_t[]){0, 4}), 2 * sizeof(int32_t));
    /* Graph 0 is right, graph 4 is not. */
    const double score = clm_task_score(&graph, &split, CLM_SPLIT_TEST, (float[]){2, 1, 5, 4});
    assert_true(fabs(score - 0.5) < 1e-12);
    part[3] = CLM_PART_NONE;
    assert_int_equal(clm_task_split_new(&scope, &graph, 7, &split), CLM_FAIL);
    graph.task = CLM_TASK_LINK;
    assert_int_equal(clm_task_split_new(&scope, &graph, 7, &split), CLM_FAIL);
}

static void without_parts_a_fifth_tests(void **state)
{
    (void)state;
    enum { MANY = 603 };
    static int32_t label[MANY];
    clm_graph graph = classes(label);
    graph.graphs = MANY;
    clm_task_split split, other;
    assert_ok(clm_task_split_new(&scope, &graph, 7, &split));
    assert_int_equal(split.count[CLM_SPLIT_TRAIN], MANY - MANY / 5);
    assert_int_equal(split.count[CLM_SPLIT_VAL], MANY / 5);
    assert_ptr_equal(split.id[CLM_SPLIT_VAL], split.id[CLM_SPLIT_TEST]);
    bool seen[MANY] = {false};
    for (int s = CLM_SPLIT_TRAIN; s < CLM_SPLIT_TEST; s++)
        for (int32_t i = 0; i < split.count[s]; i++) {
            assert_false(seen[split.id[s][i]]);
            seen[split.id[s][i]] = true;
        }
    assert_ok(clm_task_split_new(&scope, &graph, 8, &other));
    assert_true(memcmp(split.id[CLM_SPLIT_TEST], other.id[CLM_SPLIT_TEST], 40) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(published_parts_are_taken_as_they_are, end),
        cmocka_unit_test_teardown(without_parts_a_fifth_tests, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
