#include "base/statistics.h"

#include "base/scope.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Hyndman and Fan's type 7: linear between the order statistics around share * (n - 1). */
static double quantile(const double *sorted, size_t n, double share)
{
    const double position = share * (double)(n - 1);
    const size_t below = (size_t)position;
    if (below + 1 >= n) return sorted[n - 1];
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

static double mean(const double *value, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += value[i];
    return sum / (double)n;
}

static double standard_error(const double *value, size_t n, double around)
{
    if (n < 2) return NAN;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (value[i] - around) * (value[i] - around);
    return sqrt(squares / (double)(n - 1) / (double)n);
}

clm_summary clm_summarise(const double *value, size_t n)
{
    if (n == 0) return (clm_summary){0, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    clm_scope scope = {0};
    double *sorted = clm_alloc_array(&scope, n, sizeof *sorted);
    memcpy(sorted, value, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    const double centre = mean(value, n);
    const clm_summary summary = {
        .n = n,
        .median = quantile(sorted, n, 0.5),
        .min = sorted[0],
        .max = sorted[n - 1],
        .q1 = quantile(sorted, n, 0.25),
        .q3 = quantile(sorted, n, 0.75),
        .mean = centre,
        .standard_error = standard_error(value, n, centre),
    };
    clm_scope_end(&scope);
    return summary;
}

/* Of the values at places `at` to n - 1 - at, in order, both ends are on one side of the median
 * where at most `at` of the values are on the other: twice the chance of at most `at` heads in n
 * tosses. */
void clm_median_interval(const double *value, size_t n, double *low, double *high)
{
    clm_scope scope = {0};
    double *sorted = clm_alloc_array(&scope, n, sizeof *sorted);
    memcpy(sorted, value, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    const double tosses = (double)n;
    double missed = 2 * pow(0.5, tosses);
    size_t at = 0;
    for (size_t k = 1; k < n / 2; k++) {
        const double heads = (double)k;
        missed += 2 * exp(lgamma(tosses + 1) - lgamma(heads + 1) - lgamma(tosses - heads + 1) -
                          tosses * log(2));
        if (missed > 0.05) break;
        at = k;
    }
    *low = sorted[at];
    *high = sorted[n - 1 - at];
    clm_scope_end(&scope);
}

/* Assignments of signs to difference[0..n) that bring |sum| to at least `observed`. Recursion keeps
 * each sum to n additions, where a Gray code would pile up the rounding of 2^n. */
static double count_extreme(const double *difference, size_t n, double sum, double observed)
{
    if (n == 0) return fabs(sum) >= observed ? 1 : 0;
    return count_extreme(difference + 1, n - 1, sum + difference[0], observed) +
           count_extreme(difference + 1, n - 1, sum - difference[0], observed);
}

double clm_sign_flip_test(const double *difference, size_t n)
{
    enum { LARGEST_EXACT = 20 };
    double sum = 0, magnitude = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += difference[i];
        magnitude += fabs(difference[i]);
        squares += difference[i] * difference[i];
    }
    if (squares == 0) return 1;
    if (n > LARGEST_EXACT) return erfc(fabs(sum) / sqrt(squares) / sqrt(2));
    /* Equal sums differ by rounding: the observed one must count as extreme in any order. */
    const double observed = fabs(sum) - 1e-12 * magnitude;
    /* Flipping every sign keeps |sum|, so the first sign is held and half the tree suffices. */
    const double extreme = count_extreme(difference + 1, n - 1, difference[0], observed);
    return extreme / ldexp(1, (int)n - 1);
}

typedef struct scored {
    float score;
    bool positive;
} scored;

static int compare_scored(const void *a, const void *b)
{
    const float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x > y) - (x < y);
}

/* The labelled entries in ascending order of score; *count: how many, *positives: of these.
 * False when a score is NaN: then there is no order. */
static bool sort_scored(clm_scope *scope, const float *score, const float *label, size_t n,
                        scored **sorted, size_t *count, size_t *positives)
{
    *sorted = clm_alloc_array(scope, n, sizeof **sorted);
    *count = *positives = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(label[i])) continue;
        if (isnan(score[i])) return false;
        (*sorted)[(*count)++] = (scored){score[i], label[i] > 0.5f};
        *positives += label[i] > 0.5f;
    }
    qsort(*sorted, *count, sizeof **sorted, compare_scored);
    return true;
}

/* Entries [first, result) have equal scores; *positives: how many of them are positive. */
static size_t tie_end(const scored *sorted, size_t count, size_t first, size_t *positives)
{
    size_t end = first;
    *positives = 0;
    while (end < count && sorted[end].score == sorted[first].score)
        *positives += sorted[end++].positive;
    return end;
}

double clm_roc_auc(const float *score, const float *label, size_t n)
{
    clm_scope scope = {0};
    scored *sorted = NULL;
    size_t count = 0, positives = 0;
    double auc = NAN;
    const bool ordered = sort_scored(&scope, score, label, n, &sorted, &count, &positives);
    if (ordered && positives > 0 && positives < count) {
        double rank_sum = 0;
        for (size_t first = 0, end, tied; first < count; first = end) {
            end = tie_end(sorted, count, first, &tied);
            rank_sum +=
                (double)tied * ((double)(first + 1 + end) / 2); /* the mean rank of the tie */
        }
        const double p = (double)positives, negatives = (double)(count - positives);
        auc = (rank_sum - p * (p + 1) / 2) / (p * negatives);
    }
    clm_scope_end(&scope);
    return auc;
}

double clm_average_precision(const float *score, const float *label, size_t n)
{
    clm_scope scope = {0};
    scored *sorted = NULL;
    size_t count = 0, positives = 0;
    double precision_sum = NAN;
    const bool ordered = sort_scored(&scope, score, label, n, &sorted, &count, &positives);
    if (ordered && positives > 0) {
        /* Ascending order: at the threshold of a tie, everything from it on is predicted positive.
         */
        double remaining = (double)positives;
        precision_sum = 0;
        for (size_t first = 0, end, tied; first < count; first = end) {
            end = tie_end(sorted, count, first, &tied);
            precision_sum += (double)tied * remaining / (double)(count - first);
            remaining -= (double)tied;
        }
        precision_sum /= (double)positives;
    }
    clm_scope_end(&scope);
    return precision_sum;
}

double clm_rmse(const float *score, const float *label, size_t n)
{
    double squares = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(label[i])) continue;
        const double difference = (double)score[i] - (double)label[i];
        squares += difference * difference;
        count++;
    }
    return count == 0 ? NAN : sqrt(squares / (double)count);
}

/* Mean over tasks of what `measure` says of one. */
static double mean_over_tasks(double (*measure)(const float *, const float *, size_t),
                              const float *score, const float *label, size_t n, size_t tasks)
{
    clm_scope scope = {0};
    float *s = clm_alloc_array(&scope, 2 * n + 1, sizeof *s), *l = s + n;
    double sum = 0, counted = 0;
    bool ordered = true;
    for (size_t t = 0; t < tasks; t++) {
        for (size_t i = 0; i < n; i++) {
            s[i] = score[i * tasks + t];
            l[i] = label[i * tasks + t];
            ordered = ordered && (isnan(l[i]) || !isnan(s[i]));
        }
        const double value = measure(s, l, n);
        if (isnan(value)) continue;
        sum += value;
        counted++;
    }
    clm_scope_end(&scope);
    return ordered ? sum / counted : NAN;
}

double clm_mean_roc_auc(const float *score, const float *label, size_t n, size_t tasks)
{
    return mean_over_tasks(clm_roc_auc, score, label, n, tasks);
}

double clm_mean_rmse(const float *score, const float *label, size_t n, size_t tasks)
{
    return mean_over_tasks(clm_rmse, score, label, n, tasks);
}

double clm_accuracy(const float *score, const int32_t *label, size_t n, size_t classes)
{
    size_t right = 0, counted = 0;
    for (size_t i = 0; i < n; i++) {
        if (label[i] < 0) continue;
        const float *s = score + i * classes;
        size_t best = 0;
        for (size_t c = 0; c < classes; c++) {
            if (isnan(s[c])) return NAN;
            if (s[c] > s[best]) best = c;
        }
        right += best == (size_t)label[i];
        counted++;
    }
    return counted == 0 ? NAN : (double)right / (double)counted;
}
