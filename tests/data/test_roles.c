/* Structural features and roles: graphs worked out by hand, and properties. */
#include "data.h"

#include "base/philox.h"
#include "data/nmf.h"
#include "data/quantise.h"
#include "data/refex.h"
#include "data/roles.h"

#include <math.h>

static void assert_close(double a, double b, double most)
{
    if (!(fabs(a - b) <= most)) fail_msg("%.17g is not %.17g", a, b);
}

/* A star whose ray to node 4 is longer: edges 0-1, 0-2, 0-3, 0-4, 4-5, in both directions. */
static int32_t star_src[] = {0, 1, 0, 2, 0, 3, 0, 4, 4, 5};
static int32_t star_dst[] = {1, 0, 2, 0, 3, 0, 4, 0, 5, 4};
static clm_relation star_edges = {.name = "edge", .count = 10, .src = star_src, .dst = star_dst};
static const clm_graph star = {
    .name = "star", .nodes = 6, .types = 1, .relations = 1, .relation = &star_edges};

/* One edge is listed twice and counts once: 0>1, 0>2, 1>2. */
static int32_t way_src[] = {0, 0, 1, 0};
static int32_t way_dst[] = {1, 2, 2, 1};
static clm_relation way_edges = {.name = "edge", .count = 4, .src = way_src, .dst = way_dst};
static const clm_graph one_way = {
    .name = "one-way", .nodes = 3, .types = 1, .relations = 1, .relation = &way_edges};

/* Sorted 1 1 1 2 3: half of 5 are 2, the highest of them is 1, and a third 1 goes along: bin 0.
 * Half of the other 2 is the 2: bin 1. The 3 is bin 2.
 * Sorted 1 1 3 3 3 3: half of 6 are 3, the highest of them is 3: all are bin 0. */
static void bins_take_the_lower_half_and_what_equals_it(void **state)
{
    (void)state;
    const double few[] = {3, 1, 1, 2, 1}, many[] = {1, 3, 3, 3, 3, 1};
    const int32_t few_bins[] = {2, 0, 0, 1, 0}, many_bins[6] = {0};
    int32_t bin[6];
    clm_refex_bins(few, 5, bin);
    assert_memory_equal(bin, few_bins, sizeof few_bins);
    clm_refex_bins(many, 6, bin);
    assert_memory_equal(bin, many_bins, sizeof many_bins);
}

static void check_feature(const clm_refex *features, int32_t f, const char *name,
                          const double *value)
{
    assert_string_equal(features->name[f], name);
    for (int32_t u = 0; u < features->nodes; u++)
        assert_close(features->value[u * features->count + f], value[u], 1e-12);
}

/* Generation 0, nodes 0 to 5. The ego-net of 0 is 0 1 2 3 4: 8 edges inside, 4>5 leaves it; of 1:
 * 0 and 1: 2 inside, three from 0 leave; 4: 0 4 5: 4 inside, three from 0 leave; 5: 4 5: 2 and 4>0.
 *   in, out      4 1 1 1 2 1   bins 2 0 0 0 1 0
 *   total        8 2 2 2 4 2        the same
 *   internal     8 2 2 2 4 2        the same
 *   external     1 3 3 3 3 1   bins 0 0 0 0 0 0
 * At distance 0 the first four are one; of them in_degree's name comes first. Kept: external_edges
 * and in_degree, which are 2 apart.
 * Generation 1:
 *   external(mean)   3  1 1 1 1   3   bins 1 0 0 0 0 1
 *   external(sum)    12 1 1 1 2   3   bins 3 0 0 0 1 2
 *   in(mean)         5/4 4 4 4 5/2 2  bins 0 1 1 1 0 0
 *   in(sum)          5  4 4 4 5   2   bins 1 0 0 0 1 0
 * At distance 1 in(sum) is like in_degree and like external_edges, which so fall together; both
 * means are like external_edges. The group keeps external_edges: generation 0, first name.
 * external(sum) is 3 from external_edges and 2 from all others: kept.
 * Generation 2, distance 2:
 *   external(sum)(mean)  5/4 12 12 12 15/2 2   bins 0 1 1 1 0 0
 *   external(sum)(sum)   5   12 12 12 15   2   bins 0 0 0 0 1 0
 * Both are like external_edges: nothing is kept, the end. */
static void features_are_as_worked_out_by_hand(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_refex features;
    clm_refex_new(&scope, &star, &features);
    assert_int_equal(features.nodes, 6);
    assert_int_equal(features.count, 3);
    check_feature(&features, 0, "external_edges", (const double[]){1, 3, 3, 3, 3, 1});
    check_feature(&features, 1, "in_degree", (const double[]){4, 1, 1, 1, 2, 1});
    check_feature(&features, 2, "external_edges(sum)", (const double[]){12, 1, 1, 1, 2, 3});
    clm_scope_end(&scope);
}

/* Directions count. in 0 1 2, bins 0 1 2; out 2 1 0, bins 2 1 0; total 2 2 2, bins 0 0 0; inside the
 * ego-nets (0 1 2, 1 2 and 2 alone) 3 1 0, bins 2 1 0, like out; leaving them 0 0 0, like total.
 * Generation 1 at distance 1: external(...) 0 0 0; in(sum) 3 2 0, bins 2 1 0, like internal;
 * in(mean) 3/2 2 0, bins 1 2 0, like internal; internal(sum) 1 0 0, internal(mean) 1/2 0 0, bins
 * 1 0 0, like external. Nothing new is kept. */
static void directions_count_and_parallel_edges_do_not(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_refex features;
    clm_refex_new(&scope, &one_way, &features);
    assert_int_equal(features.count, 3);
    check_feature(&features, 0, "external_edges", (const double[]){0, 0, 0});
    check_feature(&features, 1, "in_degree", (const double[]){0, 1, 2});
    check_feature(&features, 2, "internal_edges", (const double[]){3, 1, 0});
    clm_scope_end(&scope);
}

/* Least squared error of sorted values in exactly so many levels, by trying all borders. */
static double least_error(const double *value, int32_t count, int32_t levels)
{
    double least = INFINITY;
    for (int32_t start = levels - 1; start < count; start++) {
        double sum = 0, error = 0;
        for (int32_t i = start; i < count; i++)
            sum += value[i];
        for (int32_t i = start; i < count; i++)
            error += (value[i] - sum / (count - start)) * (value[i] - sum / (count - start));
        if (levels > 1) error += least_error(value, start, levels - 1);
        if ((levels > 1 || start == 0) && error < least) least = error;
    }
    return least;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Property: no other levels have a smaller error, and there are no more than asked for. */
static void levels_are_the_best_there_are(void **state)
{
    (void)state;
    enum { MOST = 12 };
    for (uint32_t round = 0; round < 200; round++) {
        clm_scope scope = {0};
        const int32_t count = 1 + (int32_t)(round % MOST);
        double value[MOST], quantised[MOST];
        for (int32_t i = 0; i < count; i++) {
            const clm_philox drawn = clm_philox_draw((uint32_t)i, round, 0, 0, 1);
            value[i] = round % 3 == 0 ? drawn.word[0] % 4 : (double)clm_uniform(drawn.word[0]);
        }
        const clm_quantiser *quantiser = clm_quantiser_new(&scope, value, count, 4);
        for (int32_t levels = 1; levels <= 4 && levels <= count; levels++) {
            double error = 0;
            int32_t different = 1;
            clm_quantise(quantiser, levels, quantised);
            for (int32_t i = 0; i < count; i++)
                error += (value[i] - quantised[i]) * (value[i] - quantised[i]);
            double sorted[MOST];
            memcpy(sorted, value, sizeof sorted);
            qsort(sorted, (size_t)count, sizeof *sorted, ascending);
            assert_close(error, least_error(sorted, count, levels), 1e-9);
            qsort(quantised, (size_t)count, sizeof *quantised, ascending);
            for (int32_t i = 1; i < count; i++)
                different += quantised[i] > quantised[i - 1] ? 1 : 0;
            assert_true(different <= levels);
        }
        clm_scope_end(&scope);
    }
}

static double relative_error(const double *a, int32_t rows, int32_t columns, int32_t rank)
{
    double g[64], f[64], left = 0, all = 0;
    assert_ok(clm_nmf(a, rows, columns, rank, g, f));
    for (int32_t i = 0; i < rows * rank; i++)
        assert_true(g[i] >= 0);
    for (int32_t i = 0; i < rank * columns; i++)
        assert_true(f[i] >= 0);
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) {
            double product = 0;
            for (int32_t k = 0; k < rank; k++)
                product += g[i * rank + k] * f[k * columns + j];
            left += (a[i * columns + j] - product) * (a[i * columns + j] - product);
            all += a[i * columns + j] * a[i * columns + j];
        }
    return sqrt(left / all);
}

/* A matrix that is a product of factors of that rank is found again, whichever side is longer; two
 * blocks need two. The best of rank 1 for the blocks drops the smaller singular value: of 10 and 5,
 * a relative error of 5 / sqrt(125). */
static void factors_are_not_negative_and_fit(void **state)
{
    (void)state;
    const double one[] = {1, 2, 3, 2, 4, 6, 0, 0, 0, 5, 10, 15};
    const double two[] = {2, 4, 0, 0, 4, 8, 0, 0, 0, 0, 3, 4};
    assert_true(relative_error(one, 4, 3, 1) < 1e-9);
    assert_true(relative_error(one, 3, 4, 3) < 0.05);
    assert_true(relative_error(two, 3, 4, 2) < 0.01);
    assert_close(relative_error(two, 3, 4, 1), 5 / sqrt(125), 1e-6);
}

static void check_shares(const clm_roles *roles, int32_t nodes)
{
    for (int32_t u = 0; u < nodes; u++) {
        double sum = 0;
        for (int32_t k = 0; k < roles->count; k++) {
            const float share = roles->share[u * roles->count + k];
            assert_true(share >= 0 && share <= 1);
            sum += (double)share;
        }
        assert_close(sum, 1, 1e-6);
    }
}

/* Nodes 1, 2 and 3 cannot be told apart; the hub plays another role than they do. */
static void nodes_alike_play_the_same_roles(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_roles roles, chosen;
    assert_ok(clm_roles_new(&scope, &star, 2, &roles));
    assert_int_equal(roles.count, 2);
    assert_int_equal(roles.features, 3);
    assert_int_equal(roles.bits, 2); /* log2(2 * 3), downwards */
    check_shares(&roles, 6);
    assert_memory_equal(roles.share + 2, roles.share + 4, 2 * sizeof *roles.share);
    assert_memory_equal(roles.share + 2, roles.share + 6, 2 * sizeof *roles.share);
    assert_true(fabsf(roles.share[0] - roles.share[2]) > 0.4f);
    assert_ok(clm_roles_new(&scope, &star, 0, &chosen));
    assert_in_range(chosen.count, 2, 3);
    assert_in_range(chosen.bits, 1, 3);
    check_shares(&chosen, 6);
    clm_scope_end(&scope);
}

/* In a ring all nodes are alike: one feature, and no two roles. */
static void a_regular_graph_has_too_few_features(void **state)
{
    (void)state;
    int32_t src[] = {0, 1, 2, 1, 2, 0}, dst[] = {1, 2, 0, 0, 1, 2};
    clm_relation edges = {.name = "edge", .count = 6, .src = src, .dst = dst};
    const clm_graph ring = {.name = "ring", .nodes = 3, .relations = 1, .relation = &edges};
    clm_scope scope = {0};
    clm_roles roles;
    assert_int_equal(clm_roles_new(&scope, &ring, 2, &roles), CLM_FAIL);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_USAGE);
    assert_non_null(strstr(clm_error_last()->what, "differ in 1 structural features only"));
    assert_int_equal(clm_roles_new(&scope, &ring, 0, &roles), CLM_FAIL);
    assert_ok(clm_roles_new(&scope, &ring, 1, &roles));
    check_shares(&roles, 3);
    clm_scope_end(&scope);
}

/* Features as another implementation of the same rules finds them (names, sums over all nodes). */
static void cora_has_the_known_features_and_the_same_roles_each_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double sum;
    } known[] = {{"external_edges", 94822},
                 {"in_degree", 10556},
                 {"internal_edges", 30892},
                 {"external_edges(mean)", 135808.67788829928},
                 {"external_edges(sum)", 615372},
                 {"in_degree(mean)", 31498.961859580977},
                 {"in_degree(sum)", 115158},
                 {"internal_edges(sum)", 382040},
                 {"external_edges(sum)(sum)", 11440598},
                 {"in_degree(mean)(sum)(sum)", 2953234.896435521}};
    clm_scope scope = {0};
    const clm_graph *graph = &load_or_skip(&scope, "cora")->graph;
    clm_refex features;
    clm_refex_new(&scope, graph, &features);
    assert_int_equal(features.count, 16);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int32_t f = 0;
        while (f < features.count && strcmp(features.name[f], known[i].name) != 0)
            f++;
        assert_in_range(f, 0, features.count - 1);
        double sum = 0;
        for (int32_t u = 0; u < features.nodes; u++)
            sum += features.value[u * features.count + f];
        assert_close(sum, known[i].sum, 1e-9 * known[i].sum);
    }
    clm_roles first, second;
    assert_ok(clm_roles_new(&scope, graph, 4, &first));
    assert_ok(clm_roles_new(&scope, graph, 4, &second));
    check_shares(&first, graph->nodes);
    assert_memory_equal(first.share, second.share, 4 * (size_t)graph->nodes * sizeof *first.share);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_take_the_lower_half_and_what_equals_it),
        cmocka_unit_test(features_are_as_worked_out_by_hand),
        cmocka_unit_test(directions_count_and_parallel_edges_do_not),
        cmocka_unit_test(levels_are_the_best_there_are),
        cmocka_unit_test(factors_are_not_negative_and_fit),
        cmocka_unit_test(nodes_alike_play_the_same_roles),
        cmocka_unit_test(a_regular_graph_has_too_few_features),
        cmocka_unit_test(cora_has_the_known_features_and_the_same_roles_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
