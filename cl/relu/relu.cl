/* ReLU, element by element. The backward pass reads what the forward pass made, so that x need not
 * be kept. */

/* y and x, and dx and dy, may be the same storage: no restrict. */
__kernel void relu_f32(__global const real *x, int n, __global real *y)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        const floatv v = clm_load_real(x + i, count);
        clm_store_real(v < 0.0f ? (floatv)(0.0f) : v, y + i, count);
    }
}

__kernel void relu_backward_f32(__global const real *RST y, __global const real *dy, int n,
                                __global real *dx)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        const floatv v = clm_load_real(y + i, count);
        clm_store_real(v > 0.0f ? clm_load_real(dy + i, count) : (floatv)(0.0f), dx + i, count);
    }
}
