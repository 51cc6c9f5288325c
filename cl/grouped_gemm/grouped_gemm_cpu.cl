/* grouped_gemm for CPUs: one work-item per work-group and explicit vectors. A panel of NV vectors of
 * columns of the weights is copied to private memory, where its rows are adjacent (a row of W is N
 * floats away from the next, and powers of two share few sets of a cache); then MR rows at a time
 * are multiplied by it in MR * NV accumulators that never leave registers, while the rows of the
 * next tile and the lines to be written are asked for bit by bit.
 *
 * Built with VEC, MR, NV, AHEAD, STREAM; KMAX, at least K; ALIGNED; ACTIVATION, KEEP_SLOPE and
 * FACTORS, whether there is GELU, is its slope, are scale or multiply.
 */

#define INLINE static inline __attribute__((always_inline)) /* else arrays go through memory */

enum { WIDTH = NV * VEC, STRIP = 4 * MR }; /* rows whose products wait for the rest */

typedef struct finish {
    __global const float *scale;
    __global const int *scale_index;
    __global const real *multiply;
    __global real *y, *slope;
} finish;

/* NV vectors, `count` columns of them, to element `at`. */
INLINE void store_row(const floatv *value, __global real *to, int count)
{
    if (count >= WIDTH) {
        UNROLL
        for (int v = 0; v < NV; v++)
            PUT(to + v * VEC, value[v]);
    } else {
        UNROLL
        for (int v = 0; v < NV; v++)
            store_reals(value[v], to + v * VEC, count - v * VEC);
    }
}

#if FACTORS
/* Multiplies a row of products, `count` columns of them, by the factors at element `at`. */
INLINE void factor_row(finish f, floatv *value, int row, size_t at, int count)
{
    const floatv scale = (floatv)(scale_of(f.scale, f.scale_index, row));
    UNROLL
    for (int v = 0; v < NV; v++)
        value[v] *= scale;
    if (!f.multiply) return;
    if (count >= WIDTH) {
        UNROLL
        for (int v = 0; v < NV; v++)
            value[v] *= READ_REAL(f.multiply + at + v * VEC);
    } else {
        UNROLL
        for (int v = 0; v < NV; v++)
            value[v] *= load_reals(f.multiply + at + v * VEC, count - v * VEC);
    }
}
#endif

#if ACTIVATION
/* A row of products, `count` columns of them, activated, to element `at` of the results. */
INLINE void finish_row(finish f, const floatv *sum, int row, size_t at, int count)
{
#if FACTORS
    const floatv scale = (floatv)(scale_of(f.scale, f.scale_index, row));
#endif
    for (int v = 0; v < NV; v++, at += VEC, count -= VEC) {
        floatv value = clm_gelu(sum[v]);
#if FACTORS
        value *= scale;
        if (f.multiply) value *= load_reals(f.multiply + at, count);
#endif
#if KEEP_SLOPE
        const floatv slope = clm_gelu_slope(sum[v]);
        store_reals(slope, f.slope + at, count);
#endif
        store_reals(value, f.y + at, count);
    }
}
#endif

/* Rows of x as the products read them, floats: in place, or widened into private memory, where they
 * lie a little more than KMAX floats apart so as not to share the sets of a cache. */
#if CLM_REAL == CLM_F32
typedef __global const float *floats;
#define WIDENED 1
INLINE floats widened(float *memory, __global const real *row, int depth) { return row; }
#else
typedef const float *floats;
#define WIDENED (MR * (KMAX + 16))
INLINE floats widened(float *memory, __global const real *row, int depth)
{
    for (int k = 0; k < depth; k += VEC)
        *(floatu *)(memory + k) = load_reals(row + k, depth - k);
    return memory;
}
#endif

/* Rows row .. row + MR - 1, those before `stop`, by a panel of weights that starts with the bias.
 * Rows beyond are computed as copies of the last; they are not written. */
static __attribute__((noinline)) void tile(const floatv *panel, __global const real *RST x,
                                           __global const int *RST gather, finish f,
                                           floatv (*done)[NV], float *memory, int row, int stop,
                                           int last, int depth, int columns, int column)
{
    floats a[MR];
    __global const real *next[MR];
    floatv sum[MR][NV];
    UNROLL
    for (int i = 0; i < MR; i++) {
        a[i] = widened(memory + i * (KMAX + 16),
                       x + (size_t)row_of(gather, min(row + i, stop - 1)) * (size_t)depth, depth);
        next[i] = x + (size_t)row_of(gather, min(row + i + AHEAD * MR, last)) * (size_t)depth;
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[i][v] = panel[v];
    }
    const floatv *b = panel + NV;
    const size_t first = (size_t)row * (size_t)columns + (size_t)column;
    for (int line = 0; line < depth; line += LINE) {
        UNROLL
        for (int i = 0; i < MR; i++)
            PREFETCH(next[i] + line, 0);
        if (line < WIDTH) {
            UNROLL
            for (int i = 0; i < MR; i++) {
                PREFETCH_OUT(f.y + first + i * columns + line);
#if KEEP_SLOPE
                PREFETCH_OUT(f.slope + first + i * columns + line);
#endif
#if FACTORS
                if (f.multiply) PREFETCH(f.multiply + first + i * columns + line, 0);
#endif
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
    UNROLL
    for (int i = 0; i < MR; i++) {
#if ACTIVATION
        UNROLL
        for (int v = 0; v < NV; v++)
            done[i][v] = sum[i][v];
#else
        if (row + i < stop) {
            const size_t at = first + (size_t)i * (size_t)columns;
#if FACTORS
            factor_row(f, sum[i], row + i, at, columns - column);
#endif
            store_row(sum[i], f.y + at, columns - column);
        }
#endif
    }
}

/* One work-item per panel of columns and block of rows, all of about as many: of rows before the end
 * of the last group, which need not be all there is room for. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
grouped_gemm_f32_cpu(__global const real *RST x, __global const real *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const real *multiply,
                     __global real *y, __global real *RST slope, int rows, int groups, int depth,
                     int columns, int activation)
{
    floatv panel[(KMAX + 1) * NV], done[STRIP][NV];
    float memory[WIDENED];
    const finish f = {scale, scale_index, multiply, y, slope};
    const int column = (int)get_global_id(0) * (NV * VEC);
    const int all = min(rows, offsets[groups]), blocks = (int)get_global_size(1);
    const int block = ((all + blocks - 1) / blocks + MR - 1) / MR * MR;
    const int begin = (int)get_global_id(1) * block, end = min(begin + block, all);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue;
        UNROLL
        for (int v = 0; v < NV; v++) {
            const int count = columns - column - v * VEC;
            __global const real *from =
                w + (size_t)g * (size_t)depth * (size_t)columns + column + v * VEC;
            panel[v] =
                bias ? load_columns(bias + (size_t)g * (size_t)columns + column + v * VEC, count)
                     : (floatv)(0.0f);
            for (int k = 0; k < depth; k++, from += columns)
                panel[(k + 1) * NV + v] = load_reals(from, count);
        }
#if AHEAD > 0
        const int soon =
            g + 1 < groups && stop < end ? depth : 0; /* rows of the next group's panel */
        __global const real *next = w + (size_t)(g + 1) * (size_t)depth * (size_t)columns + column;
        int asked = 0;
#endif
        for (int row = first; row < stop; row += MR) {
#if AHEAD > 0
            for (const int until = soon * (row - first + MR) / (stop - first); asked < until;
                 asked++)
                for (int v = 0; v < NV; v++)
                    PREFETCH(next + (size_t)asked * (size_t)columns + v * VEC, 0);
#endif
            tile(panel, x, gather, f, done + (row - first) % STRIP, memory, row, stop, end - 1,
                 depth, columns, column);
#if ACTIVATION
            const int from = row - (row - first) % STRIP, to = min(row + MR, stop);
            if (to == stop || to == from + STRIP)
                for (int i = from; i < to; i++)
                    finish_row(f, done[i - from], i,
                               (size_t)i * (size_t)columns + (size_t)column, columns - column);
#endif
        }
    }
}
