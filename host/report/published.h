/* Published: the papers' numbers, results/published/<paper>.csv.
 *
 *   data, label             the row they belong to
 *   metric                  of model/metric.h; ratios as fractions
 *   score                   the published mean
 *   se, std                 over its runs: one of them, or tolerance instead
 *   tolerance               a score this near is the same
 *   runs, epochs            behind the number, where told
 *   compared                test, val or last (validation after the last epoch): what of
 *                           ours the number is one of (default test)
 *
 * Lines that start with # are comments, columns may be in any order, and what is not told is empty. */
#ifndef CLM_REPORT_PUBLISHED_H
#define CLM_REPORT_PUBLISHED_H

#include "base/scope.h"
#include "base/status.h"
#include "model/metric.h"

typedef struct clm_published {
    const char *data, *label;
    const clm_metric *metric;
    const char *compared;           /* "test", "val" or "last" */
    double score, error, deviation; /* standard error and standard deviation over its runs */
    double tolerance;               /* at least this much better or worse is not the same */
    double runs, epochs;            /* NaN: not told, as for the numbers above */
} clm_published;

/* Every line of a table. Errors (USAGE) show file:line: missing columns, no number, a metric or
 * split there is not, neither error nor tolerance. */
clm_status clm_published_read(clm_scope *scope, const char *table, const clm_published **published,
                              size_t *count);

/* "better", "worse" or "same": whether a score differs from the published one by more than its
 * tolerance, or else two of its standard deviations. Null where either is unknown. */
const char *clm_published_verdict(const clm_published *published, double score);

#endif
