/* Dropout: element i takes word i % 4 of Philox(i / 4, step, DROPOUT, layer), so that the backward
 * pass draws the same mask again instead of storing it, and every device drops the same elements.
 */

/* y and x may be the same storage: no restrict. */

static inline real keep(int kept, float scale, real x)
{
    return clm_narrow(kept ? scale * clm_widen(x) : 0.0f);
}

/* GPU, plain: one work-item makes the four elements of a draw. */
__kernel void dropout_f32(__global const real *x, __global const int *RST step, int layer,
                          uint threshold, float scale, int n, __global real *y)
{
    const uint draw = get_global_id(0);
    const size_t i = 4 * (size_t)draw;
    if (i < n) {
        const uint4 word = clm_philox(draw, step[0], CLM_STREAM_DROPOUT, layer, step[1]);
        if (i + 4 <= n) {
            const float4 kept = scale * clm_widen4(vload4(draw, x));
            vstore4(clm_narrow4(word >= threshold ? kept : (float4)(0.0f)), draw, y);
        } else {
            y[i] = keep(word.x >= threshold, scale, x[i]);
            if (i + 1 < n) y[i + 1] = keep(word.y >= threshold, scale, x[i + 1]);
            if (i + 2 < n) y[i + 2] = keep(word.z >= threshold, scale, x[i + 2]);
        }
    }
}

#if VEC == 16
/* CPU: one work-item makes the 32 elements of eight draws. */
static inline void drop(uint16 word, uint threshold, float scale, __global const real *x,
                        int count, __global real *y)
{
    if (count > 0) clm_store_real(word >= threshold ? scale * clm_load_real(x, count) : 0.0f, y, count);
}

__kernel void dropout_f32_cpu(__global const real *x, __global const int *RST step, int layer,
                              uint threshold, float scale, int n, __global real *y)
{
    const size_t i = 32 * get_global_id(0);
    if (i < n) {
        const int count = n - i;
        const clm_draws d = clm_philox_8(i / 4, step[0], CLM_STREAM_DROPOUT, layer, step[1]);
        const ulong8 first = (ulong8)(d.low.s0, d.high.s0, d.low.s1, d.high.s1, d.low.s2, d.high.s2,
                                      d.low.s3, d.high.s3);
        const ulong8 second = (ulong8)(d.low.s4, d.high.s4, d.low.s5, d.high.s5, d.low.s6,
                                       d.high.s6, d.low.s7, d.high.s7);
        drop(as_uint16(first), threshold, scale, x + i, count, y + i);
        drop(as_uint16(second), threshold, scale, x + i + 16, count - 16, y + i + 16);
    }
}
#endif
