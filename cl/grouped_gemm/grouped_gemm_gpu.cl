/* grouped_gemm and the gradient of its weights on any GPU: 16 x 16 work-items compute a tile of TILE
 * x 64 of one group, TILE / 16 x 4 each. While STEP terms of the sums are multiplied from one of two
 * stages in local memory, the next ones come into registers.
 *
 * ALIGNED: rows of x and of the weights start at multiples of four floats. Built with VEC = 4.
 *
 * Has run on CPUs only: on no GPU yet. */

enum { SIDE = 16, ITEMS = SIDE * SIDE, STEP = 16, COLUMNS = 64 };
enum { HIGH = TILE / SIDE, LEFT_LOADS = (TILE * STEP / 4 + ITEMS - 1) / ITEMS };

typedef __local float left_stage[STEP][TILE + 4];
typedef __local float right_stage[STEP][COLUMNS + 4];

/* Elements at ... at + 3 of a row of n, zeros beyond it. */
static inline float4 load_4(__global const float *row, int at, int n)
{
#ifdef ALIGNED
    return at < n ? *(__global const float4 *)(row + at) : (float4)(0.0f);
#else
    return at < n ? clm_load(row + at, n - at) : (float4)(0.0f);
#endif
}

/* The same of rows. */
static inline float4 load_reals_4(__global const real *row, int at, int n)
{
#ifdef ALIGNED
    return at < n ? clm_widen4(*(__global const real4 *)(row + at)) : (float4)(0.0f);
#else
    return at < n ? clm_load_real(row + at, n - at) : (float4)(0.0f);
#endif
}

static inline void store_4(float4 value, __global float *row, int at, int n)
{
#ifdef ALIGNED
    if (at < n) *(__global float4 *)(row + at) = value;
#else
    if (at < n) clm_store(value, row + at, n - at);
#endif
}

/* sum += left^T right */
static inline void multiply_stages(const left_stage *left, const right_stage *right, float4 *sum)
{
    const int row = HIGH * (int)get_local_id(1), column = 4 * (int)get_local_id(0);
    for (int k = 0; k < STEP; k++) {
        const float4 b = *(__local const float4 *)&(*right)[k][column];
        UNROLL
        for (int i = 0; i < HIGH; i++)
            sum[i] = fma((float4)((*left)[k][row + i]), b, sum[i]);
    }
}

#ifdef FORWARD
static inline void store_reals_4(float4 value, __global real *row, int at, int n)
{
#ifdef ALIGNED
    if (at < n) *(__global real4 *)(row + at) = clm_narrow4(value);
#else
    if (at < n) clm_store_real(value, row + at, n - at);
#endif
}

/* Terms k ... of the rows of x that this work-item brings, and of the weights. */
static inline void fetch(float4 *left, float4 *right, __global const real *x, const int *source,
                         __global const real *weight, int k, int depth, int column, int columns)
{
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++)
        left[i] = source[i] < 0 ? (float4)(0.0f)
                                : load_reals_4(x + (size_t)source[i] * (size_t)depth,
                                         k + item % (STEP / 4) * 4, depth);
    const int term = k + item / (COLUMNS / 4);
    *right = term < depth ? load_reals_4(weight + (size_t)term * (size_t)columns,
                                   column + item % (COLUMNS / 4) * 4, columns)
                          : (float4)(0.0f);
}

static inline void stage(left_stage *to_left, right_stage *to_right, const float4 *left, float4 right)
{
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++) {
        const int row = item / (STEP / 4) + i * (4 * ITEMS / STEP), k = item % (STEP / 4) * 4;
        if (row >= TILE) continue;
        (*to_left)[k][row] = left[i].s0;
        (*to_left)[k + 1][row] = left[i].s1;
        (*to_left)[k + 2][row] = left[i].s2;
        (*to_left)[k + 3][row] = left[i].s3;
    }
    vstore4(right, 0, &(*to_right)[item / (COLUMNS / 4)][item % (COLUMNS / 4) * 4]);
}

__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
grouped_gemm_f32_gpu(__global const real *RST x, __global const real *RST w,
                     __global const float *RST bias, __global const int *RST offsets,
                     __global const int *RST gather, __global const float *RST scale,
                     __global const int *RST scale_index, __global const real *multiply,
                     __global real *y, __global real *RST slope, int rows, int groups, int depth,
                     int columns, int activation)
{
    __local float a[2][STEP][TILE + 4] __attribute__((aligned(16)));
    __local float b[2][STEP][COLUMNS + 4] __attribute__((aligned(16)));
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    const int column = (int)get_group_id(0) * COLUMNS;
    const piece p = piece_of(offsets, groups, (int)get_group_id(1), TILE);
    __global const real *weight = w + (size_t)p.group * (size_t)depth * (size_t)columns;
    const int end = p.first < p.stop ? depth : 0;
    int source[LEFT_LOADS];
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++) {
        const int row = p.first + item / (STEP / 4) + i * (4 * ITEMS / STEP);
        source[i] = row < min(p.stop, p.first + TILE) ? row_of(gather, row) : -1;
    }
    float4 sum[HIGH], left[LEFT_LOADS], right;
    UNROLL
    for (int i = 0; i < HIGH; i++)
        sum[i] = (float4)(0.0f);
    if (end > 0) {
        fetch(left, &right, x, source, weight, 0, depth, column, columns);
        stage(&a[0], &b[0], left, right);
    }
    for (int k = 0, now = 0; k < end; k += STEP, now ^= 1) {
        barrier(CLK_LOCAL_MEM_FENCE);
        const bool more = k + STEP < end;
        if (more) fetch(left, &right, x, source, weight, k + STEP, depth, column, columns);
        multiply_stages(&a[now], &b[now], sum);
        if (more) stage(&a[now ^ 1], &b[now ^ 1], left, right);
    }
    const int n = column + 4 * (int)get_local_id(0);
    const float4 shift =
        bias ? load_4(bias + (size_t)p.group * (size_t)columns, n, columns) : (float4)(0.0f);
    UNROLL
    for (int i = 0; i < HIGH; i++) {
        const int row = p.first + HIGH * (int)get_local_id(1) + i;
        if (row >= p.stop) continue;
        const size_t at = (size_t)row * (size_t)columns;
        float4 value = sum[i] + shift;
        if (slope) store_reals_4(clm_gelu_slope(value), slope + at, n, columns);
        if (activation) value = clm_gelu(value);
        value *= scale_of(scale, scale_index, row);
        if (multiply) value *= load_reals_4(multiply + at, n, columns);
        store_reals_4(value, y + at, n, columns);
    }
}
#endif

#ifdef WEIGHT
/* Rows of x and dy that this work-item brings to a step, and the factor of the latter; looked up a
 * step before they are fetched. */
typedef struct sources {
    int x[LEFT_LOADS], dy;
    float scale;
} sources;

static inline sources look_up(__global const int *x_gather, __global const int *dy_gather,
                              __global const float *scale, __global const int *scale_index,
                              int from, int stop)
{
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    sources s;
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++) {
        const int r = from + item / (TILE / 4) + i * (4 * ITEMS / TILE);
        s.x[i] = r < min(stop, from + STEP) ? row_of(x_gather, r) : -1;
    }
    const int r = from + item / (COLUMNS / 4);
    s.dy = r < stop ? row_of(dy_gather, r) : -1;
    s.scale = r < stop ? scale_of(scale, scale_index, r) : 0.0f;
    return s;
}

static inline void fetch(float4 *left, float4 *right, __global const real *x,
                         __global const real *dy, sources s, int top, int depth, int column,
                         int columns)
{
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++)
        left[i] = s.x[i] < 0 ? (float4)(0.0f)
                             : load_reals_4(x + (size_t)s.x[i] * (size_t)depth,
                                      top + item % (TILE / 4) * 4, depth);
    *right = s.dy < 0 ? (float4)(0.0f)
                      : s.scale * load_reals_4(dy + (size_t)s.dy * (size_t)columns,
                                         column + item % (COLUMNS / 4) * 4, columns);
}

static inline void stage(left_stage *to_left, right_stage *to_right, const float4 *left, float4 right)
{
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    UNROLL
    for (int i = 0; i < LEFT_LOADS; i++) {
        const int r = item / (TILE / 4) + i * (4 * ITEMS / TILE);
        if (r < STEP) vstore4(left[i], 0, &(*to_left)[r][item % (TILE / 4) * 4]);
    }
    vstore4(right, 0, &(*to_right)[item / (COLUMNS / 4)][item % (COLUMNS / 4) * 4]);
}

/* A tile of x^T dy over one piece of a group's rows, into the matrix of its slot. */
__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
grouped_gemm_weight_f32_gpu(__global const real *RST x, __global const int *RST x_gather,
                            __global const real *RST dy, __global const int *RST dy_gather,
                            __global const float *RST scale, __global const int *RST scale_index,
                            __global const int *RST offsets, __global float *RST partial, int rows,
                            int groups, int depth, int columns, int height, int stride, int chunk)
{
    __local float a[2][STEP][TILE + 4] __attribute__((aligned(16)));
    __local float b[2][STEP][COLUMNS + 4] __attribute__((aligned(16)));
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    const int column = (int)get_group_id(0) * COLUMNS, top = (int)get_group_id(1) * TILE;
    const piece p = piece_of(offsets, groups, (int)get_group_id(2), chunk);
    float4 sum[HIGH], left[LEFT_LOADS], right;
    float bias = 0.0f;
    UNROLL
    for (int i = 0; i < HIGH; i++)
        sum[i] = (float4)(0.0f);
    sources s = look_up(x_gather, dy_gather, scale, scale_index, p.first, p.stop);
    if (p.first < p.stop) {
        fetch(left, &right, x, dy, s, top, depth, column, columns);
        stage(&a[0], &b[0], left, right);
        s = look_up(x_gather, dy_gather, scale, scale_index, p.first + STEP, p.stop);
    }
    for (int r = p.first, now = 0; r < p.stop; r += STEP, now ^= 1) {
        barrier(CLK_LOCAL_MEM_FENCE);
        const bool more = r + STEP < p.stop;
        if (more) {
            fetch(left, &right, x, dy, s, top, depth, column, columns);
            s = look_up(x_gather, dy_gather, scale, scale_index, r + 2 * STEP, p.stop);
        }
        multiply_stages(&a[now], &b[now], sum);
        if (top == 0 && item < COLUMNS)
            for (int k = 0; k < STEP; k++)
                bias += b[now][k][item];
        if (more) stage(&a[now ^ 1], &b[now ^ 1], left, right);
    }
    if (p.first < p.stop) {
        __global float *to =
            partial + (size_t)get_group_id(2) * (size_t)(height + 1) * (size_t)stride;
        UNROLL
        for (int i = 0; i < HIGH; i++) {
            const int k = top + HIGH * (int)get_local_id(1) + i;
            if (k < depth) store_4(sum[i], to + k * stride, column + 4 * (int)get_local_id(0), columns);
        }
        if (top == 0 && item < COLUMNS && column + item < columns)
            to[height * stride + column + item] = bias;
    }
}
#endif
