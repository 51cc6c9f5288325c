/* Numbers in another storage type, element by element: one work-item makes VEC neighbours. The copy
 * roof is the limit. */

__kernel void cast_narrow_f32(__global const float *RST x, int n, __global real *RST y)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) clm_store_real(clm_load(x + i, n - i), y + i, n - i);
}

__kernel void cast_widen_f32(__global const real *RST x, int n, __global float *RST y)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) clm_store(clm_load_real(x + i, n - i), y + i, n - i);
}
