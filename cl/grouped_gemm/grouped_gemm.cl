/* grouped_gemm: rows in contiguous groups, one weight matrix per group; and the gradient of the
 * weights.
 *
 * Work is cut into fixed blocks of rows, whatever the groups: a block walks through the groups that
 * it meets, found by bisection in the offsets, which may have been made on the device. So skewed
 * groups cost no more than equal ones, nothing is padded and no list of tiles is needed.
 *
 * CPU: one work-item per work-group and explicit vectors. A panel of NV vectors of columns of the
 * weights is copied to private memory, where its rows are adjacent (a row of W is N floats away
 * from the next, and powers of two share few sets of a cache); then MR rows at a time are
 * multiplied by it in MR * NV accumulators that never leave registers, while the rows of the next
 * tile and the lines to be written are asked for bit by bit. GPU: 64 x 64 tiles of 256 work-items,
 * 4 x 4 each, operands staged in local memory.
 *
 * Gradient of the weights: dW[g] = X_g^T dY_g is summed by chunks of rows. Chunk c meets group g in
 * at most one range, and (c, g) -> c + g is one to one on the staircase of pairs that do meet, so
 * that each range has a matrix of its own among chunks + groups - 1; a second kernel adds those of
 * a group in the order of the chunks. Row K of such a matrix holds the column sums: the bias.
 *
 * Only the kernels of the variant that is built are compiled: they are told apart by its tunables.
 */

#define UNROLL _Pragma("unroll")

/* The last group that starts at or before `row`, 0 if none does. */
static inline int group_of(__global const int *offsets, int groups, int row)
{
    int low = 0, high = groups;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (offsets[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Row of a table that row i of a group reads or is scaled by. */
static inline int row_of(__global const int *index, int i) { return index ? index[i] : i; }

static inline float scale_of(__global const float *scale, __global const int *index, int i)
{
    return scale ? scale[row_of(index, i)] : 1.0f;
}

#ifdef AHEAD
/* One access of the width of a vector, aligned to a float: vload and vstore take it apart on PoCL.
 */
typedef floatv __attribute__((aligned(4))) floatu;
#define AT(pointer) (*(__global floatu *)(pointer))
#define READ(pointer) (*(__global const floatu *)(pointer))

#if AHEAD > 0
#define PREFETCH(pointer, write) __builtin_prefetch((const void *)(size_t)(pointer), write, 3)
#else
#define PREFETCH(pointer, write)
#endif

static inline floatv load_columns(__global const float *from, int count)
{
    if (count >= VEC) return READ(from);
    return count > 0 ? clm_load(from, count) : (floatv)(0.0f);
}

static inline void store_columns(floatv value, __global float *to, int count)
{
    if (count >= VEC)
        AT(to) = value;
    else if (count > 0)
        clm_store(value, to, count);
}
#endif

/* ---- y = act(x w + bias) * scale * multiply ---- */

#ifdef MR /* variant cpu: tunables VEC, MR, NV, AHEAD; KMAX, at least K */

enum { LINE = 16 }; /* floats of a cache line */

typedef struct finish {
    __global const float *scale;
    __global const int *scale_index;
    __global const float *multiply;
    __global float *y, *slope;
    int activation;
} finish;

/* `sum`, the product of row `row` at column `column` with `count` columns left, to its place. */
static inline void finish_vector(finish f, floatv sum, int row, size_t column, int count)
{
    if (f.slope) { /* only with the activation: both in one place share their common part */
        store_columns(clm_gelu_slope(sum), f.slope + column, count);
        sum = clm_gelu(sum);
    } else if (f.activation)
        sum = clm_gelu(sum);
    if (f.scale) sum *= scale_of(f.scale, f.scale_index, row);
    if (f.multiply) sum *= load_columns(f.multiply + column, count);
    store_columns(sum, f.y + column, count);
}

/* Rows row .. row + MR - 1, those before `stop`, by a panel of weights that starts with the bias.
 * Rows beyond are computed as copies of the last and not written. */
static inline void tile(const floatv *panel, __global const float *RST x,
                        __global const int *RST gather, finish f, int row, int stop, int last,
                        int depth, int columns, int column)
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
    for (int line = 0; line < depth; line += LINE) {
        UNROLL
        for (int i = 0; i < MR; i++) {
            PREFETCH(next[i] + line, 0);
            if (line < NV * VEC && row + i < stop)
                PREFETCH(f.y + (size_t)(row + i) * (size_t)columns + column + line, 1);
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
    const size_t first = (size_t)row * (size_t)columns + (size_t)column;
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
        for (int v = 0; v < NV; v++)
            finish_vector(f, done[i][v], row + i,
                          first + (size_t)i * (size_t)columns + (size_t)(v * VEC), count - v * VEC);
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
        for (int row = first; row < stop; row += MR)
            tile(panel, x, gather, f, row, stop, end - 1, depth, columns, column);
    }
}
#endif

#ifdef TILE /* variants gpu of both operators: TILE is 64 */
enum { STEP = 16, SIDE = TILE / 4 };

/* sum += a^T b over the STEP rows of two staged tiles, 4 x 4 of them in this work-item. */
static inline void multiply_staged(__local const float (*a)[TILE + 4],
                                   __local const float (*b)[TILE + 4], float4 *sum)
{
    const int at = 4 * (int)get_local_id(1), bt = 4 * (int)get_local_id(0);
    for (int k = 0; k < STEP; k++) {
        const float4 left = vload4(0, &a[k][at]), right = vload4(0, &b[k][bt]);
        sum[0] = fma((float4)(left.s0), right, sum[0]);
        sum[1] = fma((float4)(left.s1), right, sum[1]);
        sum[2] = fma((float4)(left.s2), right, sum[2]);
        sum[3] = fma((float4)(left.s3), right, sum[3]);
    }
}
#endif

#ifdef GEMM_GPU
__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
grouped_gemm_f32_gpu(__global const float *RST x, __global const float *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const float *multiply,
                     __global float *y, __global float *RST slope, int rows, int groups, int depth,
                     int columns, int activation)
{
    __local float a[STEP][TILE + 4], b[STEP][TILE + 4];
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    const int column = (int)get_group_id(0) * TILE, begin = (int)get_group_id(1) * TILE;
    const int end = min(min(begin + TILE, rows), offsets[groups]);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        __global const float *weight = w + (size_t)g * (size_t)depth * (size_t)columns;
        float4 sum[4] = {(float4)(0.0f), (float4)(0.0f), (float4)(0.0f), (float4)(0.0f)};
        for (int k = 0; k < (first < stop ? depth : 0); k += STEP) {
            for (int e = item; e < STEP * TILE; e += SIDE * SIDE) {
                const int ak = k + e % STEP, row = begin + e / STEP, bk = k + e / TILE,
                          n = column + e % TILE;
                a[e % STEP][e / STEP] = ak < depth && row >= first && row < stop
                                            ? x[(size_t)row_of(gather, row) * (size_t)depth + ak]
                                            : 0.0f;
                b[e / TILE][e % TILE] =
                    bk < depth && n < columns ? weight[(size_t)bk * (size_t)columns + n] : 0.0f;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            multiply_staged(a, b, sum);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        for (int i = 0; i < 4; i++) {
            const int row = begin + 4 * (int)get_local_id(1) + i;
            const float lane[4] = {sum[i].s0, sum[i].s1, sum[i].s2, sum[i].s3};
            for (int j = 0; j < 4; j++) {
                const int n = column + 4 * (int)get_local_id(0) + j;
                if (row < first || row >= stop || n >= columns) continue;
                const size_t at = (size_t)row * (size_t)columns + (size_t)n;
                float value = lane[j] + (bias ? bias[(size_t)g * (size_t)columns + n] : 0.0f);
                if (slope) slope[at] = clm_gelu_slope(value);
                if (activation) value = clm_gelu(value);
                value *= scale_of(scale, scale_index, row);
                y[at] = multiply ? value * multiply[at] : value;
            }
        }
    }
}
#endif

#ifdef GEMM_PLAIN
/* One work-item per element of y. */
__kernel void
grouped_gemm_f32_plain(__global const float *RST x, __global const float *RST w,
                       __global const float *RST bias, __global const int *RST offsets,
                       __global const int *RST gather, __global const float *RST scale,
                       __global const int *RST scale_index, __global const float *multiply,
                       __global float *y, __global float *RST slope, int rows, int groups,
                       int depth, int columns, int activation)
{
    const size_t at = get_global_id(0);
    const int row = (int)(at / (size_t)columns), n = (int)(at % (size_t)columns);
    if (row >= rows || row < offsets[0] || row >= offsets[groups]) return;
    const int g = group_of(offsets, groups, row);
    __global const float *from = x + (size_t)row_of(gather, row) * (size_t)depth;
    __global const float *weight = w + (size_t)g * (size_t)depth * (size_t)columns + n;
    float sum = bias ? bias[(size_t)g * (size_t)columns + n] : 0.0f;
    for (int k = 0; k < depth; k++)
        sum = fma(from[k], weight[(size_t)k * (size_t)columns], sum);
    if (slope) slope[at] = clm_gelu_slope(sum);
    if (activation) sum = clm_gelu(sum);
    sum *= scale_of(scale, scale_index, row);
    y[at] = multiply ? sum * multiply[at] : sum;
}
#endif

/* ---- dw[g] = sum over the rows of group g of x^T (scale dy), db[g] = sum of (scale dy) ---- */

#ifdef TK /* variant cpu: tunables VEC, TK, NV, ROWS, AHEAD; KMAX and NMAX, at least K and N */

/* Rows of x in strips of TK columns and scaled rows of dy in panels of NV vectors, each adjacent in
 * memory; missing columns are zeros. */
typedef struct staged {
    float x[(KMAX + TK - 1) / TK][ROWS][TK];
    floatv dy[(NMAX + NV * VEC - 1) / (NV * VEC)][ROWS][NV];
} staged;

static inline void stage_row(staged *s, int r, __global const float *x, __global const float *dy,
                             float scale, int depth, int columns)
{
    int k = 0;
    for (; k + TK <= depth; k += TK) {
        UNROLL
        for (int j = 0; j < TK; j++)
            s->x[k / TK][r][j] = x[k + j];
    }
    for (; k % TK != 0 || k < depth; k++)
        s->x[k / TK][r][k % TK] = k < depth ? x[k] : 0.0f;
    for (int n = 0; n < columns; n += NV * VEC) {
        UNROLL
        for (int v = 0; v < NV; v++)
            s->dy[n / (NV * VEC)][r][v] =
                scale * load_columns(dy + n + v * VEC, columns - n - v * VEC);
    }
}

/* TK rows by NV vectors of dw: adds the products of `rows` staged rows to what is there, or to
 * zero. */
static inline void weight_tile(const float (*x)[TK], const floatv (*dy)[NV], int rows, bool add,
                               __global float *to, int height, int columns, int count)
{
    floatv sum[TK][NV];
    UNROLL
    for (int i = 0; i < TK; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[i][v] = add && i < height ? load_columns(to + (size_t)i * (size_t)columns + v * VEC,
                                                         count - v * VEC)
                                          : (floatv)(0.0f);
    }
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int i = 0; i < TK; i++) {
            UNROLL
            for (int v = 0; v < NV; v++)
                sum[i][v] = fma((floatv)(x[r][i]), dy[r][v], sum[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < TK; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            if (i < height)
                store_columns(sum[i][v], to + (size_t)i * (size_t)columns + v * VEC,
                              count - v * VEC);
    }
}

/* One work-item per chunk of rows. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
grouped_gemm_weight_f32_cpu(__global const float *RST x, __global const int *RST x_gather,
                            __global const float *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int chunk)
{
    staged s;
    const int c = (int)get_global_id(0), begin = c * chunk;
    const int end = min(min(begin + chunk, rows), offsets[groups]);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        __global float *to = partial + (size_t)(c + g) * (size_t)(depth + 1) * (size_t)columns;
        for (int from = first; from < stop; from += ROWS) {
            const int count = min(ROWS, stop - from);
            for (int r = 0; r < count; r++)
                stage_row(&s, r, x + (size_t)row_of(x_gather, from + r) * (size_t)depth,
                          dy + (size_t)row_of(dy_gather, from + r) * (size_t)columns,
                          scale_of(scale, scale_index, from + r), depth, columns);
            for (int n = 0; n < columns; n += NV * VEC) {
                const floatv(*panel)[NV] = s.dy[n / (NV * VEC)];
                for (int k = 0; k < depth; k += TK)
                    weight_tile(s.x[k / TK], panel, count, from > first,
                                to + (size_t)k * (size_t)columns + n, depth - k, columns,
                                columns - n);
                UNROLL
                for (int v = 0; v < NV; v++) {
                    __global float *bias = to + (size_t)depth * (size_t)columns + n + v * VEC;
                    const int left = columns - n - v * VEC;
                    floatv sum = from > first ? load_columns(bias, left) : (floatv)(0.0f);
                    for (int r = 0; r < count; r++)
                        sum += panel[r][v];
                    store_columns(sum, bias, left);
                }
            }
        }
    }
}
#endif

#ifdef WEIGHT_GPU
/* One work-group per 64 columns of dy, 64 columns of x and chunk of rows. */
__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
grouped_gemm_weight_f32_gpu(__global const float *RST x, __global const int *RST x_gather,
                            __global const float *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int chunk)
{
    __local float a[STEP][TILE + 4], b[STEP][TILE + 4];
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    const int column = (int)get_group_id(0) * TILE, height = (int)get_group_id(1) * TILE;
    const int c = (int)get_group_id(2), begin = c * chunk;
    const int end = min(min(begin + chunk, rows), offsets[groups]);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue; /* the same for all work-items */
        __global float *to = partial + (size_t)(c + g) * (size_t)(depth + 1) * (size_t)columns;
        float4 sum[4] = {(float4)(0.0f), (float4)(0.0f), (float4)(0.0f), (float4)(0.0f)};
        float bias = 0.0f;
        for (int from = first; from < stop; from += STEP) {
            for (int e = item; e < STEP * TILE; e += SIDE * SIDE) {
                const int r = from + e / TILE, k = height + e % TILE, n = column + e % TILE;
                a[e / TILE][e % TILE] = r < stop && k < depth
                                            ? x[(size_t)row_of(x_gather, r) * (size_t)depth + k]
                                            : 0.0f;
                b[e / TILE][e % TILE] =
                    r < stop && n < columns
                        ? scale_of(scale, scale_index, r) *
                              dy[(size_t)row_of(dy_gather, r) * (size_t)columns + n]
                        : 0.0f;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            multiply_staged(a, b, sum);
            if (height == 0 && item < TILE)
                for (int r = 0; r < STEP; r++)
                    bias += b[r][item];
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        for (int i = 0; i < 4; i++) {
            const int k = height + 4 * (int)get_local_id(1) + i;
            const float lane[4] = {sum[i].s0, sum[i].s1, sum[i].s2, sum[i].s3};
            for (int j = 0; j < 4; j++) {
                const int n = column + 4 * (int)get_local_id(0) + j;
                if (k < depth && n < columns) to[(size_t)k * (size_t)columns + n] = lane[j];
            }
        }
        if (height == 0 && item < TILE && column + item < columns)
            to[(size_t)depth * (size_t)columns + column + item] = bias;
    }
}
#endif

#ifdef WEIGHT_SUM
/* One work-item per vector of dw or db (the row after the last) and group. */
__kernel void grouped_gemm_weight_sum_f32(__global const float *RST partial,
                                          __global const int *RST offsets, __global float *RST dw,
                                          __global float *RST db, int rows, int depth, int columns,
                                          int chunk)
{
    const int size = depth * columns, of_weight = (size + VEC - 1) / VEC,
              of_bias = (columns + VEC - 1) / VEC;
    int at = (int)get_global_id(0);
    const size_t g = get_global_id(1);
    if (at >= of_weight + (db ? of_bias : 0)) return;
    const bool bias = at >= of_weight;
    at = VEC * (at - (bias ? of_weight : 0));
    const int count = (bias ? columns : size) - at;
    const int first = offsets[g], stop = min(offsets[g + 1], rows);
    floatv sum = (floatv)(0.0f);
    if (first < stop)
        for (int c = first / chunk; c <= (stop - 1) / chunk; c++)
            sum += clm_load(partial + ((size_t)c + g) * (size_t)(size + columns) +
                                (bias ? size : 0) + at,
                            count);
    clm_store(sum, bias ? db + g * (size_t)columns + at : dw + g * (size_t)size + at, count);
}
#endif

#ifdef WEIGHT_PLAIN
/* One work-item per element of dw and db (the row after the last) and group. */
__kernel void
grouped_gemm_weight_f32_plain(__global const float *RST x, __global const int *RST x_gather,
                              __global const float *RST dy, __global const int *RST dy_gather,
                              __global const float *RST scale, __global const int *RST scale_index,
                              __global const int *RST offsets, __global float *RST dw,
                              __global float *RST db, int depth, int columns)
{
    const size_t at = get_global_id(0), size = (size_t)depth * (size_t)columns,
                 g = get_global_id(1);
    if (at >= (db ? size + (size_t)columns : size)) return;
    const size_t k = at / (size_t)columns, n = at % (size_t)columns;
    float sum = 0.0f;
    for (int r = offsets[g]; r < offsets[g + 1]; r++) {
        const float value = scale_of(scale, scale_index, r) *
                            dy[(size_t)row_of(dy_gather, r) * (size_t)columns + n];
        sum =
            fma(at < size ? x[(size_t)row_of(x_gather, r) * (size_t)depth + k] : 1.0f, value, sum);
    }
    if (at < size)
        dw[g * size + at] = sum;
    else
        db[g * (size_t)columns + at - size] = sum;
}
#endif
