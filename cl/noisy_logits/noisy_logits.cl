/* Noise of the gate: a work-item draws the normal numbers of BLOCK elements, those of one Philox
 * counter, or, with vectors of 16, of eight. Logarithm, sine and cosine are series that stay in
 * vector registers. The backward pass draws the same noise again instead of reading it. */
#define LEAST 0.01f /* of the noise's size */

/* log u, 0 < u < 1: u = 2^e m with m about 1, log m = 2 atanh((m - 1) / (m + 1)), |z| <= 0.172. */
static inline floatv log_uniform(floatv u)
{
    const intv e = (as_intv(u) - 0x3f3504f3) >> 23; /* sqrt(1/2) <= m < sqrt(2) */
    const floatv m = as_floatv(as_intv(u) - (e << 23)), z = (m - 1.0f) / (m + 1.0f), w = z * z;
    floatv p = fma(w, (floatv)(2.0f / 11), (floatv)(2.0f / 9));
    p = fma(w, p, (floatv)(2.0f / 7));
    p = fma(w, p, (floatv)(2.0f / 5));
    p = fma(w, p, (floatv)(2.0f / 3));
    p = fma(w, p, (floatv)(2.0f));
    return fma(convert_floatv(e), (floatv)(0x1.62e430p-1f), z * p);
}

/* Two standard normal numbers from two uniform ones (Box and Muller 1958). The angle 2 pi b is a
 * multiple q of pi/2 and a rest of at most pi/4, for which Taylor's series suffice. */
static inline void normal_pair(floatv a, floatv b, floatv *first, floatv *second)
{
    const floatv radius = sqrt(-2.0f * log_uniform(a)), shifted = 4.0f * b + CLM_SHIFT;
    const floatv t = (4.0f * b - (shifted - CLM_SHIFT)) * 0x1.921fb6p+0f, w = t * t;
    const intv q = as_intv(shifted);
    floatv s = fma(w, (floatv)(1.0f / 362880), (floatv)(-1.0f / 5040));
    s = fma(w, s, (floatv)(1.0f / 120));
    s = fma(w, s, (floatv)(-1.0f / 6));
    s = fma(w * t, s, t);
    floatv c = fma(w, (floatv)(-1.0f / 3628800), (floatv)(1.0f / 40320));
    c = fma(w, c, (floatv)(-1.0f / 720));
    c = fma(w, c, (floatv)(1.0f / 24));
    c = fma(w, c, (floatv)(-0.5f));
    c = fma(w, c, (floatv)(1.0f));
    const floatv cosine = (q & 1) != 0 ? s : c, sine = (q & 1) != 0 ? c : s;
    *first = radius * (((q + 1) & 2) != 0 ? -cosine : cosine);
    *second = radius * ((q & 2) != 0 ? -sine : sine);
}

#if VEC == 16
#define BLOCK 32
static inline void draw(size_t i, __global const int *step, int layer, floatv *noise)
{
    const clm_draws d = clm_philox_8(i / 4, step[0], CLM_STREAM_NOISE, layer, step[1]);
    const ulong16 word = (ulong16)(d.low, d.high);
    const float16 a = (convert_float16(convert_uint16(word & 0xffffffff) >> 9) + 0.5f) * 0x1p-23f;
    const float16 b = (convert_float16(convert_uint16(word >> 41)) + 0.5f) * 0x1p-23f;
    float16 x, y; /* elements 4 k and 4 k + 1 of counters k, then 4 k + 2 and 4 k + 3 */
    normal_pair(a, b, &x, &y);
    noise[0] = (float16)(x.s0, y.s0, x.s8, y.s8, x.s1, y.s1, x.s9, y.s9, x.s2, y.s2, x.sa, y.sa, x.s3,
                         y.s3, x.sb, y.sb);
    noise[1] = (float16)(x.s4, y.s4, x.sc, y.sc, x.s5, y.s5, x.sd, y.sd, x.s6, y.s6, x.se, y.se, x.s7,
                         y.s7, x.sf, y.sf);
}
#elif VEC == 1
#define BLOCK 4
static inline void draw(size_t i, __global const int *step, int layer, floatv *noise)
{
    const uint4 word = clm_philox(i / 4, step[0], CLM_STREAM_NOISE, layer, step[1]);
    normal_pair(clm_uniform(word.x), clm_uniform(word.y), noise, noise + 1);
    normal_pair(clm_uniform(word.z), clm_uniform(word.w), noise + 2, noise + 3);
}
#else
#error "VEC is 1 or 16"
#endif

/* Vector v of the block at i: the noise that is given, or that was drawn. */
static inline floatv noise_of(__global const float *given, size_t at, int n, floatv drawn)
{
    return given ? clm_load(given + at, n - at) : drawn;
}

__kernel void noisy_logits_f32(__global const float *RST clean, __global const float *RST raw,
                               __global const float *RST given, __global const int *RST step,
                               int layer, int n, __global float *RST logits)
{
    const size_t i = BLOCK * get_global_id(0);
    if (i >= n) return;
    floatv noise[BLOCK / VEC];
    if (!given) draw(i, step, layer, noise);
    for (int v = 0; v < BLOCK / VEC && i + v * VEC < n; v++) {
        const size_t at = i + v * VEC;
        const floatv size = clm_softplus(clm_load(raw + at, n - at)) + LEAST;
        const floatv e = noise_of(given, at, n, noise[v]);
        clm_store(fma(e, size, clm_load(clean + at, n - at)), logits + at, n - at);
    }
}

/* d_raw: gradient of raw. */
__kernel void noisy_logits_backward_f32(__global const float *RST raw,
                                        __global const float *RST given,
                                        __global const int *RST step,
                                        __global const float *RST dlogits, int layer, int n,
                                        __global float *RST d_raw)
{
    const size_t i = BLOCK * get_global_id(0);
    if (i >= n) return;
    floatv noise[BLOCK / VEC];
    if (!given) draw(i, step, layer, noise);
    for (int v = 0; v < BLOCK / VEC && i + v * VEC < n; v++) {
        const size_t at = i + v * VEC;
        const floatv slope = clm_sigmoid(clm_load(raw + at, n - at));
        const floatv e = noise_of(given, at, n, noise[v]);
        clm_store(clm_load(dlogits + at, n - at) * e * slope, d_raw + at, n - at);
    }
}
