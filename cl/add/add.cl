/* Weighted sum of up to four tensors, element by element: one work-item makes VEC neighbours, so
 * that a CPU uses whole vectors and a GPU whole cache lines. The copy roof is the limit. */

/* y and a may be the same storage: no restrict. */
__kernel void add_f32(__global const real *a, __global const real *b, __global const real *c,
                      __global const real *d, float w0, float w1, float w2, float w3, int n,
                      __global real *y)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        floatv sum = w0 * clm_load_real(a + i, count);
#if TERMS > 1
        sum += w1 * clm_load_real(b + i, count);
#endif
#if TERMS > 2
        sum += w2 * clm_load_real(c + i, count);
#endif
#if TERMS > 3
        sum += w3 * clm_load_real(d + i, count);
#endif
        clm_store_real(sum, y + i, count);
    }
}
