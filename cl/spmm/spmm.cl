/* spmm: sparse matrix in compressed rows times a dense one.
 *
 * Rows are uneven: the transpose of a bag of words has words with one entry beside a constant
 * feature with one entry per node. So the work, entries and row ends laid out one after another, is
 * cut into slices of equal length wherever that falls (Merrill & Garland 2016). The slice in which
 * a row ends writes the row; what a slice holds of a row that ends later goes to `carry`, and a
 * second kernel adds the carries of a row in order, so the result is the same in every run.
 *
 * Built with D, VEC, COUNT, COLUMNS, PANELS (op/lanes.h); LENGTH work per slice; AHEAD; GROUP
 * work-items per group. */

#define UNROLL _Pragma("unroll")

#ifndef AHEAD
#define AHEAD 0
#endif
#ifndef LENGTH
#define LENGTH 1
#endif
#ifndef GROUP
#define GROUP 1
#endif

/* Column of vector v of a panel; the last vector ends where the panel ends. */
#define COLUMN(v) ((v)*VEC + VEC <= COLUMNS ? (v)*VEC : COLUMNS - VEC)

/* Slice and panel of a work-item. Those of a GPU have the panels of a slice side by side, and read
 * whole lines together; a CPU goes through all slices for one panel and then for the next, and its
 * caches have to hold that panel of w alone. */
#if GROUP > 1
#define SLICE_OF(slices) ((int)(get_global_id(0) / PANELS))
#define PANEL_OF(slices) ((int)(get_global_id(0) % PANELS))
#else
#define SLICE_OF(slices) ((int)(get_global_id(0) % (size_t)(slices)))
#define PANEL_OF(slices) ((int)(get_global_id(0) / (size_t)(slices)))
#endif

/* The row at work unit `unit`: row r has the units row_ptr[r] + r .. row_ptr[r + 1] + r, the last
 * of them its end. n when all are done. */
static inline int row_at(__global const int *RST row_ptr, int n, int unit)
{
    int low = 0, high = n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (row_ptr[middle + 1] + middle < unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Panel of the product of entries begin .. end - 1; `last` is the last entry of the matrix. */
static inline void multiply(__global const int *RST col, __global const float *RST val,
                            __global const float *RST w, __global float *RST y, int begin, int end,
                            int last)
{
    floatv sum[COUNT];
    UNROLL
    for (int v = 0; v < COUNT; v++)
        sum[v] = (floatv)(0.0f);
    for (int j = begin; j < end; j++) {
        __global const float *row = w + (size_t)col[j] * D;
        const floatv x = (floatv)(val[j]);
#if AHEAD > 0
        __global const float *next = w + (size_t)col[min(j + AHEAD, last)] * D;
        UNROLL
        for (int c = 0; c < COLUMNS; c += 16)
            __builtin_prefetch((const void *)(size_t)(next + c), 0, 3);
#endif
        UNROLL
        for (int v = 0; v < COUNT; v++)
            sum[v] = fma(x, vloadv(0, row + COLUMN(v)), sum[v]);
    }
    UNROLL
    for (int v = 0; v < COUNT; v++)
        vstorev(sum[v], 0, y + COLUMN(v));
}

/* One work-item per panel of a slice. carry_row: the row of the slice's carry, -1 without one. */
__kernel void spmm_f32_slices(__global const int *RST row_ptr, __global const int *RST col,
                              __global const float *RST val, __global const float *RST w,
                              __global float *RST y, __global float *RST carry,
                              __global int *RST carry_row, int n, int slices)
{
    const int slice = SLICE_OF(slices), column = PANEL_OF(slices) * COLUMNS;
    if (slice >= slices || column >= D) return;
    const int entries = row_ptr[n], units = entries + n;
    const int from = min(slice * LENGTH, units), to = min(from + LENGTH, units);
    const int first = row_at(row_ptr, n, from), last = row_at(row_ptr, n, to);
    int entry = from - first;
    for (int row = first; row < last; row++) {
        const int end = row_ptr[row + 1];
        multiply(col, val, w + column, y + (size_t)row * D + column, entry, end, entries - 1);
        entry = end;
    }
    const int rest = to - last - entry;
    if (rest > 0)
        multiply(col, val, w + column, carry + (size_t)slice * D + column, entry, entry + rest,
                 entries - 1);
    if (column == 0) carry_row[slice] = rest > 0 ? last : -1;
}

/* One work-item per panel of a slice: the first of the slices that carry into a row adds them all.
 */
__kernel void spmm_f32_carry(__global const float *RST carry, __global const int *RST carry_row,
                             __global float *RST y, int slices)
{
    const int slice = SLICE_OF(slices), column = PANEL_OF(slices) * COLUMNS;
    if (slice >= slices || column >= D) return;
    const int row = carry_row[slice];
    if (row < 0 || (slice > 0 && carry_row[slice - 1] == row)) return;
    floatv sum[COUNT];
    UNROLL
    for (int v = 0; v < COUNT; v++)
        sum[v] = vloadv(0, y + (size_t)row * D + column + COLUMN(v));
    for (int s = slice; s < slices && carry_row[s] == row; s++) {
        UNROLL
        for (int v = 0; v < COUNT; v++)
            sum[v] += vloadv(0, carry + (size_t)s * D + column + COLUMN(v));
    }
    UNROLL
    for (int v = 0; v < COUNT; v++)
        vstorev(sum[v], 0, y + (size_t)row * D + column + COLUMN(v));
}

/* One work-item per element of y. */
__kernel void spmm_f32_plain(__global const int *RST row_ptr, __global const int *RST col,
                             __global const float *RST val, __global const float *RST w,
                             __global float *RST y, int n)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / D), column = (int)(id % D);
    if (row >= n) return;
    float sum = 0.0f;
    for (int j = row_ptr[row]; j < row_ptr[row + 1]; j++)
        sum = fma(val[j], w[(size_t)col[j] * D + column], sum);
    y[id] = sum;
}
