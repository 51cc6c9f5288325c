/* Rows of a group filled with the group's bias, for libraries whose products are added to what is
 * there. One work-item per element. */

__kernel void grouped_gemm_bias_f32(__global const float *RST bias, __global float *RST y,
                                    int first, int rows, int group, int columns)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)rows * columns) return;
    y[(size_t)first * columns + i] = bias[(size_t)group * columns + i % columns];
}
