/* edge_attention: softmax attention along edges, and its gradient; CPUs have edge_attention_cpu.cl.
 *
 * One CSR by target serves the forward pass and the gradient of the queries, its transpose the
 * gradient of keys and values, so that nobody ever adds to a number that another work-item adds to.
 * A work-item takes one head of one target, or one vector of a source row; with SLOTS there are
 * that many work-items for it, which share its edges, so that hubs do not keep the device waiting.
 *
 * Built with D, HEADS, VEC (VEC divides C), HAS_ALPHA; for work-groups SLOTS, COLUMNS (of a row
 * that a work-item of a target finishes), ROW_SLOTS. A row of kv: D of the key, D of the value. */

#define C (D / HEADS)
#define VECTORS (D / VEC)
#define LOW -1e30f /* below every score; infinities would make NaN of their differences */

static inline float dot_product(__global const real *RST a, __global const real *RST b)
{
    floatv sum = (floatv)(0.0f);
    for (int i = 0; i < C / VEC; i++)
        sum = fma(vloadr(i, a), vloadr(i, b), sum);
    return sumv(sum);
}

/* Softmax over the edges seen so far: their greatest score, the sum of e^(score - most), and the
 * sum of values weighted so. */
typedef struct softmax {
    float most, total;
    floatv sum[C / VEC];
} softmax;

static inline void no_edges(softmax *own)
{
    own->most = LOW;
    own->total = 0.0f;
    for (int i = 0; i < C / VEC; i++)
        own->sum[i] = (floatv)(0.0f);
}

/* Takes the edge whose keys and values are at `row`; what was summed is rescaled when its score
 * exceeds all before it. Returns the score. */
static inline float next_edge(softmax *own, __global const real *RST q,
                              __global const real *RST k, __global const real *RST v, size_t row)
{
    const float x = dot_product(q, k + row), peak = fmax(own->most, x);
    const float less = exp(own->most - peak), p = exp(x - peak);
    own->most = peak;
    own->total = fma(own->total, less, p);
    for (int i = 0; i < C / VEC; i++)
        own->sum[i] = fma((floatv)(p), vloadr(i, v + row), own->sum[i] * less);
    return x;
}

/* Weight p of an edge and the gradient dp in it, kept at `at`. Returns p dp. */
static inline float weigh_edge(__global const real *RST q, __global const real *RST g,
                               __global const real *RST k, __global const real *RST v, size_t row,
                               float norm, __global float *RST p_of, __global float *RST dp_of,
                               size_t at)
{
    const float p = exp(dot_product(q, k + row) - norm), dp = dot_product(g, v + row);
    p_of[at] = p;
    dp_of[at] = dp;
    return p * dp;
}

/* Gradient of the score in place of dp; adds the edge's part of the gradient of the queries. */
static inline void pull_edge(floatv *dq, float mean, __global const real *RST k,
                             __global const float *RST p_of, __global float *RST dp_of, size_t at)
{
    const float ds = p_of[at] * (dp_of[at] - mean);
    dp_of[at] = ds;
    for (int i = 0; i < C / VEC; i++)
        dq[i] = fma((floatv)(ds), vloadr(i, k), dq[i]);
}

/* Adds an edge's part of the gradients of its source row, at the vector from `column` on. */
static inline void push_edge(floatv *dk, floatv *dv, __global const real *RST queries,
                             __global const real *RST dout, __global const float *RST pd,
                             int target, int edge, int column)
{
    const size_t row = (size_t)target * D + column;
    const size_t at = (size_t)edge * 2 * HEADS + column / C;
    *dk = fma((floatv)(pd[at + HEADS]), vloadr(0, queries + row), *dk);
    *dv = fma((floatv)(pd[at]), vloadr(0, dout + row), *dv);
}

#if HAS_ALPHA
#define KEEP_SCORE(e) alpha[(size_t)(e)*HEADS + head] =
#else
#define KEEP_SCORE(e) (void)
#endif

/* --- work-groups --- */

#ifdef SLOTS

/* One work-group of (head, slot) per target: a slot takes every SLOTS-th edge, with a softmax of
 * its own, and the slots' results are put together at the end of the segment. */
__kernel void edge_attention_f32_gpu(__global const real *RST queries,
                                     __global const real *RST kv,
                                     __global const int *RST segment_ptr,
                                     __global const int *RST edge_ptr,
                                     __global const int *RST source, __global real *RST out,
                                     __global float *RST lse, __global float *RST alpha, int n,
                                     int m)
{
    __local float mosts[SLOTS * HEADS], totals[SLOTS * HEADS], sums[SLOTS * D];
    const int item = (int)get_local_id(0), slot = item / HEADS, head = item % HEADS;
    const int target = (int)get_group_id(0);
    __global const real *q = queries + (size_t)target * D + head * C;
    __global const real *k = kv + head * C, *v = k + D;
    float y[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        y[i] = 0.0f;
    for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
        const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
        const int used = min(end - begin, SLOTS);
        softmax own;
        no_edges(&own);
        for (int e = begin + slot; e < end; e += SLOTS) {
            KEEP_SCORE(e) next_edge(&own, q, k, v, (size_t)source[e] * 2 * D);
        }
        mosts[item] = own.most;
        barrier(CLK_LOCAL_MEM_FENCE);
        float peak = LOW, total = 0.0f;
        for (int i = 0; i < used; i++)
            peak = fmax(peak, mosts[i * HEADS + head]);
        const float factor = exp(own.most - peak);
        totals[item] = own.total * factor;
        for (int i = 0; i < C / VEC; i++)
            vstorev(own.sum[i] * factor, i, sums + slot * D + head * C);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = 0; i < used; i++)
            total += totals[i * HEADS + head];
        const float norm = used > 0 ? peak + log(total) : 0.0f;
        if (slot == 0) lse[(size_t)segment * HEADS + head] = norm;
#if HAS_ALPHA
        for (int e = begin + slot; e < end; e += SLOTS)
            alpha[(size_t)e * HEADS + head] = exp(alpha[(size_t)e * HEADS + head] - norm);
#endif
        for (int i = 0, column = item; column < D; i++, column += SLOTS * HEADS) {
            float sum = 0.0f, all = 0.0f;
            for (int j = 0; j < used; j++) {
                sum += sums[j * D + column];
                all += totals[j * HEADS + column / C];
            }
            y[i] += used > 0 ? sum / all : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0, column = item; column < D; i++, column += SLOTS * HEADS)
        out[(size_t)target * D + column] = clm_narrow(y[i]);
}

/* Gradient of the queries and, in pd, of the scores; work-groups as above. */
__kernel void
edge_attention_targets_f32_gpu(__global const real *RST queries, __global const real *RST kv,
                               __global const real *RST dout,
                               __global const float *RST lse, __global const int *RST segment_ptr,
                               __global const int *RST edge_ptr, __global const int *RST source,
                               __global real *RST dqueries, __global float *RST pd, int n, int m)
{
    __local float means[SLOTS * HEADS], sums[SLOTS * D];
    const int item = (int)get_local_id(0), slot = item / HEADS, head = item % HEADS;
    const int target = (int)get_group_id(0);
    __global const real *q = queries + (size_t)target * D + head * C;
    __global const real *g = dout + (size_t)target * D + head * C;
    __global const real *k = kv + head * C, *v = k + D;
    __global float *ds_of = pd + HEADS;
    floatv dq[C / VEC];
    for (int i = 0; i < C / VEC; i++)
        dq[i] = (floatv)(0.0f);
    for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
        const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
        const float norm = lse[(size_t)segment * HEADS + head];
        float mean = 0.0f;
        for (int e = begin + slot; e < end; e += SLOTS)
            mean += weigh_edge(q, g, k, v, (size_t)source[e] * 2 * D, norm, pd, ds_of,
                               (size_t)e * 2 * HEADS + head);
        means[item] = mean;
        barrier(CLK_LOCAL_MEM_FENCE);
        mean = 0.0f;
        for (int i = 0; i < min(end - begin, SLOTS); i++)
            mean += means[i * HEADS + head];
        for (int e = begin + slot; e < end; e += SLOTS)
            pull_edge(dq, mean, k + (size_t)source[e] * 2 * D, pd, ds_of,
                      (size_t)e * 2 * HEADS + head);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < C / VEC; i++)
        vstorev(dq[i], i, sums + slot * D + head * C);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int column = item; column < D; column += SLOTS * HEADS) {
        float sum = 0.0f;
        for (int j = 0; j < SLOTS; j++)
            sum += sums[j * D + column];
        dqueries[(size_t)target * D + column] = clm_narrow(sum);
    }
}

/* Gradients of keys and values. One work-group of (vector, slot) per source row. */
__kernel void
edge_attention_sources_f32_gpu(__global const real *RST queries, __global const real *RST dout,
                               __global const int *RST source_ptr,
                               __global const int *RST source_edge,
                               __global const int *RST source_target, __global const float *RST pd,
                               __global real *RST dkv, int s, int m)
{
    __local floatv dks[ROW_SLOTS * VECTORS], dvs[ROW_SLOTS * VECTORS];
    const int item = (int)get_local_id(0), slot = item / VECTORS, column = item % VECTORS * VEC;
    const int row = (int)get_group_id(0), begin = source_ptr[row], end = source_ptr[row + 1];
    floatv dk = (floatv)(0.0f), dv = (floatv)(0.0f);
    for (int j = begin + slot; j < end; j += ROW_SLOTS)
        push_edge(&dk, &dv, queries, dout, pd, source_target[j], source_edge[j], column);
    dks[item] = dk;
    dvs[item] = dv;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (slot == 0) {
        for (int i = 1; i < min(end - begin, ROW_SLOTS); i++) {
            dk += dks[i * VECTORS + item];
            dv += dvs[i * VECTORS + item];
        }
        vstorer(dk, 0, dkv + (size_t)row * 2 * D + column);
        vstorer(dv, 0, dkv + (size_t)row * 2 * D + D + column);
    }
}

#else

/* --- no work-groups --- */

/* One work-item per (target, head). */
__kernel void edge_attention_f32_plain(__global const real *RST queries,
                                       __global const real *RST kv,
                                       __global const int *RST segment_ptr,
                                       __global const int *RST edge_ptr,
                                       __global const int *RST source, __global real *RST out,
                                       __global float *RST lse, __global float *RST alpha, int n,
                                       int m)
{
    const int id = (int)get_global_id(0), target = id / HEADS, head = id % HEADS;
    if (target >= n) return;
    __global const real *q = queries + (size_t)target * D + head * C;
    __global const real *k = kv + head * C, *v = k + D;
    floatv y[C / VEC];
    for (int i = 0; i < C / VEC; i++)
        y[i] = (floatv)(0.0f);
    for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
        const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
        softmax own;
        no_edges(&own);
        for (int e = begin; e < end; e++) {
            KEEP_SCORE(e) next_edge(&own, q, k, v, (size_t)source[e] * 2 * D);
        }
        const float norm = begin < end ? own.most + log(own.total) : 0.0f;
        lse[(size_t)segment * HEADS + head] = norm;
        for (int i = 0; i < C / VEC && begin < end; i++)
            y[i] += own.sum[i] / own.total;
#if HAS_ALPHA
        for (int e = begin; e < end; e++)
            alpha[(size_t)e * HEADS + head] = exp(alpha[(size_t)e * HEADS + head] - norm);
#endif
    }
    for (int i = 0; i < C / VEC; i++)
        vstorer(y[i], i, out + (size_t)target * D + head * C);
}

/* Gradient of the queries and, in pd, of the scores. One work-item per (target, head). */
__kernel void
edge_attention_targets_f32_plain(__global const real *RST queries, __global const real *RST kv,
                               __global const real *RST dout,
                                 __global const float *RST lse, __global const int *RST segment_ptr,
                                 __global const int *RST edge_ptr, __global const int *RST source,
                                 __global real *RST dqueries, __global float *RST pd, int n, int m)
{
    const int id = (int)get_global_id(0), target = id / HEADS, head = id % HEADS;
    if (target >= n) return;
    __global const real *q = queries + (size_t)target * D + head * C;
    __global const real *g = dout + (size_t)target * D + head * C;
    __global const real *k = kv + head * C, *v = k + D;
    __global float *ds_of = pd + HEADS;
    floatv dq[C / VEC];
    for (int i = 0; i < C / VEC; i++)
        dq[i] = (floatv)(0.0f);
    for (int segment = segment_ptr[target]; segment < segment_ptr[target + 1]; segment++) {
        const int begin = edge_ptr[segment], end = edge_ptr[segment + 1];
        const float norm = lse[(size_t)segment * HEADS + head];
        float mean = 0.0f;
        for (int e = begin; e < end; e++)
            mean += weigh_edge(q, g, k, v, (size_t)source[e] * 2 * D, norm, pd, ds_of,
                               (size_t)e * 2 * HEADS + head);
        for (int e = begin; e < end; e++)
            pull_edge(dq, mean, k + (size_t)source[e] * 2 * D, pd, ds_of,
                      (size_t)e * 2 * HEADS + head);
    }
    for (int i = 0; i < C / VEC; i++)
        vstorer(dq[i], i, dqueries + (size_t)target * D + head * C);
}

/* Gradients of keys and values. One work-item per vector of a source row. */
__kernel void
edge_attention_sources_f32_plain(__global const real *RST queries, __global const real *RST dout,
                                 __global const int *RST source_ptr,
                                 __global const int *RST source_edge,
                                 __global const int *RST source_target,
                                 __global const float *RST pd, __global real *RST dkv, int s,
                                 int m)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / VECTORS), column = (int)(id % VECTORS) * VEC;
    if (row >= s) return;
    floatv dk = (floatv)(0.0f), dv = (floatv)(0.0f);
    for (int j = source_ptr[row]; j < source_ptr[row + 1]; j++)
        push_edge(&dk, &dv, queries, dout, pd, source_target[j], source_edge[j], column);
    vstorer(dk, 0, dkv + (size_t)row * 2 * D + column);
    vstorer(dv, 0, dkv + (size_t)row * 2 * D + D + column);
}

#endif
