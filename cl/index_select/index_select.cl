/* Columns of chosen experts: a work-item copies VEC columns of an expert in a row; back, it looks for
 * its expert among the K that were chosen. Built with D, E and K. */
#define PANELS ((D + VEC - 1) / VEC)

__kernel void index_select_f32(__global const float *RST w, __global const int *RST index, int rows,
                               __global float *RST y)
{
    const size_t id = get_global_id(0), block = id / PANELS;
    const int c = (int)(id % PANELS) * VEC;
    if (block >= (size_t)rows * K) return;
    const size_t from = block / K * E + index[block % K];
    clm_store(clm_load(w + from * D + c, D - c), y + block * D + c, D - c);
}

__kernel void index_select_backward_f32(__global const float *RST dy, __global const int *RST index,
                                        int rows, __global float *RST dw)
{
    const size_t id = get_global_id(0), block = id / PANELS;
    const int c = (int)(id % PANELS) * VEC, expert = (int)(block % E);
    if (block >= (size_t)rows * E) return;
    floatv value = 0.0f;
    for (int j = 0; j < K; j++)
        if (index[j] == expert) value = clm_load(dy + (block / E * K + j) * D + c, D - c);
    clm_store(value, dw + block * D + c, D - c);
}
