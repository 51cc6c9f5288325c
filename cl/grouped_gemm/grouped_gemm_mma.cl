/* grouped_gemm and the gradient of its weights on matrix units (cl/mma.clh): a work-group of four
 * warps computes a tile of ROWS x COLUMNS of one group, STEP terms of the sums at a time, while the
 * STAGES - 1 steps to come are being copied to local memory. Rows are gathered by the copies. Tiles
 * and products: grouped_gemm_mma.clh.
 *
 * Has run emulated only, on CPUs: on no GPU yet. */

#ifdef MMA
/* Two elements in one access. */
#define READ_PAIR(from) clm_widen2(*(__global const real2 *)(from))
#define WRITE_PAIR(value, to) (*(__global real2 *)(to) = clm_narrow2(value))

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
static inline void copy_rows(clm_copies *copies, __local real *to, __global const real *x,
                             const int *source, int k, int depth)
{
    const int item = (int)get_local_id(0), term = CHUNK * (item % (STEP / CHUNK));
    MMA_UNROLL
    for (int i = 0; i < LEFT_COPIES; i++) {
        const bool zeros = k + term >= depth || source[i] < 0;
        const size_t from = zeros ? 0 : (size_t)source[i] * (size_t)depth + (size_t)(k + term);
        clm_copy(copies, to + row_at(item / (STEP / CHUNK) + i * (CHUNK * MMA / STEP), term, STEP),
                 x + from, zeros);
    }
}

/* The same of the tile's columns of the weights. */
static inline void copy_weights(clm_copies *copies, __local real *to, __global const real *weight,
                                int k, int depth, int column, int columns)
{
    const int item = (int)get_local_id(0), n = CHUNK * (item % (COLUMNS / CHUNK));
    MMA_UNROLL
    for (int i = 0; i < RIGHT_COPIES; i++) {
        const int term = item / (COLUMNS / CHUNK) + i * (CHUNK * MMA / COLUMNS);
        const bool zeros = k + term >= depth || column + n >= columns;
        const size_t from = zeros ? 0 : (size_t)(k + term) * (size_t)columns + (size_t)(column + n);
        clm_copy(copies, to + term_at(term, n, COLUMNS), weight + from, zeros);
    }
}

__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
grouped_gemm_f32_mma(__global const real *RST x, __global const real *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const real *multiply,
                     __global real *y, __global real *RST slope, int rows, int groups, int depth,
                     int columns, int activation)
{
    __local real tile[STAGES][LEFT + RIGHT] __attribute__((aligned(16)));
    CLM_MMA_MEMORY
    const int item = (int)get_local_id(0), lane = item % WARP;
    const int column = (int)get_group_id(0) * COLUMNS;
    const piece p = piece_of(offsets, groups, (int)get_group_id(1), ROWS);
    const int steps = p.first < p.stop ? (depth + STEP - 1) / STEP : 0;
    __global const real *weight = w + (size_t)p.group * (size_t)depth * (size_t)columns;
    int source[LEFT_COPIES];
    MMA_UNROLL
    for (int i = 0; i < LEFT_COPIES; i++) {
        const int row = p.first + item / (STEP / CHUNK) + i * (CHUNK * MMA / STEP);
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
                WRITE_PAIR((float2)(clm_gelu_slope(value.x), clm_gelu_slope(value.y)), slope + at);
            if (activation) value = (float2)(clm_gelu(value.x), clm_gelu(value.y));
            value *= factor;
            WRITE_PAIR(multiply ? value * READ_PAIR(multiply + at) : value, y + at);
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
        const int r = from + (int)get_local_id(0) / (width / CHUNK) + i * per_copy;
        source[i] = r < stop ? row_of(gather, r) : -1;
    }
}

/* Starts to copy `width` columns of those rows. */
static inline void copy_terms(clm_copies *copies, __local real *to, __global const real *table,
                              const int *source, int n, int per_copy, int width, int column,
                              int columns)
{
    const int item = (int)get_local_id(0), at = CHUNK * (item % (width / CHUNK));
    MMA_UNROLL
    for (int i = 0; i < n; i++) {
        const bool zeros = source[i] < 0 || column + at >= columns;
        const size_t from = zeros ? 0 : (size_t)source[i] * (size_t)columns + (size_t)(column + at);
        clm_copy(copies, to + term_at(item / (width / CHUNK) + i * per_copy, at, width), table + from,
                 zeros);
    }
}

/* What the copies of a stage need, looked up one stage ahead. */
typedef struct ahead {
    int x[LEFT_COPIES], dy[RIGHT_COPIES];
    float scale; /* of row `item` of the stage */
} ahead;

#define LOOK_UP(a, from)                                                                           \
    find_rows((a).x, LEFT_COPIES, CHUNK * MMA / ROWS, ROWS, x_gather, from, p.stop);               \
    find_rows((a).dy, RIGHT_COPIES, CHUNK * MMA / COLUMNS, COLUMNS, dy_gather, from, p.stop);      \
    (a).scale = item < STEP && (from) + item < p.stop                                              \
                    ? scale_of(scale, scale_index, (from) + item)                                  \
                    : 0.0f

#define COPY(a, stage)                                                                             \
    copy_terms(&copies, tile[stage], x, (a).x, LEFT_COPIES, CHUNK * MMA / ROWS, ROWS, top, depth); \
    copy_terms(&copies, tile[stage] + LEFT, dy, (a).dy, RIGHT_COPIES, CHUNK * MMA / COLUMNS,       \
               COLUMNS, column, columns);                                                          \
    if (item < STEP) factor[stage][item] = (a).scale

/* A tile of x^T dy over one piece of a group's rows, into the matrix of its slot. Rows are scaled as
 * they are read from local memory. */
__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
grouped_gemm_weight_f32_mma(__global const real *RST x, __global const int *RST x_gather,
                            __global const real *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int height, int stride, int chunk)
{
    __local real tile[STAGES][LEFT + RIGHT] __attribute__((aligned(16)));
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
                bias += factor[now][r] * clm_widen(tile[now][LEFT + term_at(r, item, COLUMNS)]);
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
