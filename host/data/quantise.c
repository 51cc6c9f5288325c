#include "data/quantise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct clm_quantiser {
    int64_t numbers;
    int32_t *which; /* [numbers] place of each among the different values */
    int32_t count, levels;
    double *value;                 /* [count] the different values, ascending */
    double *number, *sum, *square; /* [count + 1] of the values before each */
    int32_t *start; /* [levels, count + 1] where the last level of the first i starts */
};

/* Least errors of the first i values in so many levels, and in one less. */
typedef struct errors {
    double *now, *before; /* [count + 1] */
} errors;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Sorts the values and sums them up, less one in the middle: smaller squares are rounded less. */
static void prepare(clm_quantiser *all, clm_scope *scope, const double *value)
{
    const size_t numbers = (size_t)all->numbers;
    all->value = clm_alloc_array(scope, numbers, sizeof *all->value);
    memcpy(all->value, value, numbers * sizeof *value);
    qsort(all->value, numbers, sizeof *value, ascending);
    double **sums[] = {&all->number, &all->sum, &all->square};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        *sums[i] = clm_alloc_array(scope, numbers + 1, sizeof(double));
    const double middle = numbers > 0 ? all->value[numbers / 2] : 0;
    for (size_t i = 0; i < numbers; i++) {
        const double x = all->value[i];
        if (all->count == 0 || x > all->value[all->count - 1]) {
            const int32_t c = all->count++;
            all->value[c] = x;
            all->number[c + 1] = all->number[c];
            all->sum[c + 1] = all->sum[c];
            all->square[c + 1] = all->square[c];
        }
        all->number[all->count] += 1;
        all->sum[all->count] += x - middle;
        all->square[all->count] += (x - middle) * (x - middle);
    }
    all->which = clm_alloc_array(scope, numbers, sizeof *all->which);
    for (size_t i = 0; i < numbers; i++) {
        const double *found =
            bsearch(&value[i], all->value, (size_t)all->count, sizeof *value, ascending);
        all->which[i] = (int32_t)(found - all->value);
    }
}

/* Sum of squared errors of values i .. j - 1 at one level, their mean. */
static double error_of(const clm_quantiser *all, int32_t i, int32_t j)
{
    const double sum = all->sum[j] - all->sum[i];
    const double error =
        all->square[j] - all->square[i] - sum * sum / (all->number[j] - all->number[i]);
    return error > 0 ? error : 0; /* less by rounding */
}

/* Where the last of `level` + 1 levels starts best, for the first `low` to `high` values. That place
 * moves up with their number, so a middle that is known halves the search on both sides of it; the
 * more values the last level has, the larger its error, so the search from above can stop early. */
static void search(const clm_quantiser *all, errors *error, int32_t level, int32_t low,
                   int32_t high, int32_t from, int32_t to)
{
    if (low > high) return;
    const int32_t end = low + (high - low) / 2;
    int32_t *start = all->start + (int64_t)level * (all->count + 1);
    double least = INFINITY;
    for (int32_t i = to < end ? to : end - 1; i >= from; i--) {
        const double last = error_of(all, i, end);
        if (last >= least) break;
        if (error->before[i] + last >= least) continue;
        least = error->before[i] + last;
        start[end] = i;
    }
    error->now[end] = least;
    search(all, error, level, low, end - 1, from, start[end]);
    search(all, error, level, end + 1, high, start[end], to);
}

const clm_quantiser *clm_quantiser_new(clm_scope *scope, const double *value, int64_t count,
                                       int32_t most)
{
    clm_scope work = {0};
    clm_quantiser *all = clm_alloc(scope, sizeof *all);
    all->numbers = count;
    prepare(all, scope, value);
    all->levels = most < all->count ? most : all->count;
    const size_t places = (size_t)all->count + 1;
    all->start = clm_alloc_array(scope, (size_t)all->levels * places, sizeof *all->start);
    errors error = {clm_alloc_array(&work, places, sizeof(double)),
                    clm_alloc_array(&work, places, sizeof(double))};
    for (int32_t end = 1; end <= all->count; end++)
        error.now[end] = error_of(all, 0, end);
    for (int32_t level = 1; level < all->levels; level++) {
        error = (errors){.now = error.before, .before = error.now};
        search(all, &error, level, level + 1, all->count, level, all->count - 1);
    }
    clm_scope_end(&work);
    return all;
}

void clm_quantise(const clm_quantiser *all, int32_t levels, double *value)
{
    clm_scope work = {0};
    double *quantised = clm_alloc_array(&work, (size_t)all->count, sizeof *quantised);
    const int32_t used = levels < all->levels ? levels : all->levels;
    for (int32_t level = used - 1, end = all->count; level >= 0; level--) {
        const int32_t start = all->start[(int64_t)level * (all->count + 1) + end];
        double sum = 0;
        for (int32_t i = start; i < end; i++)
            sum += (all->number[i + 1] - all->number[i]) * all->value[i];
        for (int32_t i = start; i < end; i++)
            quantised[i] = sum / (all->number[end] - all->number[start]);
        end = start;
    }
    for (int64_t i = 0; i < all->numbers; i++)
        value[i] = quantised[all->which[i]];
    clm_scope_end(&work);
}
