/* edge_attention and its gradient for CPUs.
 *
 * Rows of keys and values come from random places, and everything else fits in registers: what
 * counts is to touch each row once and to know early which one is next. A work-item takes the
 * targets (or source rows) of WORK edges and targets in all. It goes over a segment's edges twice
 * in chunks: first scores, then, with the exponentials of all heads in vectors, the sum of values.
 * Dot products of all heads of EDGES edges are added up together by halving: 15 additions of
 * shuffled vectors where 16 separate sums would take 64.
 *
 * Built with D, HEADS, VEC (see cpu_width in attention.c), AHEAD, WORK, HAS_ALPHA. A row of kv is D
 * of the key, D of the value; an entry of pd, HEADS of p, HEADS of the gradient of the score: what
 * an edge needs lies in one place. */

#define UNROLL _Pragma("unroll")
#define INLINE static inline __attribute__((always_inline)) /* else arrays go through memory */
#define C (D / HEADS)
#define VECTORS (D / VEC)
#define LOW -1e30f /* below every score; infinities would make NaN of their differences */

#define EDGES (VEC / HEADS) /* whose scores fill a vector: lane = edge * HEADS + head */
#define CHUNK 64            /* edges between two rescalings */

/* headv: one number per head. REPEAT: the heads' numbers for EDGES edges. FOLD: over the edges. */
#if HEADS == 1
typedef float headv;
#define vloadh(from) (*(from))
#define vstoreh(value, to) (*(to) = (value))
#elif HEADS == 2
typedef float2 headv;
#define vloadh(from) vload2(0, from)
#define vstoreh(value, to) vstore2(value, 0, to)
#elif HEADS == 4
typedef float4 headv;
#define vloadh(from) vload4(0, from)
#define vstoreh(value, to) vstore4(value, 0, to)
#elif HEADS == 8
typedef float8 headv;
#define vloadh(from) vload8(0, from)
#define vstoreh(value, to) vstore8(value, 0, to)
#else
typedef float16 headv;
#define vloadh(from) vload16(0, from)
#define vstoreh(value, to) vstore16(value, 0, to)
#endif

#define ADD(a, b) ((a) + (b))
#define HALVE(op, x) op((x).lo, (x).hi)
#if EDGES == 1
#define FOLD(op, x) (x)
#define REPEAT(x) (x)
#elif EDGES == 2
#define FOLD(op, x) HALVE(op, x)
#define REPEAT(x) (floatv)(x, x)
#elif EDGES == 4
#define FOLD(op, x) HALVE(op, HALVE(op, x))
#define REPEAT(x) (floatv)(x, x, x, x)
#elif EDGES == 8
#define FOLD(op, x) HALVE(op, HALVE(op, HALVE(op, x)))
#define REPEAT(x) (floatv)(x, x, x, x, x, x, x, x)
#else
#define FOLD(op, x) HALVE(op, HALVE(op, HALVE(op, HALVE(op, x))))
#define REPEAT(x) (floatv)(x)
#endif

/* Vector v of a row whose element (head, i) is p[head]. */
#if VEC == 16
typedef float8 halfv;
typedef float4 quarterv;
#elif VEC == 8
typedef float4 halfv;
typedef float2 quarterv;
#else
typedef float2 halfv;
typedef float quarterv;
#endif
#if C >= VEC
#define SPREAD(p, v) (floatv)((p)[(v)*VEC / C])
#elif 2 * C == VEC
#define SPREAD(p, v) (floatv)((halfv)((p)[2 * (v)]), (halfv)((p)[2 * (v) + 1]))
#else
#define SPREAD(p, v)                                                                               \
    (floatv)((quarterv)((p)[4 * (v)]), (quarterv)((p)[4 * (v) + 1]), (quarterv)((p)[4 * (v) + 2]), \
             (quarterv)((p)[4 * (v) + 3]))
#endif

/* Two vectors of partial sums become one with half as many of each: PAIR_0 halves first, PAIR_3
 * last, and the sums of VEC vectors end in the lanes of their numbers. Neighbours can always be
 * added up (lanes keep their order, as several heads in a vector need it); where a head fills
 * vectors, these other pairs are one instruction on x86. */
#if C < VEC || !defined(__clang__)
#define PAIR_0(a, b) (floatv)(a.even, b.even) + (floatv)(a.odd, b.odd)
#define PAIR_1 PAIR_0
#define PAIR_2 PAIR_0
#define PAIR_3 PAIR_0
#else
#define MIX __builtin_shufflevector
#if VEC == 16
#define PAIR_0(a, b)                                                                               \
    MIX(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +                          \
        MIX(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define PAIR_1(a, b)                                                                               \
    MIX(a, b, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30) +                         \
        MIX(a, b, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31)
#define PAIR_2(a, b)                                                                               \
    MIX(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +                            \
        MIX(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define PAIR_3(a, b)                                                                               \
    MIX(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +                          \
        MIX(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#elif VEC == 8
#define PAIR_0(a, b) MIX(a, b, 0, 1, 8, 9, 4, 5, 12, 13) + MIX(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define PAIR_1(a, b) MIX(a, b, 0, 2, 8, 10, 4, 6, 12, 14) + MIX(a, b, 1, 3, 9, 11, 5, 7, 13, 15)
#define PAIR_2(a, b) MIX(a, b, 0, 1, 2, 3, 8, 9, 10, 11) + MIX(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define PAIR_0(a, b) MIX(a, b, 0, 1, 4, 5) + MIX(a, b, 2, 3, 6, 7)
#define PAIR_1(a, b) MIX(a, b, 0, 2, 4, 6) + MIX(a, b, 1, 3, 5, 7)
#endif
#endif
#define HALVINGS (C < VEC ? C : VEC) /* vectors to be added up into one */
#define PAIRS(level)                                                                               \
    UNROLL for (int i = 0; i < HALVINGS >> (level + 1); i++) part[i] =                             \
        PAIR_##level(part[2 * i], part[2 * i + 1])

/* Dot products by head of x with keys, or values, index[e] .. index[e + EDGES - 1]; beyond end - 1
 * any number. */
INLINE floatv head_dots(const floatv *x, __global const real *RST rows,
                        __global const int *RST index, int e, int end)
{
    floatv part[16];
    UNROLL
    for (int i = 0; i < EDGES; i++) {
        __global const real *row = rows + (size_t)index[min(e + i, end - 1)] * 2 * D;
#if C > VEC
        UNROLL
        for (int head = 0; head < HEADS; head++) {
            floatv sum = x[head * (C / VEC)] * vloadr(head * (C / VEC), row);
            UNROLL
            for (int v = 1; v < C / VEC; v++)
                sum = fma(x[head * (C / VEC) + v], vloadr(head * (C / VEC) + v, row), sum);
            part[i * HEADS + head] = sum;
        }
#else
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            part[i * VECTORS + v] = x[v] * vloadr(v, row);
#endif
    }
#if C >= 2
    PAIRS(0);
#endif
#if C >= 4
    PAIRS(1);
#endif
#if C >= 8 && VEC >= 8
    PAIRS(2);
#endif
#if C >= 16 && VEC >= 16
    PAIRS(3);
#endif
    return part[0];
}

/* x where a lane's edge is before `end`, else `other`; lane 0 is of edge e. */
static inline floatv inside(floatv x, floatv other, int e, int end)
{
    return LANE_INDEX < (intv)((end - e) * HEADS) ? x : other;
}

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

#if AHEAD > 0
#define ASK_FOR(row, count)                                                                        \
    UNROLL for (int line = 0; line < (int)(sizeof *(row) * (count)); line += 64)                   \
        __builtin_prefetch((const char *)(size_t)(row) + line, 0, 3)
#else
#define ASK_FOR(row, count)
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

/* First target whose work, edges and one for itself, starts at or after `work`. */
static inline int first_target(__global const int *RST segment_ptr,
                               __global const int *RST edge_ptr, int n, int work)
{
    int low = 0, high = n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (edge_ptr[segment_ptr[middle]] + middle < work)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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

/* The p and dp of the edges of a segment, one vector of EDGES edges, into their entries. */
INLINE void put_edges(floatv p, floatv dp, __global float *RST pd, int edges)
{
    float p_lane[VEC], dp_lane[VEC];
    vstorev(p, 0, p_lane);
    vstorev(dp, 0, dp_lane);
    for (int i = 0; i < min(EDGES, edges); i++) {
        vstoreh(vloadh(p_lane + i * HEADS), pd + i * 2 * HEADS);
        vstoreh(vloadh(dp_lane + i * HEADS), pd + i * 2 * HEADS + HEADS);
    }
}

/* Gradient of the queries; leaves for each edge the weight p and the gradient of the score in
 * pd [M, 2, HEADS]. Same shares as above. */
__kernel void
edge_attention_targets_f32_cpu(__global const real *RST queries, __global const real *RST kv,
                               __global const real *RST dout, __global const float *RST lse,
                               __global const int *RST segment_ptr,
                               __global const int *RST edge_ptr, __global const int *RST source,
                               __global real *RST dqueries, __global float *RST pd, int n, int m)
{
    const int share = (int)get_global_id(0);
    const int from = first_target(segment_ptr, edge_ptr, n, share * WORK);
    const int to = first_target(segment_ptr, edge_ptr, n, (share + 1) * WORK);
    for (int target = from; target < to; target++) {
        floatv q[VECTORS], g[VECTORS], dq[VECTORS];
        UNROLL
        for (int i = 0; i < VECTORS; i++) {
            q[i] = vloadr(i, queries + (size_t)target * D);
            g[i] = vloadr(i, dout + (size_t)target * D);
            dq[i] = (floatv)(0.0f);
        }
        for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
            const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
            const headv norm = vloadh(lse + (size_t)segment * HEADS);
            floatv delta = (floatv)(0.0f);
            for (int e = begin; e < end; e += EDGES) {
                UNROLL
                for (int i = 0; i < EDGES; i++)
                    ASK_FOR(kv + (size_t)source[min(e + i + AHEAD, m - 1)] * 2 * D, 2 * D);
                const floatv x = head_dots(q, kv, source, e, end) - REPEAT(norm);
                const floatv p = inside(clm_exp(x), (floatv)(0.0f), e, end);
                const floatv dp = head_dots(g, kv + D, source, e, end);
                delta = fma(p, dp, delta);
                put_edges(p, dp, pd + (size_t)e * 2 * HEADS, end - e);
            }
            const headv mean = FOLD(ADD, delta);
            for (int e = begin; e < end; e++) {
                __global const real *k = kv + (size_t)source[e] * 2 * D;
                __global float *p = pd + (size_t)e * 2 * HEADS, *ds = p + HEADS;
                const headv slope = vloadh(p) * (vloadh(ds) - mean);
                vstoreh(slope, ds);
                float lane[HEADS];
                vstoreh(slope, lane);
                UNROLL
                for (int c = 0; c < VECTORS; c++)
                    dq[c] = fma(SPREAD(lane, c), vloadr(c, k), dq[c]);
            }
        }
        UNROLL
        for (int i = 0; i < VECTORS; i++)
            vstorer(dq[i], i, dqueries + (size_t)target * D);
    }
}

/* First source row whose work, edges and one for itself, starts at or after `work`. */
static inline int first_source(__global const int *RST source_ptr, int s, int work)
{
    int low = 0, high = s;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (source_ptr[middle] + middle < work)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Gradients of keys and values. One work-item per WORK edges and source rows. */
__kernel void
edge_attention_sources_f32_cpu(__global const real *RST queries, __global const real *RST dout,
                               __global const int *RST target, __global const int *RST source_ptr,
                               __global const int *RST source_edge, __global const float *RST pd,
                               __global real *RST dkv, int s, int m)
{
    const int share = (int)get_global_id(0);
    const int from = first_source(source_ptr, s, share * WORK);
    const int to = first_source(source_ptr, s, (share + 1) * WORK);
    for (int row = from; row < to; row++) {
        floatv dk[VECTORS], dv[VECTORS];
        UNROLL
        for (int i = 0; i < VECTORS; i++)
            dk[i] = dv[i] = (floatv)(0.0f);
        for (int j = source_ptr[row]; j < source_ptr[row + 1]; j++) {
            const int edge = source_edge[j];
            const size_t at = (size_t)target[edge] * D;
            __global const float *p = pd + (size_t)edge * 2 * HEADS, *ds = p + HEADS;
#if AHEAD > 0
            const int later = source_edge[min(j + AHEAD, m - 1)];
            const size_t next = (size_t)target[later] * D;
            ASK_FOR(queries + next, D);
            ASK_FOR(dout + next, D);
            ASK_FOR(pd + (size_t)later * 2 * HEADS, 2 * HEADS);
#endif
            UNROLL
            for (int i = 0; i < VECTORS; i++) {
                dk[i] = fma(SPREAD(ds, i), vloadr(i, queries + at), dk[i]);
                dv[i] = fma(SPREAD(p, i), vloadr(i, dout + at), dv[i]);
            }
        }
        UNROLL
        for (int i = 0; i < VECTORS; i++) {
            vstorer(dk[i], i, dkv + (size_t)row * 2 * D);
            vstorer(dv[i], i, dkv + (size_t)row * 2 * D + D);
        }
    }
}
