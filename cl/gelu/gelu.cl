/* GELU and its derivative, element by element: the polynomials of special.clh keep the exponentials
 * in vectors, so that the copy roof and not the C library's erf is the limit. */

/* y and x, and dx and dy, may be the same storage: no restrict. */
__kernel void gelu_f32(__global const real *x, int n, __global real *y)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        clm_store_real(clm_gelu(clm_load_real(x + i, count)), y + i, count);
    }
}

__kernel void gelu_backward_f32(__global const real *RST x, __global const real *dy, int n,
                                __global real *dx)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        clm_store_real(clm_load_real(dy + i, count) * clm_gelu_slope(clm_load_real(x + i, count)), dx + i, count);
    }
}
