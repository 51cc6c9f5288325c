/* Gradient of the weights of grouped_gemm: dW[g] = X_g^T dY_g and the column sums of dY, summed by
 * chunks of rows. Chunk c meets group g in at most one range, and (c, g) -> c + g is one to one on
 * the staircase of pairs that do meet, so that each range has a matrix of its own among chunks +
 * groups - 1; a second kernel adds those of a group in the order of the chunks. Such a matrix is
 * padded to whole tiles, and its last row holds the column sums: the bias.
 */

#ifdef TK
/* Rows of each of `chunks` chunks, all of about as many: of rows before the end of the last group,
 * which need not be all there is room for. */
static inline int chunk_of(__global const int *offsets, int groups, int rows, int chunks)
{
    return max((min(offsets[groups], rows) + chunks - 1) / chunks, 1);
}
#endif

#ifdef TK /* variant cpu: tunables VEC, TK, NV, ROWS, AHEAD; KMAX at least K, BLOCK columns of
         a work-item, NMAX at least those */
enum { WIDTH = NV * VEC };

#define VECTOR_OF(lanes) VECTOR_OF_(lanes)
#define VECTOR_OF_(lanes) float##lanes
typedef VECTOR_OF(TK) strip;
typedef strip __attribute__((aligned(4))) stripu;
#define REALS_OF(lanes) REALS_OF_(lanes)
#define REALS_OF_(lanes) real##lanes
#define WIDEN_OF(lanes) WIDEN_OF_(lanes)
#define WIDEN_OF_(lanes) clm_widen##lanes
typedef REALS_OF(TK) __attribute__((aligned(sizeof(real)))) realsu;

/* Rows of x in strips of TK columns and scaled rows of dy in panels of WIDTH, each adjacent in
 * memory; what is missing to a strip or panel is zero. Strips are a little longer than they need to
 * be: powers of two apart they would lie in the same set of a cache. */
typedef struct staged {
    strip x[KMAX / TK][ROWS + 64 / TK];
    floatv dy[NMAX / WIDTH][ROWS + 1][NV];
} staged;

static inline void stage_row(staged *s, int r, __global const real *x, __global const real *dy,
                             float scale, int depth, int columns)
{
    int k = 0;
    for (; k + TK <= depth; k += TK)
        s->x[k / TK][r] = WIDEN_OF(TK)(*(__global const realsu *)(x + k));
    if (k < depth) {
        float rest[TK];
        UNROLL
        for (int j = 0; j < TK; j++)
            rest[j] = k + j < depth ? clm_widen(x[k + j]) : 0.0f;
        s->x[k / TK][r] = *(const stripu *)rest;
    }
    for (int v = 0; v * VEC < columns || v % NV != 0; v++)
        s->dy[v / NV][r][v % NV] = scale * load_reals(dy + v * VEC, columns - v * VEC);
}

/* Adds the products of `rows` staged rows to TK rows by NV vectors of a padded matrix; `fresh`: sets
 * them. */
static __attribute__((noinline)) void weight_tile(const strip *x, const floatv (*dy)[NV], int rows,
                                                  __global float *to, int stride, bool fresh)
{
    floatv sum[TK][NV];
    UNROLL
    for (int i = 0; i < TK; i++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[i][v] = fresh ? (floatv)(0.0f) : READ(to + i * stride + v * VEC);
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

/* One work-item per chunk of rows and block of columns. Next to each tile, some of the rows to be
 * staged next are asked for. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
grouped_gemm_weight_f32_cpu(__global const real *RST x, __global const int *RST x_gather,
                            __global const real *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int height, int stride, int chunks)
{
    staged s;
    const int chunk = chunk_of(offsets, groups, rows, chunks);
    const int c = (int)get_global_id(0), begin = c * chunk, left = (int)get_global_id(1) * BLOCK;
    const int end = min(min(begin + chunk, rows), offsets[groups]), wide = min(BLOCK, columns - left);
    const int panels = (wide + WIDTH - 1) / WIDTH, strips = (depth + TK - 1) / TK;
    const int tiles = panels * strips;
    for (int g = group_of(offsets, groups, begin); g < groups && offsets[g] < end; g++) {
        const int first = max(begin, offsets[g]), stop = min(end, offsets[g + 1]);
        if (first >= stop) continue;
        __global float *to =
            partial + (size_t)(c + g) * (size_t)(height + 1) * (size_t)stride + left;
        for (int from = first; from < stop; from += ROWS) {
            const int count = min(ROWS, stop - from);
            const bool fresh = from == first;
            for (int r = 0; r < count; r++)
                stage_row(&s, r, x + (size_t)row_of(x_gather, from + r) * (size_t)depth,
                          dy + (size_t)row_of(dy_gather, from + r) * (size_t)columns + left,
                          scale_of(scale, scale_index, from + r), depth, wide);
            int ahead = from + count;
            const int asked = min(ROWS, end - ahead);
            for (int t = 0; t < tiles; t++) {
                const int k = t % strips, n = t / strips;
#if AHEAD > 0
                for (const int until = from + count + asked * (t + 1) / tiles; ahead < until;
                     ahead++) {
                    __global const real *next =
                        x + (size_t)row_of(x_gather, ahead) * (size_t)depth;
                    for (int j = 0; j < depth; j += LINE)
                        PREFETCH(next + j, 0);
                    next = dy + (size_t)row_of(dy_gather, ahead) * (size_t)columns + left;
                    for (int j = 0; j < wide; j += LINE)
                        PREFETCH(next + j, 0);
                }
#endif
                weight_tile(s.x[k], s.dy[n], count, to + k * TK * stride + n * WIDTH, stride,
                            fresh);
            }
            for (int v = 0; v < panels * NV; v++) {
                floatv sum = fresh ? (floatv)(0.0f) : READ(to + height * stride + v * VEC);
                for (int r = 0; r < count; r++)
                    sum += s.dy[v / NV][r][v % NV];
                AT(to + height * stride + v * VEC) = sum;
            }
        }
    }
}
#endif

#ifdef WEIGHT_SUM
/* One work-item per vector of a row of dw, or of db (the row after the last), and group. size: rows
 * of a chunk, or in the variant cpu the number of chunks. */
__kernel void grouped_gemm_weight_sum_f32(__global const float *RST partial,
                                          __global const int *RST offsets, __global float *RST dw,
                                          __global float *RST db, int rows, int depth, int columns,
                                          int height, int stride, int size)
{
#ifdef TK
    const int chunk = chunk_of(offsets, get_global_size(1), rows, size);
#else
    const int chunk = size;
#endif
    const int vectors = (columns + VEC - 1) / VEC, item = (int)get_global_id(0);
    const int k = item / vectors, n = item % vectors * VEC;
    const size_t g = get_global_id(1);
    if (k > depth || (k == depth && !db)) return;
    const int first = offsets[g], stop = min(offsets[g + 1], rows);
    __global const float *from = partial + (k < depth ? k : height) * stride + n;
    floatv sum = (floatv)(0.0f);
#ifdef TK /* chunks of all rows, hence cut by the groups; else pieces of each group's */
    const int last = (stop - 1) / chunk;
#else
    const int last = first / chunk + (stop - first - 1) / chunk;
#endif
    if (first < stop)
        for (int c = first / chunk; c <= last; c++)
            sum += vloadv(0, from + ((size_t)c + g) * (size_t)(height + 1) * (size_t)stride);
    __global float *to = k < depth ? dw + (g * (size_t)depth + (size_t)k) * (size_t)columns
                                   : db + g * (size_t)columns;
    clm_store(sum, to + n, columns - n);
}
#endif

#ifdef WEIGHT_PLAIN
/* One work-item per element of dw and db (the row after the last) and group. */
__kernel void
grouped_gemm_weight_f32_plain(__global const real *RST x, __global const int *RST x_gather,
                              __global const real *RST dy, __global const int *RST dy_gather,
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
                            clm_widen(dy[(size_t)row_of(dy_gather, r) * (size_t)columns + n]);
        const size_t from = (size_t)row_of(x_gather, r) * (size_t)depth;
        sum = fma(at < size ? clm_widen(x[from + k]) : 1.0f, value, sum);
    }
    if (at < size)
        dw[g * size + at] = sum;
    else
        db[g * (size_t)columns + at - size] = sum;
}
#endif
