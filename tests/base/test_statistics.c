#include "base/philox.h"
#include "base/statistics.h"
#include "unit.h"

#include <math.h>

static void assert_close(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12 * (1 + fabs(expected))))
        fail_msg("%.17g is not %.17g", got, expected);
}

/* Known answers of R: quantile(c(7, 1, 4, 2), c(.25, .5, .75)) is 1.75, 3, 4.75. */
static void summaries_have_the_known_answers(void **state)
{
    (void)state;
    const double value[] = {7, 1, 4, 2};
    const clm_summary s = clm_summarise(value, 4);
    assert_int_equal(s.n, 4);
    assert_close(s.q1, 1.75);
    assert_close(s.median, 3);
    assert_close(s.q3, 4.75);
    assert_close(s.min, 1);
    assert_close(s.max, 7);
    assert_close(s.mean, 3.5);
    assert_close(s.standard_error, sqrt(7.0) / 2); /* variance 21 / 3, over 4 */
    const clm_summary one = clm_summarise(value, 1);
    assert_close(one.q1, 7);
    assert_close(one.median, 7);
    assert_true(isnan(one.standard_error));
    const clm_summary none = clm_summarise(value, 0);
    assert_int_equal(none.n, 0);
    assert_true(isnan(none.median) && isnan(none.mean) && isnan(none.min));
}

/* From tables of the sign test: of 6 values the ends, of 20 the 6th from either side, of 100 the
 * 40th; 5 are too few, and their ends are all there is. */
static void median_intervals_have_the_known_ends(void **state)
{
    (void)state;
    double value[100];
    for (int i = 0; i < 100; i++)
        value[i] = (i * 37) % 100 + 1; /* 1 to 100 in disorder */
    const struct {
        size_t n;
        double low, high;
    } known[] = {{100, 40, 61}, {20, 6, 15}, {6, 1, 6}, {5, 1, 5}, {1, 1, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double few[100], low, high;
        size_t n = 0;
        for (int j = 0; j < 100; j++)
            if (value[j] <= (double)known[i].n) few[n++] = value[j];
        clm_median_interval(few, n, &low, &high);
        assert_close(low, known[i].low);
        assert_close(high, known[i].high);
    }
}

/* By hand: with all differences of one sign only that assignment and its mirror are as extreme. */
static void sign_flips_are_counted_exactly(void **state)
{
    (void)state;
    const double same[] = {0.1, 0.2, 0.3, 0.4, 0.5};
    assert_close(clm_sign_flip_test(same, 5), 2.0 / 32);
    /* 1 + 2 - 3 = 0: every assignment is at least as extreme as nothing. */
    const double balanced[] = {1, 2, -3};
    assert_close(clm_sign_flip_test(balanced, 3), 1);
    /* |sum| = 4 of {1, 2, 3}, signs - + +: reached by +++ (6), -++ (4) and their mirrors: 4 of 8.
     */
    const double mixed[] = {-1, 2, 3};
    assert_close(clm_sign_flip_test(mixed, 3), 0.5);
    /* Ties by rounding: 0.1 + 0.2 + 0.3 differs from 0.3 + 0.2 + 0.1 in the last bit. */
    const double rounding[] = {0.3, 0.1, 0.2};
    assert_close(clm_sign_flip_test(rounding, 3), 2.0 / 8);
    assert_close(clm_sign_flip_test(same, 0), 1);
    const double zeros[] = {0, 0};
    assert_close(clm_sign_flip_test(zeros, 2), 1);
    double twenty[21];
    for (int i = 0; i < 21; i++)
        twenty[i] = 1;
    assert_close(clm_sign_flip_test(twenty, 20), ldexp(1, -19));
    /* z = sqrt(21); R: 2 * pnorm(-sqrt(21)) = 4.592e-06. */
    assert_true(fabs(clm_sign_flip_test(twenty, 21) - 4.592e-6) < 2e-9);
}

enum { COUNT = 300 };

/* Scores with many ties, labels 0, 1 and absent. */
static void random_scores(uint32_t seed, uint32_t levels, float *score, float *label)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        const clm_philox drawn = clm_philox_draw(i, 0, CLM_STREAM_GENERATE, 0, seed);
        score[i] = (float)clm_uniform_below(drawn.word[0], levels) / 7 - 1;
        const uint32_t kind = clm_uniform_below(drawn.word[1], 5);
        label[i] = kind == 0 ? NAN : kind == 1 ? 1 : 0;
    }
}

/* The definition: over all pairs of a positive and a negative, the share in which the positive has
 * the higher score, ties counted half. */
static double auc_by_pairs(const float *score, const float *label)
{
    double wins = 0, pairs = 0;
    for (int i = 0; i < COUNT; i++) {
        if (!(label[i] > 0.5f)) continue;
        for (int j = 0; j < COUNT; j++) {
            if (!(label[j] <= 0.5f)) continue;
            pairs++;
            wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
        }
    }
    return wins / pairs;
}

/* The definition: for each threshold from high to low, the step in recall times the precision. */
static double precision_by_thresholds(const float *score, const float *label)
{
    double sum = 0, recall_before = 0, positives = 0;
    for (int i = 0; i < COUNT; i++)
        positives += label[i] > 0.5f;
    for (float above = INFINITY;;) {
        float threshold = -INFINITY;
        for (int i = 0; i < COUNT; i++)
            if (!isnan(label[i]) && score[i] < above && score[i] > threshold) threshold = score[i];
        if (isinf(threshold)) return sum;
        double taken = 0, hits = 0;
        for (int i = 0; i < COUNT; i++) {
            if (isnan(label[i]) || score[i] < threshold) continue;
            taken++;
            hits += label[i] > 0.5f;
        }
        sum += (hits / positives - recall_before) * hits / taken;
        recall_before = hits / positives;
        above = threshold;
    }
}

static void ranking_scores_match_their_definitions(void **state)
{
    (void)state;
    static float score[COUNT], label[COUNT];
    for (uint32_t seed = 0; seed < 20; seed++) {
        random_scores(seed, seed % 2 == 0 ? 20 : 100000, score, label);
        assert_close(clm_roc_auc(score, label, COUNT), auc_by_pairs(score, label));
        assert_close(clm_average_precision(score, label, COUNT),
                     precision_by_thresholds(score, label));
    }
}

/* scikit-learn's own examples: roc_auc_score 0.75, average_precision_score 0.83333. */
static void ranking_scores_have_the_known_answers(void **state)
{
    (void)state;
    const float score[] = {0.1f, 0.4f, 0.35f, 0.8f}, label[] = {0, 0, 1, 1};
    assert_close(clm_roc_auc(score, label, 4), 0.75);
    assert_close(clm_average_precision(score, label, 4), 5.0 / 6);
    assert_true(isnan(clm_roc_auc(score, label, 2)));
    assert_true(isnan(clm_average_precision(score, label, 2)));
    assert_true(isnan(clm_roc_auc(score + 2, label + 2, 2)));
    assert_close(clm_average_precision(score + 2, label + 2, 2), 1);
    const float broken[] = {0.1f, NAN, 0.35f, 0.8f};
    assert_true(isnan(clm_roc_auc(broken, label, 4)));
    assert_true(isnan(clm_average_precision(broken, label, 4)));
    assert_true(isnan(clm_roc_auc(score, label, 0)));
}

static void rmse_leaves_out_what_has_no_label(void **state)
{
    (void)state;
    const float score[] = {1, 2, 5}, label[] = {4, NAN, 1}, none[] = {NAN, NAN, NAN};
    assert_close(clm_rmse(score, label, 3), sqrt(12.5));
    assert_true(isnan(clm_rmse(score, none, 3)));
}

/* Two tasks by hand; the third has one class only, and no label counts twice. */
static void scores_of_several_tasks_are_means(void **state)
{
    (void)state;
    const float score[] = {0.1f, 0.9f, 1, 0.4f, 0.2f, 2, 0.35f, 0.3f, 3, 0.8f, 7, 4};
    const float label[] = {0, 1, 1, 0, 0, NAN, 1, 1, 1, 1, NAN, 1};
    assert_close(clm_mean_roc_auc(score, label, 4, 3), (0.75 + 1) / 2);
    const float far[] = {1, 2, 3, 4}, near[] = {1, NAN, 1, 1};
    assert_close(clm_mean_rmse(far, near, 2, 2), (sqrt(2) + 3) / 2);
    const float broken[] = {0.1f, NAN, 0.4f, 1};
    assert_true(isnan(clm_mean_roc_auc(broken, (const float[]){0, 0, 1, 1}, 2, 2)));
    assert_close(clm_mean_roc_auc(broken, (const float[]){0, NAN, 1, 1}, 2, 2), 1);
}

static void accuracy_counts_labelled_rows(void **state)
{
    (void)state;
    const float score[] = {1, 3, 2, 5, 5, 0, 0, 1, 2, NAN, 0, 0};
    assert_close(clm_accuracy(score, (const int32_t[]){1, 0, 0, -1}, 4, 3), 2.0 / 3);
    assert_true(isnan(clm_accuracy(score, (const int32_t[]){1, 0, 0, 0}, 4, 3)));
    assert_true(isnan(clm_accuracy(score, (const int32_t[]){-1, -1, -1, -1}, 4, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries_have_the_known_answers),
        cmocka_unit_test(median_intervals_have_the_known_ends),
        cmocka_unit_test(sign_flips_are_counted_exactly),
        cmocka_unit_test(ranking_scores_match_their_definitions),
        cmocka_unit_test(ranking_scores_have_the_known_answers),
        cmocka_unit_test(rmse_leaves_out_what_has_no_label),
        cmocka_unit_test(scores_of_several_tasks_are_means),
        cmocka_unit_test(accuracy_counts_labelled_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
