/* Variant cpu of the router: VEC nodes at a time. */

#ifndef AHEAD
#define AHEAD 0
#endif

/* Written out instead of loops, as vectors are kept in registers only then. Shuffles name every
 * element: compilers make one instruction of that, and several of .even and .odd.
 *
 * EVEN, ODD: elements of a and b one behind the other; LOWER, UPPER: their halves interleaved. */
#if VEC == 16
#define FIRST_HALF(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7)
#define SECOND_HALF(step) step(8) step(9) step(10) step(11) step(12) step(13) step(14) step(15)
#define EVENS(a) a.s0, a.s2, a.s4, a.s6, a.s8, a.sa, a.sc, a.se
#define ODDS(a) a.s1, a.s3, a.s5, a.s7, a.s9, a.sb, a.sd, a.sf
#define LOWER(a, b)                                                                                \
    (floatv)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6,   \
             a.s7, b.s7)
#define UPPER(a, b)                                                                                \
    (floatv)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se,   \
             a.sf, b.sf)
#else
#define FIRST_HALF(step) step(0) step(1) step(2) step(3)
#define SECOND_HALF(step) step(4) step(5) step(6) step(7)
#define EVENS(a) a.s0, a.s2, a.s4, a.s6
#define ODDS(a) a.s1, a.s3, a.s5, a.s7
#define LOWER(a, b) (floatv)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define UPPER(a, b) (floatv)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#endif
#define EVEN(a, b) (floatv)(EVENS(a), EVENS(b))
#define ODD(a, b) (floatv)(ODDS(a), ODDS(b))
#define EACH(step) FIRST_HALF(step) SECOND_HALF(step)

/* Moves the lowest bit of the position within `count` (a power of two, <= VEC) vectors to the top.
 */
INLINE void lowest_to_top(floatv *v, const int count)
{
    floatv w[VEC];
#define SPLIT(i)                                                                                   \
    if (i < count / 2) {                                                                           \
        w[i] = EVEN(v[2 * i], v[2 * i + 1]);                                                       \
        w[i + count / 2] = ODD(v[2 * i], v[2 * i + 1]);                                            \
    }
#define TAKE(i)                                                                                    \
    if (i < count) v[i] = w[i];
    FIRST_HALF(SPLIT)
    EACH(TAKE)
}

/* The way back. */
INLINE void top_to_lowest(floatv *v, const int count)
{
    floatv w[VEC];
#define MERGE(i)                                                                                   \
    if (i < count / 2) {                                                                           \
        w[2 * i] = LOWER(v[i], v[i + count / 2]);                                                  \
        w[2 * i + 1] = UPPER(v[i], v[i + count / 2]);                                              \
    }
    FIRST_HALF(MERGE)
    EACH(TAKE)
}

/* Rows of `count` numbers one behind the other, in as many vectors, become columns; and back. */
INLINE void to_columns(floatv *v, const int count)
{
    if (count > 1) lowest_to_top(v, count);
    if (count > 2) lowest_to_top(v, count);
    if (count > 4) lowest_to_top(v, count);
    if (count > 8) lowest_to_top(v, count);
}

INLINE void to_rows(floatv *v, const int count)
{
    if (count > 1) top_to_lowest(v, count);
    if (count > 2) top_to_lowest(v, count);
    if (count > 4) top_to_lowest(v, count);
    if (count > 8) top_to_lowest(v, count);
}

/* Whether the numbers of VEC rows of `width` numbers are quickly rearranged. */
#define DENSE(width) ((width) < VEC && ((width) & ((width)-1)) == 0 && (width) > 1)

#define LANES_MAX ((E > K ? E : K) * VEC)

/* x[column] lane i = row i of `rows` <= VEC rows; lanes past the last row repeat it. */
INLINE void load_rows(floatv *x, __global const float *from, const int width, const int rows)
{
    if (rows == VEC && width == 1) {
        x[0] = vloadv(0, from);
    } else if (rows == VEC && DENSE(width)) {
#define LOAD(i)                                                                                    \
    if (i < width) x[i] = vloadv(i, from);
        EACH(LOAD)
        to_columns(x, width);
    } else if (rows == VEC && width % VEC == 0) {
        for (int column = 0; column < width; column += VEC) {
            floatv v[VEC];
#define LOAD_ROW(i) v[i] = vloadv(0, from + i * width + column);
#define PUT(i) x[column + i] = v[i];
            EACH(LOAD_ROW)
            to_columns(v, VEC);
            EACH(PUT)
        }
    } else {
        float lane[LANES_MAX];
        for (int column = 0; column < width; column++)
            for (int i = 0; i < VEC; i++)
                lane[column * VEC + i] = from[min(i, rows - 1) * width + column];
        for (int column = 0; column < width; column++)
            x[column] = vloadv(column, lane);
    }
}

/* The way back; x may be destroyed. */
INLINE void store_rows(floatv *x, __global float *to, const int width, const int rows)
{
    if (rows == VEC && width == 1) {
        vstorev(x[0], 0, to);
    } else if (rows == VEC && DENSE(width)) {
#define STORE(i)                                                                                   \
    if (i < width) vstorev(x[i], i, to);
        to_rows(x, width);
        EACH(STORE)
    } else if (rows == VEC && width % VEC == 0) {
        for (int column = 0; column < width; column += VEC) {
            floatv v[VEC];
#define GET(i) v[i] = x[column + i];
#define STORE_ROW(i) vstorev(v[i], 0, to + i * width + column);
            EACH(GET)
            to_rows(v, VEC);
            EACH(STORE_ROW)
        }
    } else {
        float lane[LANES_MAX];
        for (int column = 0; column < width; column++)
            vstorev(x[column], column, lane);
        for (int column = 0; column < width; column++)
            for (int i = 0; i < rows; i++)
                to[i * width + column] = lane[column * VEC + i];
    }
}

/* Asks for part `part` < E of the VEC rows from `node` on, a vector each, to read or write. Rows are
 * taken apart by columns, an order that the hardware does not guess: without this, memory makes
 * everybody wait from the second-level cache on. */
#if AHEAD > 0
#define ask_for(rows, node, part, nodes, write)                                                    \
    __builtin_prefetch((const void *)(size_t)((rows) + ((size_t)min(node, (nodes)-1) * E +         \
                                                        (size_t)(part)*VEC)),                      \
                       write, 3)
#else
#define ask_for(rows, node, part, nodes, write)
#endif

/* Nodes n ... n + rows - 1, `rows` <= VEC. */
INLINE void route(__global const float *RST logits, __global const int *RST pool,
                  __global float *RST probability, __global int *RST topk, __global float *RST gate,
                  __global int *RST key, int nodes, int n, const int rows)
{
    floatv x[E], top[K], bits[K];
    intv index[K], base = 0;
    load_rows(x, logits + (size_t)n * E, E, rows);
    choose_none(top, index);
    for (int e = 0; e < E; e++) {
        ask_for(logits, n + AHEAD * VEC, e, nodes, 0);
        offer(x[e], e, top, index);
    }

    const floatv largest = top[0];
    floatv sum = 0.0f;
    for (int e = 0; e < E; e++) {
        ask_for(probability, n + AHEAD * VEC, e, nodes, 1);
        x[e] = clm_exp(x[e] - largest);
        sum += x[e];
    }
    const floatv scale = 1.0f / sum;
    for (int e = 0; e < E; e++)
        x[e] *= scale;
    store_rows(x, probability + (size_t)n * E, E, rows);

    gates(top, sum);
    store_rows(top, gate + (size_t)n * K, K, rows);
    UNROLL for (int j = 0; j < K; j++) bits[j] = as_floatv(index[j]);
    store_rows(bits, (__global float *)topk + (size_t)n * K, K, rows);
    if (pool) {
        floatv p;
        load_rows(&p, (__global const float *)pool + n, 1, rows);
        base = as_intv(p) * E;
    }
    UNROLL for (int j = 0; j < K; j++) bits[j] = as_floatv(base + index[j]);
    store_rows(bits, (__global float *)key + (size_t)n * K, K, rows);
}

/* The last nodes apart: their loads and stores, by element, would send all vectors to memory. */
__kernel void router_f32_cpu(__global const float *RST logits, __global const int *RST pool,
                             __global float *RST probability, __global int *RST topk,
                             __global float *RST gate, __global int *RST key, int nodes, int block)
{
    int n = get_global_id(0) * block;
    const int last = min(nodes, n + block);
    for (; n + VEC <= last; n += VEC)
        route(logits, pool, probability, topk, gate, key, nodes, n, VEC);
    if (n < last) route(logits, pool, probability, topk, gate, key, nodes, n, last - n);
}

INLINE void route_backward(__global const float *RST probability, __global const int *RST topk,
                           __global const float *RST gate, __global const float *dprobability,
                           __global const float *RST dgate, __global float *dlogits, int nodes,
                           int n, const int rows)
{
    floatv p[E], dp[E], sum = 0.0f;
    load_rows(p, probability + (size_t)n * E, E, rows);
    if (dprobability) {
        load_rows(dp, dprobability + (size_t)n * E, E, rows);
        for (int e = 0; e < E; e++) {
            ask_for(dprobability, n + AHEAD * VEC, e, nodes, 0);
            sum = fma(p[e], dp[e], sum);
        }
    } else {
        for (int e = 0; e < E; e++)
            dp[e] = 0.0f;
    }
    floatv index[K], g[K], dg[K], chosen = 0.0f;
    if (dgate) {
        load_rows(index, (__global const float *)topk + (size_t)n * K, K, rows);
        load_rows(g, gate + (size_t)n * K, K, rows);
        load_rows(dg, dgate + (size_t)n * K, K, rows);
        UNROLL for (int j = 0; j < K; j++) chosen = fma(g[j], dg[j], chosen);
    }
    if (!RENORMALISE) sum += chosen;
    if (dgate) {
        UNROLL for (int j = 0; j < K; j++) g[j] *= RENORMALISE ? dg[j] - chosen : dg[j];
    } else {
        UNROLL for (int j = 0; j < K; j++) g[j] = index[j] = 0.0f;
    }
    for (int e = 0; e < E; e++) {
        ask_for(probability, n + AHEAD * VEC, e, nodes, 0);
        ask_for(dlogits, n + AHEAD * VEC, e, nodes, 1);
        floatv d = p[e] * (dp[e] - sum);
        UNROLL for (int j = 0; j < K; j++) d += as_intv(index[j]) == e ? g[j] : (floatv)(0.0f);
        dp[e] = d;
    }
    store_rows(dp, dlogits + (size_t)n * E, E, rows);
}

/* dprobability and dlogits may be one array. */
__kernel void router_backward_f32_cpu(__global const float *RST probability,
                                      __global const int *RST topk, __global const float *RST gate,
                                      __global const float *dprobability,
                                      __global const float *RST dgate, __global float *dlogits,
                                      int nodes, int block)
{
    int n = get_global_id(0) * block;
    const int last = min(nodes, n + block);
    for (; n + VEC <= last; n += VEC)
        route_backward(probability, topk, gate, dprobability, dgate, dlogits, nodes, n, VEC);
    if (n < last)
        route_backward(probability, topk, gate, dprobability, dgate, dlogits, nodes, n, last - n);
}
