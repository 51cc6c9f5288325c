/* What a device does at best, one kind of work in each kernel: multiply-adds, exponentials, reads,
 * copies, integer atomics, launches. Compilers must neither drop work nor add any: every kernel
 * leaves a result that the host checks; chains of operations are independent of each other and
 * written out by the preprocessor, as arrays that a loop indexes can end up in memory; and how often
 * all is done depends on an argument.
 *
 * Built with TYPE and WIDTH of the vectors, CHAINS of operations side by side, LOCAL work-items in a
 * group, and one of FMA, PRODUCT, EXP, READ, COPY, UPDATE, ATOMIC, EMPTY. */
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#ifdef cl_khr_fp16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
typedef TYPE vector;
#else
typedef JOIN(TYPE, WIDTH) vector;
#endif

/* EACH(X): X(0) X(1) ... X(CHAINS - 1) */
#define EACH_4(X) X(0) X(1) X(2) X(3)
#define EACH_8(X) EACH_4(X) X(4) X(5) X(6) X(7)
#define EACH_12(X) EACH_8(X) X(8) X(9) X(10) X(11)
#define EACH_16(X) EACH_12(X) X(12) X(13) X(14) X(15)
#define EACH_24(X) EACH_16(X) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#define EACH JOIN(EACH_, CHAINS)

#define KERNEL __kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
#define START(i) vector x##i = (vector)((TYPE)(i));
#define ADD(i) +x##i
#define SUM ((vector)((TYPE)0) EACH(ADD))

#ifdef FMA
/* x <- x a + b twice in a round, which tends to b / (1 - a) from anywhere: 2 a sum over CHAINS. */
KERNEL peak_fma(__global vector *out, int rounds, float a, float b)
{
    const vector va = (vector)((TYPE)a), vb = (vector)((TYPE)b);
    EACH(START)
    for (int round = 0; round < rounds; round++) {
#define STEP(i) x##i = FMA(x##i, va, vb);
        EACH(STEP)
        EACH(STEP)
    }
    out[get_global_id(0)] = SUM;
}
#endif

#ifdef PRODUCT /* with MMA, DEPTH of a fragment's sums, and PTX where it is not emulated */
/* Sums grow by DEPTH twice in a round, exactly up to 2^24, and stay there: what is left of each chain
 * is the mean of the lane's four. */
KERNEL peak_mma(__global float *out, int rounds, float one)
{
    CLM_MMA_MEMORY
    (void)copies;
    const uint pair = as_uint(one) | (DEPTH == 16 ? as_uint(one) >> 16 : 0);
    const uint a[4] = {pair, pair, pair, pair}, b[2] = {pair, pair};
#define START_SUM(i) float x##i[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#define MEAN(i) +0.25f * (x##i[0] + x##i[1] + x##i[2] + x##i[3])
    EACH(START_SUM)
    for (int round = 0; round < rounds; round++) {
#define STEP(i) PRODUCT(x##i, a, b, exchange);
        EACH(STEP)
        EACH(STEP)
    }
    out[get_global_id(0)] = 0.0f EACH(MEAN);
}
#endif

#ifdef EXP
/* x <- e^-x, which tends to 0.567143: the omega constant. */
KERNEL peak_exp(__global vector *out, int rounds)
{
    EACH(START)
    for (int round = 0; round < rounds; round++) {
#define STEP(i) x##i = EXP(-x##i);
        EACH(STEP)
    }
    out[get_global_id(0)] = SUM;
}
#endif

/* Memory is cut into `slices` of `slice` vectors, a multiple of CHAINS * LOCAL. In each round a
 * group passes over one slice, from round to round `shift` slices further: 0 keeps a core at the
 * part of the working set that is in its own cache; on GPUs, whose caches do not keep it from one
 * kernel to the next, a group comes to what others had. */
#define OWN_SLICE size_t at = get_group_id(0) % (size_t)slices;
#define NEXT_SLICE                                                                                 \
    at += (size_t)shift;                                                                           \
    if (at >= (size_t)slices) at -= (size_t)slices;
#define FIRST (at * (size_t)slice + get_local_id(0))

#ifdef FILL
/* Every element is its index times `factor`; vectors have one lane. */
KERNEL peak_fill(__global vector *to, int rounds, int slices, int slice, int shift, int factor)
{
    OWN_SLICE
    for (int round = 0; round < rounds; round++) {
        __global vector *q = to + FIRST;
        for (int i = 0; i < slice; i += LOCAL) q[i] = factor * (int)(FIRST + (size_t)i);
        NEXT_SLICE
    }
}
#endif

#ifdef READ
KERNEL peak_read(__global const vector *from, int rounds, int slices, int slice, int shift,
                 __global vector *out)
{
    OWN_SLICE
    EACH(START)
    for (int round = 0; round < rounds; round++) {
        __global const vector *p = from + FIRST;
        for (int i = 0; i < slice; i += CHAINS * LOCAL) {
#define STEP(k) x##k += p[i + k * LOCAL];
            EACH(STEP)
        }
        NEXT_SLICE
    }
    out[get_global_id(0)] = SUM;
}
#endif

#ifdef COPY
/* Groups that share a slice write the same to it. */
KERNEL peak_copy(__global const vector *from, int rounds, int slices, int slice, int shift,
                 __global vector *to)
{
    OWN_SLICE
    for (int round = 0; round < rounds; round++) {
        __global const vector *p = from + FIRST;
        __global vector *q = to + FIRST;
        for (int i = 0; i < slice; i += CHAINS * LOCAL) {
#define LOAD(k) const vector x##k = p[i + k * LOCAL];
            EACH(LOAD)
#define STORE(k) q[i + k * LOCAL] = x##k;
            EACH(STORE)
        }
        NEXT_SLICE
    }
}
#endif

#ifdef UPDATE
/* Sets bits, so that it makes no difference how often. */
KERNEL peak_update(__global vector *both, int rounds, int slices, int slice, int shift, int bits)
{
    OWN_SLICE
    for (int round = 0; round < rounds; round++) {
        __global vector *p = both + FIRST;
        for (int i = 0; i < slice; i += CHAINS * LOCAL) {
#define LOAD(k) const vector x##k = p[i + k * LOCAL];
            EACH(LOAD)
#define STORE(k) p[i + k * LOCAL] = x##k | bits;
            EACH(STORE)
        }
        NEXT_SLICE
    }
}
#endif

#ifdef ATOMIC
/* `stride` 0: one address. */
KERNEL peak_atomic(__global int *counter, int rounds, int stride)
{
    __global int *own = counter + get_global_id(0) * (size_t)stride;
    for (int round = 0; round < rounds; round++) atomic_add(own, 1);
}
#endif

#ifdef EMPTY
KERNEL peak_empty(__global int *out) { out[get_global_id(0)] = 1; }
#endif
