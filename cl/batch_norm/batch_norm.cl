/* Batch norm over columns, variants gpu and plain: a work-item reads every LANES-th row of a group
 * in one column, so that neighbours read neighbours; the LANES of a column share their sums in local
 * memory, in a tree.
 *
 * Sums are of distances, from the group's first row for the mean and from the mean for the
 * variance: the difference of moments would cancel. Built with RELU, LANES and COLUMNS. */
#define EPSILON 1e-5f
#define MOMENTUM 0.1f

#if LANES > 1
#define SUM_MEMORY __local float sum_memory[LANES * COLUMNS];
#define column_sum(x) column_tree(x, sum_memory)
static inline float column_tree(float x, __local float *memory)
{
    const int lane = get_local_id(1), at = lane * COLUMNS + get_local_id(0);
    memory[at] = x;
    for (int width = LANES / 2; width > 0; width /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < width) memory[at] += memory[at + width * COLUMNS];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const float sum = memory[get_local_id(0)];
    barrier(CLK_LOCAL_MEM_FENCE); /* before the next sum overwrites it */
    return sum;
}
#else
#define SUM_MEMORY
#define column_sum(x) (x)
#endif

static inline float activated(float y) { return RELU && y < 0.0f ? 0.0f : y; }

/* Column c < C of group get_group_id(1); work-items past the last column repeat it and write
 * nothing. y null: the statistics alone; y and x may be the same storage: no restrict. */
__kernel void batch_norm_f32(__global const real *x, __global const float *RST w,
                             __global const float *RST b, __global const int *RST offsets,
                             __global float *RST mean_estimate,
                             __global float *RST variance_estimate, int columns, __global real *y,
                             __global float *RST mean, __global float *RST rstd)
{
    SUM_MEMORY
    const int lane = get_local_id(1), group = get_group_id(1);
    const bool counts = get_global_id(0) < columns;
    const int c = min((int)get_global_id(0), columns - 1), at = group * columns + c;
    const int first = offsets[group], end = offsets[group + 1], rows = end - first;
    const float shift = rows > 0 ? clm_widen(x[(size_t)first * columns + c]) : 0.0f;
    float sum = 0.0f;
    for (int i = first + lane; i < end; i += LANES)
        sum += clm_widen(x[(size_t)i * columns + c]) - shift;
    const float m = shift + column_sum(sum) / max(rows, 1);
    sum = 0.0f;
    for (int i = first + lane; i < end; i += LANES) {
        const float distance = clm_widen(x[(size_t)i * columns + c]) - m;
        sum += distance * distance;
    }
    sum = column_sum(sum);
    const float r = rows > 0 ? 1.0f / sqrt(sum / rows + EPSILON) : 0.0f;
    if (!counts) return;
    const float scale = r * w[at], bias = b[at];
    for (int i = first + lane; y && i < end; i += LANES) {
        const size_t j = (size_t)i * columns + c;
        y[j] = clm_narrow(activated((clm_widen(x[j]) - m) * scale + bias));
    }
    if (lane > 0) return;
    mean[at] = m;
    rstd[at] = r;
    if (rows > 0) mean_estimate[at] += MOMENTUM * (m - mean_estimate[at]);
    if (rows > 1) variance_estimate[at] += MOMENTUM * (sum / (rows - 1) - variance_estimate[at]);
}

/* With xhat = (x - mean) rstd, dy of what relu let pass, and means over the group's rows:
 *
 *     dx = rstd w (dy - mean(dy) - xhat mean(dy xhat)),  dw = sum of dy xhat,  db = sum of dy
 *
 * weight: null, or of each row and run of d columns, that of the row of d which dy then has. dx and dy
 * may be the same storage: no restrict. */
static inline float gradient(__global const real *dy, __global const float *weight, int row, int c,
                             int columns, int d)
{
    if (!weight) return clm_widen(dy[(size_t)row * columns + c]);
    return weight[row * (columns / d) + c / d] * clm_widen(dy[(size_t)row * d + c % d]);
}

__kernel void batch_norm_backward_f32(__global const real *RST x, __global const float *RST w,
                                      __global const float *RST b, __global const int *RST offsets,
                                      __global const real *dy, __global const float *RST mean,
                                      __global const float *RST rstd,
                                      __global const float *RST weight, int columns, int d,
                                      __global real *dx, __global float *RST dw,
                                      __global float *RST db)
{
    SUM_MEMORY
    const int lane = get_local_id(1), group = get_group_id(1);
    const bool counts = get_global_id(0) < columns;
    const int c = min((int)get_global_id(0), columns - 1), at = group * columns + c;
    const int first = offsets[group], end = offsets[group + 1];
    const float m = mean[at], r = rstd[at], scale = r * w[at], bias = b[at];
    float sum = 0.0f, sum_x = 0.0f;
    for (int i = first + lane; i < end; i += LANES) {
        const size_t j = (size_t)i * columns + c;
        const float distance = clm_widen(x[j]) - m;
        const float g = RELU && distance * scale + bias <= 0.0f
                            ? 0.0f
                            : gradient(dy, weight, i, c, columns, d);
        sum += g;
        sum_x += g * (distance * r);
    }
    sum = column_sum(sum);
    sum_x = column_sum(sum_x);
    if (!counts) return;
    const float of_all = sum / max(end - first, 1), of_x = sum_x / max(end - first, 1) * r;
    for (int i = first + lane; i < end; i += LANES) {
        const size_t j = (size_t)i * columns + c;
        const float distance = clm_widen(x[j]) - m;
        const float g = RELU && distance * scale + bias <= 0.0f
                            ? 0.0f
                            : gradient(dy, weight, i, c, columns, d);
        dx[j] = clm_narrow(scale * (g - of_all - distance * of_x));
    }
    if (lane > 0) return;
    dw[at] = sum_x;
    db[at] = sum;
}

/* Work-items (column; group and lane). y and x may be the same storage: no restrict. */
__kernel void batch_norm_evaluate_f32(__global const real *x, __global const float *RST w,
                                      __global const float *RST b, __global const int *RST offsets,
                                      __global const float *RST mean,
                                      __global const float *RST variance, int columns,
                                      __global real *y)
{
    const int c = get_global_id(0), group = get_group_id(1), at = group * columns + c;
    if (c >= columns) return;
    const float m = mean[at], scale = w[at] / sqrt(variance[at] + EPSILON), bias = b[at];
    for (int i = offsets[group] + get_local_id(1); i < offsets[group + 1]; i += LANES) {
        const size_t j = (size_t)i * columns + c;
        y[j] = clm_narrow(activated((clm_widen(x[j]) - m) * scale + bias));
    }
}
