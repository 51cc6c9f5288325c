/* Statistics of measured times and of scores over seeds. */
#ifndef CLM_BASE_STATISTICS_H
#define CLM_BASE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

typedef struct clm_summary {
    size_t n;                                              /* 0: every other member is NaN */
    double median, min, max, q1, q3, mean, standard_error; /* standard_error: NaN when n < 2 */
} clm_summary;

/* Summary of n values, in any order; quantiles interpolate linearly (Hyndman and Fan's type 7). */
clm_summary clm_summarise(const double *value, size_t n);

/* 95 % interval of the median of n >= 1 values by order statistics, which needs no assumption on
 * how they are spread; fewer than 6 values are too few for it and give their smallest and largest.
 */
void clm_median_interval(const double *value, size_t n, double *low, double *high);

/* Two-sided p of the exact sign-flip test that paired differences have mean zero (n <= 20; else the
 * normal approximation). 1 when n == 0. The smallest possible p is 2^(1-n). */
double clm_sign_flip_test(const double *difference, size_t n);

/* ROC-AUC by ranks, ties counted half: P(score of a positive > of a negative).
 * label > 0.5 is positive; NaN labels are left out. NaN when a class is missing. */
double clm_roc_auc(const float *score, const float *label, size_t n);

/* Average precision: sum over thresholds of (recall step) * precision, ties as one threshold
 * (scikit-learn's average_precision_score). NaN without a positive. */
double clm_average_precision(const float *score, const float *label, size_t n);

/* Root of the mean squared difference where the label is not NaN. NaN when there is none. */
double clm_rmse(const float *score, const float *label, size_t n);

/* Their means over the tasks that have them; score and label are [n, tasks]. ROC-AUC: over the
 * tasks with both classes. NaN when there is no such task, or a labelled score is NaN. */
double clm_mean_roc_auc(const float *score, const float *label, size_t n, size_t tasks);
double clm_mean_rmse(const float *score, const float *label, size_t n, size_t tasks);

/* Share of the rows of score [n, classes] whose first largest element is that of the label; label
 * -1: not counted. NaN when none counts or a counted score is NaN. */
double clm_accuracy(const float *score, const int32_t *label, size_t n, size_t classes);

#endif
