/* Gradient of edge_attention for CPUs: by target, then by source row. */

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
 * pd [M, 2, HEADS]. Shares as in edge_attention_cpu.cl. */
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
                               __global const int *RST source_ptr,
                               __global const int *RST source_edge,
                               __global const int *RST source_target, __global const float *RST pd,
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
            const size_t at = (size_t)source_target[j] * D;
            __global const float *p = pd + (size_t)edge * 2 * HEADS, *ds = p + HEADS;
#if AHEAD > 0
            const int later = min(j + AHEAD, m - 1);
            const size_t next = (size_t)source_target[later] * D;
            ASK_FOR(queries + next, D);
            ASK_FOR(dout + next, D);
            ASK_FOR(pd + (size_t)source_edge[later] * 2 * HEADS, 2 * HEADS);
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
