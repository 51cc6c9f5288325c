/* grouped_gemm for CPUs: one work-item per work-group and explicit vectors. A panel of NV vectors of
 * columns of the weights is copied to private memory, where its rows are adjacent (a row of W is N
 * floats away from the next, and powers of two share few sets of a cache); then MR rows at a time
 * are multiplied by it in MR * NV accumulators that never leave registers, while the rows of the
 * next tile and the lines to be written are asked for bit by bit.
 *
 * Built with VEC, MR, NV, AHEAD; KMAX, at least K.
 */

typedef struct finish {
    __global const float *scale;
    __global const int *scale_index;
    __global const float *multiply;
    __global float *y, *slope;
    int activation;
} finish;

/* The NV vectors of a row of products, `count` columns of them, to element `at` of the results.
 * Loops over the vectors are unrolled one by one, so that their chains of operations overlap. */
static inline void finish_row(finish f, floatv *sum, int row, size_t at, int count)
{
    if (f.activation) {
        floatv slope[NV];
        UNROLL
        for (int v = 0; v < NV; v++) {
            slope[v] = clm_gelu_slope(sum[v]);
            sum[v] = clm_gelu(sum[v]);
        }
        if (f.slope) {
            UNROLL
            for (int v = 0; v < NV; v++)
                store_columns(slope[v], f.slope + at + v * VEC, count - v * VEC);
        }
    }
    const floatv scale = (floatv)(scale_of(f.scale, f.scale_index, row));
    UNROLL
    for (int v = 0; v < NV; v++) {
        sum[v] *= scale;
        if (f.multiply) sum[v] *= load_columns(f.multiply + at + v * VEC, count - v * VEC);
        store_columns(sum[v], f.y + at + v * VEC, count - v * VEC);
    }
}

/* Rows row .. row + MR - 1, those before `stop`, by a panel of weights that starts with the bias.
 * Rows beyond are computed as copies of the last and not written. */
static __attribute__((noinline)) void tile(const floatv *panel, __global const float *RST x,
                                           __global const int *RST gather, finish f, int row,
                                           int stop, int last, int depth, int columns, int column)
{
    __global const float *a[MR], *next[MR];
    floatv sum[MR][NV];
    UNROLL
    for (int i = 0; i < MR; i++) {
        a[i] = x + (size_t)row_of(gather, min(row + i, stop - 1)) * (size_t)depth;
        next[i] = x + (size_t)row_of(gather, min(row + i + AHEAD * MR, last)) * (size_t)depth;
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[i][v] = panel[v];
    }
    const floatv *b = panel + NV;
    __global const float *also = f.slope ? f.slope : f.multiply ? f.multiply : f.y;
    const size_t first = (size_t)row * (size_t)columns + (size_t)column;
    for (int line = 0; line < depth; line += LINE) {
        UNROLL
        for (int i = 0; i < MR; i++)
            PREFETCH(next[i] + line, 0);
        if (line < NV * VEC) {
            UNROLL
            for (int i = 0; i < MR; i++) {
                PREFETCH(f.y + first + i * columns + line, 1);
                PREFETCH(also + first + i * columns + line, 1);
            }
        }
        const int to = min(depth, line + LINE);
        for (int k = line; k < to; k++, b += NV) {
            UNROLL
            for (int i = 0; i < MR; i++) {
                const floatv left = (floatv)(a[i][k]);
                UNROLL
                for (int v = 0; v < NV; v++)
                    sum[i][v] = fma(left, b[v], sum[i][v]);
            }
        }
    }
    const int count = columns - column, rows = min(MR, stop - row);
    if (count >= NV * VEC && !f.activation && !f.scale && !f.multiply) {
        UNROLL
        for (int i = 0; i < MR; i++) {
            if (i >= rows) continue;
            UNROLL
            for (int v = 0; v < NV; v++)
                AT(f.y + first + (size_t)i * (size_t)columns + v * VEC) = sum[i][v];
        }
        return;
    }
    floatv done[MR][NV]; /* a rolled loop: the activation would be many kilobytes of code */
    UNROLL
    for (int i = 0; i < MR; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            done[i][v] = sum[i][v];
    }
    for (int i = 0; i < rows; i++)
        finish_row(f, done[i], row + i, first + (size_t)i * (size_t)columns, count);
}

/* One work-item per panel of columns and `block` rows. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
grouped_gemm_f32_cpu(__global const float *RST x, __global const float *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const float *multiply,
                     __global float *y, __global float *RST slope, int rows, int groups, int depth,
                     int columns, int activation, int block)
{
    floatv panel[(KMAX + 1) * NV];
    const finish f = {scale, scale_index, multiply, y, slope, activation};
    const int column = (int)get_global_id(0) * (NV * VEC);
    const int begin = (int)get_global_id(1) * block;
    const int end = min(min(begin + block, rows), offsets[groups]);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue;
        UNROLL
        for (int v = 0; v < NV; v++) {
            const int count = columns - column - v * VEC;
            __global const float *from =
                w + (size_t)g * (size_t)depth * (size_t)columns + column + v * VEC;
            panel[v] =
                bias ? load_columns(bias + (size_t)g * (size_t)columns + column + v * VEC, count)
                     : (floatv)(0.0f);
            for (int k = 0; k < depth; k++, from += columns)
                panel[(k + 1) * NV + v] = load_columns(from, count);
        }
#if AHEAD > 0
        const int soon =
            g + 1 < groups && stop < end ? depth : 0; /* rows of the next group's panel */
        __global const float *next = w + (size_t)(g + 1) * (size_t)depth * (size_t)columns + column;
        int asked = 0;
#endif
        for (int row = first; row < stop; row += MR) {
#if AHEAD > 0
            for (const int until = soon * (row - first + MR) / (stop - first); asked < until;
                 asked++)
                for (int v = 0; v < NV; v++)
                    PREFETCH(next + (size_t)asked * (size_t)columns + v * VEC, 0);
#endif
            tile(panel, x, gather, f, row, stop, end - 1, depth, columns, column);
        }
    }
}
