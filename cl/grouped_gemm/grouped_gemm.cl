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
 * a group in the order of the chunks. Such a matrix is padded to whole tiles, and its last row
 * holds the column sums: the bias.
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
enum { LINE = 16 }; /* floats of a cache line */

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
enum { WIDTH = NV * VEC };

#define VECTOR_OF(lanes) VECTOR_OF_(lanes)
#define VECTOR_OF_(lanes) float##lanes
typedef VECTOR_OF(TK) strip;
typedef strip __attribute__((aligned(4))) stripu;

/* Rows of x in strips of TK columns and scaled rows of dy in panels of WIDTH, each adjacent in
 * memory; what is missing to a strip or panel is zero. Strips are a little longer than they need to
 * be: powers of two apart they would lie in the same set of a cache. */
typedef struct staged {
    strip x[KMAX / TK][ROWS + 64 / TK];
    floatv dy[NMAX / WIDTH][ROWS + 1][NV];
} staged;

static inline void stage_row(staged *s, int r, __global const float *x, __global const float *dy,
                             float scale, int depth, int columns)
{
    int k = 0;
    for (; k + TK <= depth; k += TK)
        s->x[k / TK][r] = *(__global const stripu *)(x + k);
    if (k < depth) {
        float rest[TK];
        UNROLL
        for (int j = 0; j < TK; j++)
            rest[j] = k + j < depth ? x[k + j] : 0.0f;
        s->x[k / TK][r] = *(const stripu *)rest;
    }
    for (int v = 0; v * VEC < columns || v % NV != 0; v++)
        s->dy[v / NV][r][v % NV] = scale * load_columns(dy + v * VEC, columns - v * VEC);
}

/* Adds the products of `rows` staged rows to TK rows by NV vectors of a padded matrix. */
static __attribute__((noinline)) void weight_tile(const strip *x, const floatv (*dy)[NV], int rows,
                                                  __global float *to, int stride)
{
    floatv sum[TK][NV];
    UNROLL
    for (int i = 0; i < TK; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[i][v] = READ(to + i * stride + v * VEC);
    }
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int i = 0; i < TK; i++) {
            UNROLL
            for (int v = 0; v < NV; v++)
                sum[i][v] = fma((floatv)(((const float *)(x + r))[i]), dy[r][v], sum[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < TK; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            AT(to + i * stride + v * VEC) = sum[i][v];
    }
}

/* One work-item per chunk of rows. Next to each tile, some of the rows to be staged next are asked
 * for. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
grouped_gemm_weight_f32_cpu(__global const float *RST x, __global const int *RST x_gather,
                            __global const float *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int height, int stride, int chunk)
{
    staged s;
    const int c = (int)get_global_id(0), begin = c * chunk;
    const int end = min(min(begin + chunk, rows), offsets[groups]);
    const int panels = (columns + WIDTH - 1) / WIDTH, strips = (depth + TK - 1) / TK;
    const int tiles = panels * strips;
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue;
        __global float *to = partial + (size_t)(c + g) * (size_t)(height + 1) * (size_t)stride;
        for (int i = 0; i < (height + 1) * stride; i += VEC)
            AT(to + i) = (floatv)(0.0f);
        for (int from = first; from < stop; from += ROWS) {
            const int count = min(ROWS, stop - from);
            for (int r = 0; r < count; r++)
                stage_row(&s, r, x + (size_t)row_of(x_gather, from + r) * (size_t)depth,
                          dy + (size_t)row_of(dy_gather, from + r) * (size_t)columns,
                          scale_of(scale, scale_index, from + r), depth, columns);
            int ahead = from + count;
            const int asked = min(ROWS, end - ahead);
            for (int t = 0; t < tiles; t++) {
                const int k = t % strips, n = t / strips;
#if AHEAD > 0
                for (const int until = from + count + asked * (t + 1) / tiles; ahead < until;
                     ahead++) {
                    __global const float *next =
                        x + (size_t)row_of(x_gather, ahead) * (size_t)depth;
                    for (int j = 0; j < depth; j += LINE)
                        PREFETCH(next + j, 0);
                    next = dy + (size_t)row_of(dy_gather, ahead) * (size_t)columns;
                    for (int j = 0; j < columns; j += LINE)
                        PREFETCH(next + j, 0);
                }
#endif
                weight_tile(s.x[k], s.dy[n], count, to + k * TK * stride + n * WIDTH, stride);
            }
            for (int v = 0; v < panels * NV; v++) {
                floatv sum = READ(to + height * stride + v * VEC);
                for (int r = 0; r < count; r++)
                    sum += s.dy[v / NV][r][v % NV];
                AT(to + height * stride + v * VEC) = sum;
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
                            int groups, int depth, int columns, int height, int stride, int chunk)
{
    __local float a[STEP][TILE + 4], b[STEP][TILE + 4];
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    const int column = (int)get_group_id(0) * TILE, top = (int)get_group_id(1) * TILE;
    const int c = (int)get_group_id(2), begin = c * chunk;
    const int end = min(min(begin + chunk, rows), offsets[groups]);
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue; /* the same for all work-items */
        __global float *to = partial + (size_t)(c + g) * (size_t)(height + 1) * (size_t)stride;
        float4 sum[4] = {(float4)(0.0f), (float4)(0.0f), (float4)(0.0f), (float4)(0.0f)};
        float bias = 0.0f;
        for (int from = first; from < stop; from += STEP) {
            for (int e = item; e < STEP * TILE; e += SIDE * SIDE) {
                const int r = from + e / TILE, k = top + e % TILE, n = column + e % TILE;
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
            if (top == 0 && item < TILE)
                for (int r = 0; r < STEP; r++)
                    bias += b[r][item];
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        for (int i = 0; i < 4; i++) {
            const int k = top + 4 * (int)get_local_id(1) + i;
            const float lane[4] = {sum[i].s0, sum[i].s1, sum[i].s2, sum[i].s3};
            for (int j = 0; j < 4; j++) {
                const int n = column + 4 * (int)get_local_id(0) + j;
                if (k < depth && n < columns) to[k * stride + n] = lane[j];
            }
        }
        if (top == 0 && item < TILE && column + item < columns)
            to[height * stride + column + item] = bias;
    }
}
#endif

#ifdef WEIGHT_SUM
/* One work-item per vector of a row of dw, or of db (the row after the last), and group. */
__kernel void grouped_gemm_weight_sum_f32(__global const float *RST partial,
                                          __global const int *RST offsets, __global float *RST dw,
                                          __global float *RST db, int rows, int depth, int columns,
                                          int height, int stride, int chunk)
{
    const int vectors = (columns + VEC - 1) / VEC, item = (int)get_global_id(0);
    const int k = item / vectors, n = item % vectors * VEC;
    const size_t g = get_global_id(1);
    if (k > depth || (k == depth && !db)) return;
    const int first = offsets[g], stop = min(offsets[g + 1], rows);
    __global const float *from = partial + (k < depth ? k : height) * stride + n;
    floatv sum = (floatv)(0.0f);
    if (first < stop)
        for (int c = first / chunk; c <= (stop - 1) / chunk; c++)
            sum += vloadv(0, from + ((size_t)c + g) * (size_t)(height + 1) * (size_t)stride);
    __global float *to = k < depth ? dw + (g * (size_t)depth + (size_t)k) * (size_t)columns
                                   : db + g * (size_t)columns;
    clm_store(sum, to + n, columns - n);
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
