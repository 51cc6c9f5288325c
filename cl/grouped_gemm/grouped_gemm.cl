/* grouped_gemm: rows in contiguous groups, one weight matrix per group; plain. */

/* One work-item per element of y. */
__kernel void
grouped_gemm_f32_plain(__global const real *RST x, __global const real *RST w,
                       __global const float *RST bias, __global const int *RST offsets,
                       __global const int *RST gather, __global const float *RST scale,
                       __global const int *RST scale_index, __global const real *multiply,
                       __global real *y, __global real *RST slope, int rows, int groups,
                       int depth, int columns, int activation)
{
    const size_t at = get_global_id(0);
    const int row = (int)(at / (size_t)columns), n = (int)(at % (size_t)columns);
    if (row >= rows || row < offsets[0] || row >= offsets[groups]) return;
    const int g = group_of(offsets, groups, row);
    __global const real *from = x + (size_t)row_of(gather, row) * (size_t)depth;
    __global const real *weight = w + (size_t)g * (size_t)depth * (size_t)columns + n;
    float sum = bias ? bias[(size_t)g * (size_t)columns + n] : 0.0f;
    for (int k = 0; k < depth; k++)
        sum = fma(clm_widen(from[k]), clm_widen(weight[(size_t)k * (size_t)columns]), sum);
    if (slope) slope[at] = clm_narrow(clm_gelu_slope(sum));
    if (activation) sum = clm_gelu(sum);
    sum *= scale_of(scale, scale_index, row);
    y[at] = clm_narrow(multiply ? sum * clm_widen(multiply[at]) : sum);
}
