/* edge_attention for CPUs. */

#if HAS_ALPHA
/* Numbers by head of `edges` edges. */
static inline void store_edges(floatv x, __global float *to, int edges)
{
    if (edges >= EDGES) {
        vstorev(x, 0, to);
        return;
    }
    float lane[VEC];
    vstorev(x, 0, lane);
    for (int i = 0; i < edges * HEADS; i++)
        to[i] = lane[i];
}

/* The same back; lanes beyond `edges` hold any number. */
static inline floatv load_edges(__global const float *from, int edges)
{
    if (edges >= EDGES) return vloadv(0, from);
    float lane[VEC];
    for (int i = 0; i < VEC; i++)
        lane[i] = from[min(i, edges * HEADS - 1)];
    return vloadv(0, lane);
}
#endif

/* ln x for x >= 1: x = 2^n y with y in [1/sqrt 2, sqrt 2), ln y = 2 artanh((y - 1) / (y + 1)) to
 * its ninth power; error 1e-7. */
static inline floatv log_above_1(floatv x)
{
    const intv bits = as_intv(x) - 0x3f3504f3;
    const floatv n = convert_floatv(bits >> 23);
    const floatv y = as_floatv((bits & 0x007fffff) + 0x3f3504f3);
    const floatv s = (y - 1.0f) / (y + 1.0f), u = s * s;
    floatv p = fma(u, (floatv)(2.0f / 9.0f), (floatv)(2.0f / 7.0f));
    p = fma(u, p, (floatv)(2.0f / 5.0f));
    p = fma(u, p, (floatv)(2.0f / 3.0f));
    return fma(n, (floatv)(0x1.62e43p-1f), fma(s * u, p, 2.0f * s));
}

/* Attention of one target with queries q along edges begin .. end - 1; `last` is the last edge of
 * all. Leaves the sum of values in sum and returns the log-sum-exp, repeated. */
INLINE floatv attend(const floatv *q, floatv *sum, __global const real *RST kv,
                     __global const int *RST source, __global float *RST alpha, int begin, int end,
                     int last)
{
    (void)alpha;
    floatv score[CHUNK / EDGES];
    floatv most = (floatv)(LOW), total = (floatv)(0.0f);
    for (int chunk = begin; chunk < end; chunk += CHUNK) {
        const int stop = min(chunk + CHUNK, end);
        floatv peak = most;
        for (int e = chunk; e < stop; e += EDGES) {
            UNROLL
            for (int i = 0; i < EDGES; i++)
                ASK_FOR(kv + (size_t)source[min(e + i + AHEAD, last)] * 2 * D, 2 * D);
            const floatv x = inside(head_dots(q, kv, source, e, stop), (floatv)(LOW), e, stop);
            peak = max(peak, x);
            score[(e - chunk) / EDGES] = x;
#if HAS_ALPHA
            store_edges(x, alpha + (size_t)e * HEADS, stop - e);
#endif
        }
        const headv top = FOLD(max, peak);
        peak = REPEAT(top);
        if (chunk > begin) {
            const floatv less = clm_exp(most - peak);
            total *= less;
            UNROLL
            for (int i = 0; i < VECTORS; i++)
                sum[i] *= SPREAD((const float *)&less, i);
        }
        most = peak;
        for (int i = 0; i * EDGES < stop - chunk; i++) {
            score[i] = clm_exp(score[i] - most);
            total += score[i];
        }
        const float *weight = (const float *)score;
        for (int e = 0; e < stop - chunk; e++) {
            __global const real *row = kv + (size_t)source[chunk + e] * 2 * D + D;
            UNROLL
            for (int i = 0; i < VECTORS; i++)
                sum[i] = fma(SPREAD(weight + e * HEADS, i), vloadr(i, row), sum[i]);
        }
    }
    const headv all = FOLD(ADD, total);
    total = REPEAT(all);
    const floatv share = 1.0f / total;
    UNROLL
    for (int i = 0; i < VECTORS; i++)
        sum[i] *= SPREAD((const float *)&share, i);
    return most + log_above_1(total);
}

/* One work-item per WORK edges and targets: the targets that start there. */
__kernel void edge_attention_f32_cpu(__global const real *RST queries,
                                     __global const real *RST kv,
                                     __global const int *RST segment_ptr,
                                     __global const int *RST edge_ptr,
                                     __global const int *RST source, __global real *RST out,
                                     __global float *RST lse, __global float *RST alpha, int n,
                                     int m)
{
    const int share = (int)get_global_id(0);
    const int from = first_target(segment_ptr, edge_ptr, n, share * WORK);
    const int to = first_target(segment_ptr, edge_ptr, n, (share + 1) * WORK);
    for (int target = from; target < to; target++) {
        floatv q[VECTORS], y[VECTORS];
        UNROLL
        for (int i = 0; i < VECTORS; i++) {
            q[i] = vloadr(i, queries + (size_t)target * D);
            y[i] = (floatv)(0.0f);
        }
        for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
            const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
            floatv sum[VECTORS], norm = (floatv)(0.0f);
            UNROLL
            for (int i = 0; i < VECTORS; i++)
                sum[i] = (floatv)(0.0f);
            if (begin < end) norm = attend(q, sum, kv, source, alpha, begin, end, m - 1);
#if HAS_ALPHA
            for (int e = begin; e < end; e += EDGES) {
                const int edges = end - e;
                __global float *p = alpha + (size_t)e * HEADS;
                store_edges(clm_exp(load_edges(p, edges) - norm), p, edges);
            }
#endif
            float lane[VEC];
            vstorev(norm, 0, lane);
            vstoreh(vloadh(lane), lse + (size_t)segment * HEADS);
            UNROLL
            for (int i = 0; i < VECTORS; i++)
                y[i] += sum[i];
        }
        UNROLL
        for (int i = 0; i < VECTORS; i++)
            vstorer(y[i], i, out + (size_t)target * D);
    }
}
