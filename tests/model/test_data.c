/* Which data sets a model takes. */
#include "../data/data.h"

#include "model/model.h"

static clm_tensor *nothing(clm_tape *tape, clm_parameters *parameters, const clm_config *config,
                           const struct clm_task_inputs *in, clm_tensor **balance,
                           struct clm_task_seen *seen)
{
    (void)tape, (void)parameters, (void)config, (void)in, (void)balance, (void)seen;
    return NULL;
}

/* One graph of two nodes in the format of TU Dortmund. */
static const char *graph_set(clm_scope *scope)
{
    const char *folder = new_folder(scope);
    write_text(folder, "T_graph_indicator.txt", "1\n1\n");
    write_text(folder, "T_graph_labels.txt", "1\n");
    write_text(folder, "T_A.txt", "1, 2\n2, 1\n");
    return folder;
}

static void models_of_links_refuse_sets_of_labels(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = NULL;
    const clm_model *model = clm_model_find("hgt");
    assert_int_equal(clm_model_data(&scope, model, graph_set(&scope), NULL, &dataset), CLM_FAIL);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_USAGE);
    assert_non_null(strstr(clm_error_last()->what, "hgt predicts links, but "));
    assert_non_null(strstr(clm_error_last()->what, "is for predicting labels of graphs"));
    assert_ok(clm_model_data(&scope, model, "synthetic", NULL, &dataset));
    clm_scope_end(&scope);
}

static void models_of_labels_refuse_sets_of_links(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = NULL;
    const clm_model model = {.name = "gcn", .predictor = nothing};
    assert_int_equal(clm_model_data(&scope, &model, "synthetic", NULL, &dataset), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what,
                           "gcn predicts labels, but synthetic is for predicting links"));
    assert_ok(clm_model_data(&scope, &model, graph_set(&scope), NULL, &dataset));
    clm_scope_end(&scope);
}

static void operators_take_any_graph(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = NULL;
    const clm_model *model = clm_model_find("operator");
    assert_ok(clm_model_data(&scope, model, graph_set(&scope), NULL, &dataset));
    assert_ok(clm_model_data(&scope, model, "synthetic", NULL, &dataset));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_links_refuse_sets_of_labels),
        cmocka_unit_test(models_of_labels_refuse_sets_of_links),
        cmocka_unit_test(operators_take_any_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
