#include "data/nmf.h"

#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_UPDATES = 200, CHECK_EVERY = 10 };

static const double least_gain = 1e-4;
static const double smallest = 1e-6;              /* what is less in a start counts as zero */
static const double least_divisor = 1.1920929e-7; /* for a division by zero */

/* Singular vectors as LAPACK leaves them: left of column j of `a` at right[j * columns] ... */
typedef struct svd {
    int32_t rows, columns, count; /* count = min(rows, columns) */
    double *value;                /* [count] descending */
    double *left;                 /* [rows, count] */
    double *right;                /* [count, columns] */
} svd;

/* LAPACK's matrices are columns after columns, so it is given the transpose of a: its left singular
 * vectors are a's right ones. */
static clm_status decompose(clm_scope *work, const double *a, svd *made)
{
    const size_t rows = (size_t)made->rows, columns = (size_t)made->columns;
    const size_t count = (size_t)made->count;
    double *copy = clm_alloc_array(work, rows * columns, sizeof *copy);
    memcpy(copy, a, rows * columns * sizeof *copy);
    made->value = clm_alloc_array(work, count, sizeof *made->value);
    made->left = clm_alloc_array(work, rows * count, sizeof *made->left);
    made->right = clm_alloc_array(work, columns * count, sizeof *made->right);
    const lapack_int info =
        LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', made->columns, made->rows, copy, made->columns,
                       made->value, made->right, made->columns, made->left, made->count);
    if (info == 0) return CLM_OK;
    return clm_fail(CLM_ERROR_FAILED,
                    "the singular value decomposition of %d x %d numbers failed "
                    "(dgesdd: %d)",
                    made->rows, made->columns, (int)info);
}

/* Length of the part of a vector with that sign. */
static double part_norm(const double *vector, int32_t count, int32_t stride, double sign)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = fmax(sign * vector[i * stride], 0);
        sum += x * x;
    }
    return sqrt(sum);
}

/* Writes scale * the part of a vector with that sign. */
static void put_part(const double *vector, int32_t count, int32_t stride, double sign, double scale,
                     double *to, int32_t to_stride)
{
    for (int64_t i = 0; i < count; i++)
        to[i * to_stride] = scale * fmax(sign * vector[i * stride], 0);
}

/* The larger of the products of both vectors' positive and negative parts; of equal ones that in
 * which the left vector's largest element is positive, for LAPACK may turn both round. */
static void start_column(const svd *made, int32_t rank, int32_t j, double *g, double *f)
{
    const double *left = made->left + j, *right = made->right + (int64_t)j * made->columns;
    double norm[2], largest = 0, turned = 1;
    for (int64_t i = 0; i < made->rows; i++)
        if (fabs(left[i * made->count]) > fabs(largest)) largest = left[i * made->count];
    if (largest < 0) turned = -1;
    double sign[2] = {turned, -turned};
    double l[2], r[2];
    for (int s = 0; s < 2; s++) {
        l[s] = part_norm(left, made->rows, made->count, sign[s]);
        r[s] = part_norm(right, made->columns, 1, sign[s]);
        norm[s] = l[s] * r[s];
    }
    const int s = norm[0] >= norm[1] ? 0 : 1;
    if (!(norm[s] > 0)) return;
    const double scale = sqrt(made->value[j] * norm[s]);
    put_part(left, made->rows, made->count, sign[s], scale / l[s], g + j, rank);
    put_part(right, made->columns, 1, sign[s], scale / r[s], f + (int64_t)j * made->columns, 1);
}

static void fill_zeros(double *x, int64_t count, double with)
{
    for (int64_t i = 0; i < count; i++)
        if (x[i] < smallest) x[i] = with;
}

static clm_status start(clm_scope *work, const double *a, int32_t rows, int32_t columns,
                        int32_t rank, double *g, double *f)
{
    svd made = {.rows = rows, .columns = columns, .count = rows < columns ? rows : columns};
    CLM_TRY(decompose(work, a, &made));
    double sum = 0;
    for (int64_t i = 0; i < (int64_t)rows * columns; i++)
        sum += a[i];
    memset(g, 0, (size_t)rows * (size_t)rank * sizeof *g);
    memset(f, 0, (size_t)columns * (size_t)rank * sizeof *f);
    for (int32_t j = 0; j < rank; j++)
        start_column(&made, rank, j, g, f);
    fill_zeros(g, (int64_t)rows * rank, sum / rows / columns);
    fill_zeros(f, (int64_t)columns * rank, sum / rows / columns);
    return CLM_OK;
}

/* Inside, f is kept as [columns, rank], so that the innermost loops run over the rank. */
typedef struct factors {
    const double *a;
    int32_t rows, columns, rank;
    double *g, *f;            /* [rows, rank] [columns, rank] */
    double *product, *square; /* g^T a as [columns, rank]; [rank, rank] */
    double *above, *below;    /* [rank] of one update */
} factors;

static double error_of(const factors *x)
{
    double sum = 0;
    for (int64_t i = 0; i < x->rows; i++)
        for (int64_t j = 0; j < x->columns; j++) {
            double left = x->a[i * x->columns + j];
            for (int32_t k = 0; k < x->rank; k++)
                left -= x->g[i * x->rank + k] * x->f[j * x->rank + k];
            sum += left * left;
        }
    return sqrt(sum);
}

/* m^T m of a matrix [count, rank]. */
static void square(const double *m, int64_t count, int32_t rank, double *to)
{
    memset(to, 0, (size_t)rank * (size_t)rank * sizeof *to);
    for (int64_t i = 0; i < count; i++)
        for (int32_t k = 0; k < rank; k++)
            for (int32_t l = 0; l < rank; l++)
                to[k * rank + l] += m[i * rank + k] * m[i * rank + l];
}

/* row *= above / (row squared): the update of Lee and Seung for one row of either factor. */
static void update_row(const factors *x, double *row, const double *above)
{
    double *below = x->below;
    for (int32_t k = 0; k < x->rank; k++) {
        below[k] = 0;
        for (int32_t l = 0; l < x->rank; l++)
            below[k] += row[l] * x->square[l * x->rank + k];
    }
    for (int32_t k = 0; k < x->rank; k++)
        row[k] *= above[k] / (below[k] > 0 ? below[k] : least_divisor);
}

static void update(factors *x)
{
    const int32_t rank = x->rank;
    memset(x->product, 0, (size_t)x->columns * (size_t)rank * sizeof *x->product);
    square(x->f, x->columns, rank, x->square);
    for (int64_t i = 0; i < x->rows; i++) {
        const double *row = x->a + i * x->columns;
        double *g = x->g + i * rank;
        memset(x->above, 0, (size_t)rank * sizeof *x->above);
        for (int64_t j = 0; j < x->columns; j++)
            for (int32_t k = 0; k < rank; k++)
                x->above[k] += row[j] * x->f[j * rank + k];
        update_row(x, g, x->above);
        for (int64_t j = 0; j < x->columns; j++)
            for (int32_t k = 0; k < rank; k++)
                x->product[j * rank + k] += row[j] * g[k];
    }
    square(x->g, x->rows, rank, x->square);
    for (int64_t j = 0; j < x->columns; j++)
        update_row(x, x->f + j * rank, x->product + j * rank);
}

static clm_status factorise(clm_scope *work, const double *a, int32_t rows, int32_t columns,
                            int32_t rank, double *g, double *f)
{
    CLM_TRY(start(work, a, rows, columns, rank, g, f));
    const size_t size = (size_t)columns * (size_t)rank;
    factors x = {.a = a, .rows = rows, .columns = columns, .rank = rank, .g = g};
    x.f = clm_alloc_array(work, size, sizeof *x.f);
    x.product = clm_alloc_array(work, size, sizeof *x.product);
    x.square = clm_alloc_array(work, (size_t)rank * (size_t)rank, sizeof *x.square);
    x.above = clm_alloc_array(work, (size_t)rank, sizeof *x.above);
    x.below = clm_alloc_array(work, (size_t)rank, sizeof *x.below);
    for (int64_t j = 0; j < columns; j++)
        for (int64_t k = 0; k < rank; k++)
            x.f[j * rank + k] = f[k * columns + j];
    const double first = error_of(&x);
    double last = first;
    for (int i = 1; i <= MOST_UPDATES && last > 0; i++) {
        update(&x);
        if (i % CHECK_EVERY != 0) continue;
        const double now = error_of(&x);
        if ((last - now) / first < least_gain) break;
        last = now;
    }
    for (int64_t j = 0; j < columns; j++)
        for (int64_t k = 0; k < rank; k++)
            f[k * columns + j] = x.f[j * rank + k];
    return CLM_OK;
}

clm_status clm_nmf(const double *a, int32_t rows, int32_t columns, int32_t rank, double *g,
                   double *f)
{
    clm_scope work = {0};
    const clm_status status = factorise(&work, a, rows, columns, rank, g, f);
    clm_scope_end(&work);
    return status;
}
