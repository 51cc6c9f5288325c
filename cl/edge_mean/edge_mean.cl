/* Factors of a mean: by target a work-item takes a row, by source an edge. Once for each batch, for
 * all layers. */
__kernel void edge_mean_f32(__global const int *RST row_ptr, int n, __global float *RST factor)
{
    const int row = get_global_id(0);
    if (row >= n) return;
    const int begin = row_ptr[row], end = row_ptr[row + 1];
    const float f = 1.0f / (float)max(end - begin, 1);
    for (int e = begin; e < end; e++) factor[e] = f;
}

__kernel void edge_mean_source_f32(__global const int *RST row_ptr, __global const int *RST dst,
                                   int n, __global float *RST t_factor)
{
    const int e = get_global_id(0);
    if (e >= row_ptr[n]) return;
    const int to = dst[e];
    t_factor[e] = 1.0f / (float)(row_ptr[to + 1] - row_ptr[to]);
}
