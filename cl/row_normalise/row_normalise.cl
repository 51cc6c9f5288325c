/* Rows of D elements (a compile-time number) scaled to Euclidean length 1. A team of LANES work-items
 * takes a row: one of them on a CPU, where both passes hit the first-level cache, sixteen neighbours
 * on a GPU. */
#define EPSILON 1e-12f
#define STEP (LANES * VEC)

/* y and x may be the same storage: no restrict. */
__kernel void row_normalise_f32(__global const real *x, int n, __global real *y,
                                __global float *RST factor)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), row = get_global_id(1);
    const size_t start = (size_t)min(row, n - 1) * D;
    floatv sum = 0.0f;
    for (int c = lane * VEC; c < D; c += STEP) {
        const floatv value = clm_load_real(x + start + c, D - c);
        sum = fma(value, value, sum);
    }
    const float norm = sqrt(sumv(clm_lanes_sum(sum)));
    const float f = norm > 0.0f ? 1.0f / fmax(norm, EPSILON) : 0.0f;
    if (row < n) {
        for (int c = lane * VEC; c < D; c += STEP)
            clm_store_real(clm_load_real(x + start + c, D - c) * f, y + start + c, D - c);
        if (lane == 0) factor[row] = f;
    }
}

/* dx and dy may be the same storage: no restrict. */
__kernel void row_normalise_backward_f32(__global const real *RST y,
                                         __global const float *RST factor,
                                         __global const real *dy, int n, __global real *dx)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), row = get_global_id(1);
    const size_t at = min(row, n - 1), start = at * D;
    floatv sum = 0.0f;
    for (int c = lane * VEC; c < D; c += STEP)
        sum = fma(clm_load_real(y + start + c, D - c), clm_load_real(dy + start + c, D - c), sum);
    const float f = factor[at], dot = sumv(clm_lanes_sum(sum));
    const float along = f < 1.0f / EPSILON ? dot : 0.0f;
    if (row < n)
        for (int c = lane * VEC; c < D; c += STEP) {
            const floatv value = clm_load_real(y + start + c, D - c);
            clm_store_real(f * (clm_load_real(dy + start + c, D - c) - along * value),
                           dx + start + c, D - c);
        }
}
