/* grouped_gemm: rows in contiguous groups, one weight matrix per group; by tiles in local memory, and
 * plain. Tiles are 64 x 64, of 256 work-items with 4 x 4 each.
 */

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
