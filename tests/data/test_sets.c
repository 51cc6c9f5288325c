/* The real data sets: their counts, and that recomputed features are the published ones. */
#include "data.h"

#include "data/fetch.h"

typedef struct expected_type {
    const char *name;
    int32_t count, dim;
    int64_t nonzeros;
} expected_type;

typedef struct expected_link {
    const char *name;
    int32_t count;
} expected_link;

static void check_types(const clm_graph *graph, const expected_type *type, int32_t types)
{
    assert_int_equal(graph->types, types);
    int32_t first = 0;
    for (int32_t t = 0; t < types; t++) {
        assert_string_equal(graph->type[t].name, type[t].name);
        assert_int_equal(graph->type[t].first, first);
        assert_int_equal(graph->type[t].count, type[t].count);
        assert_int_equal(graph->type[t].dim, type[t].dim);
        const int64_t nonzeros = graph->row_ptr[first + type[t].count] - graph->row_ptr[first];
        assert_int_equal(nonzeros, type[t].nonzeros);
        first += type[t].count;
    }
    assert_int_equal(graph->nodes, first);
    for (int32_t node = 0, t = 0; node < graph->nodes; node++) {
        while (node >= graph->type[t].first + graph->type[t].count)
            t++;
        for (int64_t k = graph->row_ptr[node]; k < graph->row_ptr[node + 1]; k++)
            assert_in_range(graph->col[k], 0, graph->type[t].dim - 1);
    }
}

static void check_links(const clm_graph *graph, const expected_link *link, int32_t links)
{
    assert_int_equal(graph->relations, links);
    for (int32_t r = 0; r < links; r++) {
        const clm_relation *relation = &graph->relation[r];
        assert_string_equal(relation->name, link[r].name);
        assert_int_equal(relation->count, link[r].count);
        const clm_node_type *from = &graph->type[relation->from], *to = &graph->type[relation->to];
        for (int32_t e = 0; e < relation->count; e++) {
            assert_in_range(relation->src[e], from->first, from->first + from->count - 1);
            assert_in_range(relation->dst[e], to->first, to->first + to->count - 1);
        }
    }
}

static void check_classes(const clm_graph *graph, const int32_t *expected, int32_t classes)
{
    int32_t count[8] = {0};
    assert_int_equal(graph->classes, classes);
    for (int32_t node = 0; node < graph->nodes; node++)
        if (graph->label[node] >= 0) count[graph->label[node]]++;
    for (int32_t c = 0; c < classes; c++)
        assert_int_equal(count[c], expected[c]);
}

static void imdb_has_the_published_counts(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load_or_skip(&scope, "imdb_magnn");
    check_types(&dataset->graph,
                (const expected_type[]){{"movie", 4278, 3066, 27175},
                                        {"director", 2081, 3066, 25784},
                                        {"actor", 5257, 3066, 76501}},
                3);
    check_links(&dataset->graph,
                (const expected_link[]){{"movie-director", 4278},
                                        {"director-movie", 4278},
                                        {"movie-actor", 12828},
                                        {"actor-movie", 12828}},
                4);
    check_classes(&dataset->graph, (const int32_t[]){1135, 1584, 1559}, 3);
    assert_int_equal(dataset->target, 3);
    assert_int_equal(dataset->reverse, 2);
    assert_int_equal(dataset->made, CLM_MADE_MEAN);
    clm_scope_end(&scope);
}

/* Terms and the links inside one type (citations) are left out; the ids before them stay. */
static void acm_is_loaded_without_terms_and_citations(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load_or_skip(&scope, "hgb_acm");
    check_types(&dataset->graph,
                (const expected_type[]){{"paper", 3025, 1902, 255619},
                                        {"author", 5959, 1902, 697969},
                                        {"subject", 56, 1902, 26730}},
                3);
    check_links(&dataset->graph,
                (const expected_link[]){{"paper-author", 9949},
                                        {"author-paper", 9949},
                                        {"paper-subject", 3025},
                                        {"subject-paper", 3025}},
                4);
    check_classes(&dataset->graph, (const int32_t[]){994, 970, 1061}, 3);
    assert_int_equal(dataset->target, 1);
    assert_int_equal(dataset->reverse, 0);
    clm_scope_end(&scope);
}

static void acm_as_a_plain_folder_keeps_terms(void **state)
{
    (void)state;
    clm_scope scope = {0};
    (void)load_or_skip(&scope, "hgb_acm");
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(&scope, clm_text(&scope, "%s/hgb_acm/", getenv("CLMOE_DATA")), NULL,
                               &dataset));
    check_types(&dataset->graph,
                (const expected_type[]){{"paper", 3025, 1902, 255619},
                                        {"author", 5959, 1902, 697969},
                                        {"subject", 56, 1902, 26730},
                                        {"term", 1902, 0, 0}},
                4);
    check_links(&dataset->graph,
                (const expected_link[]){{"paper-author", 9949},
                                        {"author-paper", 9949},
                                        {"paper-subject", 3025},
                                        {"subject-paper", 3025},
                                        {"paper-term", 255619},
                                        {"term-paper", 255619}},
                6);
    assert_string_equal(dataset->graph.name, "hgb_acm");
    assert_int_equal(dataset->target, 0);
    clm_scope_end(&scope);
}

static void dblp_has_the_published_counts(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load_or_skip(&scope, "hgb_dblp");
    const clm_graph *graph = &dataset->graph;
    check_types(graph,
                (const expected_type[]){{"author", 4057, 334, 48810},
                                        {"paper", 14328, 4231, 95030},
                                        {"term", 7723, 50, 386150},
                                        {"venue", 20, 0, 0}},
                4);
    check_links(graph,
                (const expected_link[]){{"author-paper", 19645},
                                        {"paper-term", 85810},
                                        {"paper-venue", 14328},
                                        {"paper-author", 19645},
                                        {"term-paper", 85810},
                                        {"venue-paper", 14328}},
                6);
    check_classes(graph, (const int32_t[]){1197, 745, 1109, 1006}, 4);
    /* The first values of the first term: dense rows, negative numbers. */
    const int64_t k = graph->row_ptr[graph->type[2].first];
    assert_int_equal(graph->col[k], 0);
    assert_true(graph->val[k] == -0.69241f);
    assert_true(graph->val[k + 1] == -0.46592f);
    clm_scope_end(&scope);
}

static void coauthors_load_though_they_have_one_type(void **state)
{
    (void)state;
    clm_scope scope = {0};
    (void)load_or_skip(&scope, "imdb_magnn");
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(&scope, "coauthor_cs", NULL, &dataset));
    check_types(&dataset->graph, (const expected_type[]){{"author", 18333, 6805, 1092079}}, 1);
    assert_int_equal(dataset->target, -1);
    clm_scope_end(&scope);
}

/* Property: features recomputed over all edges are, bit for bit, the ones in the file: the
 * published features hold the words of every neighbour, held-out edges included. */
static void check_recomputed(const char *name)
{
    clm_scope scope = {0};
    const clm_dataset *dataset = load_or_skip(&scope, name);
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    const clm_pairs_host all = {target->count, target->src, target->dst};
    clm_features original, recomputed;
    assert_ok(clm_features_new(&scope, dataset, false, NULL, &original));
    assert_ok(clm_features_new(&scope, dataset, true, &all, &recomputed));
    assert_int_equal(original.nonzeros, recomputed.nonzeros);
    const size_t bytes = (size_t)original.nonzeros * sizeof(int32_t);
    assert_memory_equal(original.row_ptr, recomputed.row_ptr, (size_t)original.rows * 4 + 4);
    assert_memory_equal(original.col, recomputed.col, bytes);
    assert_memory_equal(original.val, recomputed.val, bytes);
    assert_memory_equal(original.t_col, recomputed.t_col, bytes);
    assert_memory_equal(original.t_val, recomputed.t_val, bytes);
    clm_link_split split;
    assert_ok(clm_link_split_new(&scope, dataset, 0.3, 0, &split));
    assert_ok(clm_features_new(&scope, dataset, true, &split.train, &recomputed));
    assert_true(recomputed.nonzeros < original.nonzeros);
    clm_scope_end(&scope);
}

static void imdb_features_are_means(void **state)
{
    (void)state;
    check_recomputed("imdb_magnn");
}

static void acm_features_are_unions(void **state)
{
    (void)state;
    check_recomputed("hgb_acm");
}

static void dblp_features_cannot_be_recomputed(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_dataset *dataset = load_or_skip(&scope, "hgb_dblp");
    const clm_relation *target = &dataset->graph.relation[dataset->target];
    const clm_pairs_host all = {target->count, target->src, target->dst};
    clm_features features;
    assert_int_equal(clm_features_new(&scope, dataset, true, &all, &features), CLM_SKIP);
    assert_non_null(strstr(clm_error_last()->what, "vocabulary of their own"));
    /* Venues have no features: one column of ones, the last. */
    assert_ok(clm_features_new(&scope, dataset, false, NULL, &features));
    assert_int_equal(features.columns, 334 + 4231 + 50 + 1);
    assert_int_equal(features.nonzeros, 48810 + 95030 + 386150 + 20);
    assert_int_equal(features.col[features.nonzeros - 1], features.columns - 1);
    assert_true(features.val[features.nonzeros - 1] == 1);
    clm_scope_end(&scope);
}

/* Loading checks hashes, counts, labels and splits; here, that somebody looks at every set. */
static void every_set_whose_labels_are_predicted_is_as_described(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        clm_task task;
        int32_t graphs, tasks, classes;
    } sets[] = {
        {"ogbg_molhiv", CLM_TASK_ROCAUC, 41127, 1, 0},
        {"ogbg_molbbbp", CLM_TASK_ROCAUC, 2039, 1, 0},
        {"ogbg_molbace", CLM_TASK_ROCAUC, 1513, 1, 0},
        {"ogbg_moltox21", CLM_TASK_ROCAUC, 7831, 12, 0},
        {"ogbg_molesol", CLM_TASK_RMSE, 1128, 1, 0},
        {"ogbg_molfreesolv", CLM_TASK_RMSE, 642, 1, 0},
        {"ogbg_mollipo", CLM_TASK_RMSE, 4200, 1, 0},
        {"cora", CLM_TASK_ACCURACY, 0, 0, 7},
        {"pubmed", CLM_TASK_ACCURACY, 0, 0, 3},
        {"ENZYMES", CLM_TASK_ACCURACY, 600, 0, 6},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        clm_scope scope = {0};
        const clm_graph *graph = &load_or_skip(&scope, sets[i].name)->graph;
        assert_int_equal(graph->task, sets[i].task);
        assert_int_equal(graph->graphs, sets[i].graphs);
        assert_int_equal(graph->tasks, sets[i].tasks);
        assert_int_equal(graph->classes, sets[i].classes);
        assert_int_equal(graph->relations, 1);
        clm_scope_end(&scope);
    }
}

/* The files of these sets lie in folders inside the set's own. */
static void a_set_with_folders_inside_is_fetched_whole(void **state)
{
    (void)state;
    clm_scope scope = {0};
    (void)load_or_skip(&scope, "ogbg_molfreesolv");
    const char *home = new_folder(&scope), *folder = NULL;
    const clm_description *description = NULL;
    const clm_dataset *dataset = NULL;
    bool copied = false;
    assert_ok(clm_description_read(&scope, "ogbg_molfreesolv", &description));
    assert_ok(clm_data_fetch(&scope, description, getenv("CLMOE_DATA"), home, &folder, &copied));
    assert_true(copied);
    assert_ok(clm_dataset_load(&scope, "ogbg_molfreesolv", home, &dataset));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imdb_has_the_published_counts),
        cmocka_unit_test(acm_is_loaded_without_terms_and_citations),
        cmocka_unit_test(acm_as_a_plain_folder_keeps_terms),
        cmocka_unit_test(dblp_has_the_published_counts),
        cmocka_unit_test(coauthors_load_though_they_have_one_type),
        cmocka_unit_test(every_set_whose_labels_are_predicted_is_as_described),
        cmocka_unit_test(a_set_with_folders_inside_is_fetched_whole),
        cmocka_unit_test(imdb_features_are_means),
        cmocka_unit_test(acm_features_are_unions),
        cmocka_unit_test(dblp_features_cannot_be_recomputed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
