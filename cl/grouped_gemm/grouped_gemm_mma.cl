/* grouped_gemm and the gradient of its weights on matrix units (cl/mma.clh): a work-group of four
 * warps computes a tile of ROWS x COLUMNS of one group, STEP terms of the sums at a time, while the
 * STAGES - 1 steps to come are being copied to local memory. Rows are gathered by the copies.
 *
 * PASSES 1: operands rounded to TF32, 10 bits of mantissa. PASSES 3: operands in two parts, products
 * as good as float's (clm_mma_3xtf32).
 *
 * Local memory is read without conflicts of banks: chunks of four floats lie at places that an
 * exclusive or with their row's number moves.
 *
 * Has run emulated only, on CPUs: on no GPU yet. */

#ifdef MMA
enum {
    HIGH = ROWS / 32,    /* fragments of a warp, one of two above the other */
    WIDE = COLUMNS / 16, /* and side by side */
    LEFT = ROWS * STEP,  /* floats of a stage's left tile, its right one, and their copies by item */
    RIGHT = COLUMNS * STEP,
    LEFT_COPIES = LEFT / (4 * MMA),
    RIGHT_COPIES = RIGHT / (4 * MMA),
};

/* Place of an element in a tile whose rows are terms of the sums, `width` to a row. */
static inline int term_at(int k, int i, int width) { return k * width + (i ^ 8 * (k & 3)); }

/* Place of an element in a tile whose rows are rows of x, STEP terms to a row. */
static inline int row_at(int row, int k)
{
    return row * STEP + (k ^ 4 * (row * STEP / 32 & (STEP / 4 - 1)));
}

/* The fragment's words as TF32; in two parts where there are passes for them. */
static inline void split(const uint *words, int n, uint *big, uint *small)
{
    MMA_UNROLL
    for (int i = 0; i < n; i++) {
#if PASSES == 3
        clm_split(as_float(words[i]), &big[i], &small[i]);
#else
        big[i] = clm_tf32(as_float(words[i]));
#endif
    }
}

static inline void add_product(float *sum, const uint *a, const uint *a_small, const uint *b,
                               const uint *b_small, __local uint *exchange)
{
#if PASSES == 3
    clm_mma_3xtf32(sum, a, a_small, b, b_small, exchange);
#else
    clm_mma_tf32(sum, a, b, exchange);
#endif
}

static inline int warp_top(void) { return (int)get_local_id(0) / WARP / 2 * (ROWS / 2); }
static inline int warp_left(void) { return (int)get_local_id(0) / WARP % 2 * (COLUMNS / 2); }

/* sum += left right over the STEP terms of a stage. WEIGHT: the left tile's rows are terms too, and
 * `factor` scales the right one's. */
static inline void multiply_stage(__local const float *left, __local const float *right,
                                  __local const float *factor, float (*sum)[WIDE][4],
                                  __local uint *exchange)
{
    const int lane = (int)get_local_id(0) % WARP, row = lane / 4, column = lane % 4;
    MMA_UNROLL
    for (int k = 0; k < STEP; k += 8) {
        uint a[HIGH][4], a_small[HIGH][4];
        MMA_UNROLL
        for (int i = 0; i < HIGH; i++) {
            uint words[4];
#ifdef WEIGHT
            const int m = warp_top() + 16 * i + row;
            MMA_UNROLL
            for (int j = 0; j < 4; j++)
                words[j] = as_uint(left[term_at(k + column + j / 2 * 4, m + j % 2 * 8, ROWS)]);
#else
            const int m = warp_top() + 16 * i + lane % 16;
            clm_load_matrices(words, left + row_at(m, k + lane / 16 * 4), exchange);
#endif
            split(words, 4, a[i], a_small[i]);
        }
        MMA_UNROLL
        for (int j = 0; j < WIDE; j++) {
            const int n = warp_left() + 8 * j + row;
            uint b[2], b_small[2];
            uint words[2];
            MMA_UNROLL
            for (int i = 0; i < 2; i++) {
                const int term = k + column + 4 * i;
                const float value = right[term_at(term, n, COLUMNS)];
#ifdef WEIGHT
                words[i] = as_uint(factor[term] * value);
#else
                words[i] = as_uint(value);
#endif
            }
            split(words, 2, b, b_small);
            MMA_UNROLL
            for (int i = 0; i < HIGH; i++)
                add_product(sum[i][j], a[i], a_small[i], b, b_small, exchange);
        }
    }
}

static inline void clear(float (*sum)[WIDE][4])
{
    MMA_UNROLL
    for (int i = 0; i < HIGH; i++) {
        MMA_UNROLL
        for (int j = 0; j < WIDE; j++) {
            MMA_UNROLL
            for (int c = 0; c < 4; c++)
                sum[i][j][c] = 0.0f;
        }
    }
}

#ifndef WEIGHT
/* Starts to copy terms k ... of the tile's rows of x; source is the row of x, -1 for none. */
static inline void copy_rows(clm_copies *copies, __local float *to, __global const float *x,
                             const int *source, int k, int depth)
{
    const int item = (int)get_local_id(0), term = 4 * (item % (STEP / 4));
    MMA_UNROLL
    for (int i = 0; i < LEFT_COPIES; i++) {
        const bool zeros = k + term >= depth || source[i] < 0;
        const size_t from = zeros ? 0 : (size_t)source[i] * (size_t)depth + (size_t)(k + term);
        clm_copy(copies, to + row_at(item / (STEP / 4) + i * (4 * MMA / STEP), term), x + from, zeros);
    }
}

/* The same of the tile's columns of the weights. */
static inline void copy_weights(clm_copies *copies, __local float *to, __global const float *weight,
                                int k, int depth, int column, int columns)
{
    const int item = (int)get_local_id(0), n = 4 * (item % (COLUMNS / 4));
    MMA_UNROLL
    for (int i = 0; i < RIGHT_COPIES; i++) {
        const int term = item / (COLUMNS / 4) + i * (4 * MMA / COLUMNS);
        const bool zeros = k + term >= depth || column + n >= columns;
        const size_t from = zeros ? 0 : (size_t)(k + term) * (size_t)columns + (size_t)(column + n);
        clm_copy(copies, to + term_at(term, n, COLUMNS), weight + from, zeros);
    }
}

__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
grouped_gemm_f32_mma(__global const float *RST x, __global const float *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const float *multiply,
                     __global float *y, __global float *RST slope, int rows, int groups, int depth,
                     int columns, int activation)
{
    __local float tile[STAGES][LEFT + RIGHT] __attribute__((aligned(16)));
    CLM_MMA_MEMORY
    const int item = (int)get_local_id(0), lane = item % WARP;
    const int column = (int)get_group_id(0) * COLUMNS;
    const piece p = piece_of(offsets, groups, (int)get_group_id(1), ROWS);
    const int steps = p.first < p.stop ? (depth + STEP - 1) / STEP : 0;
    __global const float *weight = w + (size_t)p.group * (size_t)depth * (size_t)columns;
    int source[LEFT_COPIES];
    MMA_UNROLL
    for (int i = 0; i < LEFT_COPIES; i++) {
        const int row = p.first + item / (STEP / 4) + i * (4 * MMA / STEP);
        source[i] = row < p.stop ? row_of(gather, row) : -1;
    }
    float sum[HIGH][WIDE][4];
    clear(sum);
    for (int s = 0; s < STAGES - 1; s++) {
        if (s < steps) {
            copy_rows(&copies, tile[s], x, source, s * STEP, depth);
            copy_weights(&copies, tile[s] + LEFT, weight, s * STEP, depth, column, columns);
        }
        CLM_COMMIT_COPIES(&copies);
    }
    for (int s = 0; s < steps; s++) {
        CLM_WAIT_COPIES(&copies, STAGES - 2);
        barrier(CLK_LOCAL_MEM_FENCE); /* and the stage of the step before may be overwritten */
        const int next = s + STAGES - 1;
        if (next < steps) {
            copy_rows(&copies, tile[next % STAGES], x, source, next * STEP, depth);
            copy_weights(&copies, tile[next % STAGES] + LEFT, weight, next * STEP, depth, column,
                         columns);
        }
        CLM_COMMIT_COPIES(&copies);
        multiply_stage(tile[s % STAGES], tile[s % STAGES] + LEFT, 0, sum, exchange);
    }
    MMA_UNROLL
    for (int i = 0; i < HIGH * 2; i++) {
        const int row = p.first + warp_top() + 8 * i + lane / 4;
        if (row >= p.stop) continue;
        const float factor = scale_of(scale, scale_index, row);
        MMA_UNROLL
        for (int j = 0; j < WIDE; j++) {
            const int n = column + warp_left() + 8 * j + lane % 4 * 2;
            if (n >= columns) continue;
            const size_t at = (size_t)row * (size_t)columns + (size_t)n;
            float2 value = (float2)(sum[i / 2][j][i % 2 * 2], sum[i / 2][j][i % 2 * 2 + 1]);
            if (bias) value += vload2(0, bias + (size_t)p.group * (size_t)columns + n);
            if (slope)
                vstore2((float2)(clm_gelu_slope(value.x), clm_gelu_slope(value.y)), 0, slope + at);
            if (activation) value = (float2)(clm_gelu(value.x), clm_gelu(value.y));
            value *= factor;
            vstore2(multiply ? value * vload2(0, multiply + at) : value, 0, y + at);
        }
    }
}

#else
/* Rows of `from` that this work-item copies next, -1 for none. */
static inline void find_rows(int *source, int n, int per_copy, int width,
                             __global const int *gather, int from, int stop)
{
    MMA_UNROLL
    for (int i = 0; i < n; i++) {
        const int r = from + (int)get_local_id(0) / (width / 4) + i * per_copy;
        source[i] = r < stop ? row_of(gather, r) : -1;
    }
}

/* Starts to copy `width` columns of those rows. */
static inline void copy_terms(clm_copies *copies, __local float *to, __global const float *table,
                              const int *source, int n, int per_copy, int width, int column,
                              int columns)
{
    const int item = (int)get_local_id(0), at = 4 * (item % (width / 4));
    MMA_UNROLL
    for (int i = 0; i < n; i++) {
        const bool zeros = source[i] < 0 || column + at >= columns;
        const size_t from = zeros ? 0 : (size_t)source[i] * (size_t)columns + (size_t)(column + at);
        clm_copy(copies, to + term_at(item / (width / 4) + i * per_copy, at, width), table + from,
                 zeros);
    }
}

/* What the copies of a stage need, looked up one stage ahead. */
typedef struct ahead {
    int x[LEFT_COPIES], dy[RIGHT_COPIES];
    float scale; /* of row `item` of the stage */
} ahead;

#define LOOK_UP(a, from)                                                                           \
    find_rows((a).x, LEFT_COPIES, 4 * MMA / ROWS, ROWS, x_gather, from, p.stop);                   \
    find_rows((a).dy, RIGHT_COPIES, 4 * MMA / COLUMNS, COLUMNS, dy_gather, from, p.stop);          \
    (a).scale = item < STEP && (from) + item < p.stop                                              \
                    ? scale_of(scale, scale_index, (from) + item)                                  \
                    : 0.0f

#define COPY(a, stage)                                                                             \
    copy_terms(&copies, tile[stage], x, (a).x, LEFT_COPIES, 4 * MMA / ROWS, ROWS, top, depth);     \
    copy_terms(&copies, tile[stage] + LEFT, dy, (a).dy, RIGHT_COPIES, 4 * MMA / COLUMNS, COLUMNS,  \
               column, columns);                                                                   \
    if (item < STEP) factor[stage][item] = (a).scale

/* A tile of x^T dy over one piece of a group's rows, into the matrix of its slot. Rows are scaled as
 * they are read from local memory. */
__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
grouped_gemm_weight_f32_mma(__global const float *RST x, __global const int *RST x_gather,
                            __global const float *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int height, int stride, int chunk)
{
    __local float tile[STAGES][LEFT + RIGHT] __attribute__((aligned(16)));
    __local float factor[STAGES][STEP];
    CLM_MMA_MEMORY
    const int item = (int)get_local_id(0), lane = item % WARP;
    const int column = (int)get_group_id(0) * COLUMNS, top = (int)get_group_id(1) * ROWS;
    const piece p = piece_of(offsets, groups, (int)get_group_id(2), chunk);
    const int steps = p.first < p.stop ? (p.stop - p.first + STEP - 1) / STEP : 0;
    float sum[HIGH][WIDE][4], bias = 0.0f;
    clear(sum);
    ahead a;
    LOOK_UP(a, p.first);
    for (int s = 0; s < STAGES - 1; s++) {
        if (s < steps) {
            COPY(a, s);
            LOOK_UP(a, p.first + (s + 1) * STEP);
        }
        CLM_COMMIT_COPIES(&copies);
    }
    for (int s = 0; s < steps; s++) {
        CLM_WAIT_COPIES(&copies, STAGES - 2);
        barrier(CLK_LOCAL_MEM_FENCE);
        const int next = s + STAGES - 1, now = s % STAGES;
        if (next < steps) {
            COPY(a, next % STAGES);
            LOOK_UP(a, p.first + (next + 1) * STEP);
        }
        CLM_COMMIT_COPIES(&copies);
        multiply_stage(tile[now], tile[now] + LEFT, factor[now], sum, exchange);
        if (top == 0 && item < COLUMNS)
            for (int r = 0; r < STEP; r++)
                bias += factor[now][r] * tile[now][LEFT + term_at(r, item, COLUMNS)];
    }
    if (steps > 0) {
        __global float *to =
            partial + (size_t)get_group_id(2) * (size_t)(height + 1) * (size_t)stride;
        MMA_UNROLL
        for (int i = 0; i < HIGH * 2; i++) {
            const int k = top + warp_top() + 8 * i + lane / 4;
            MMA_UNROLL
            for (int j = 0; j < WIDE; j++) {
                const int n = column + warp_left() + 8 * j + lane % 4 * 2;
                const float2 value =
                    (float2)(sum[i / 2][j][i % 2 * 2], sum[i / 2][j][i % 2 * 2 + 1]);
                if (k < depth && n < columns) vstore2(value, 0, to + k * stride + n);
            }
        }
        if (top == 0 && item < COLUMNS && column + item < columns)
            to[height * stride + column + item] = bias;
    }
}
#endif
#endif
