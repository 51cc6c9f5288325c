/* Gradients of edge_attention by warps: by target, then by source row. */

#ifdef MMA
/* Sums over the edges seen so far: p dp, p dp k, p k. The gradient of the query is
 * sum p (dp - mean) k with mean = sum p dp, so keys are read once. */
typedef struct sums {
    float mean;
    floatv pulled[VECTORS], weighed[VECTORS];
} sums;

static inline void weigh_edges(sums *own, const floatv *q, const floatv *g, float norm, run r,
                               __global const real *kv, __global const int *source,
                               __global float *pd, lane_of at, __local uint *exchange)
{
    own->mean = 0.0f;
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        own->pulled[i] = own->weighed[i] = (floatv)(0.0f);
    for (int round = 0; round < r.rounds; round++) {
        const int from = r.begin + round * r.stride;
        floatv k[BATCH][VECTORS];
        float dots[2 * BATCH], *const score = dots, *const dp = dots + BATCH;
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            const bool have = from + j < r.end;
            __global const real *row = kv + (have ? (size_t)source[from + j] * 2 * D : 0) + at.column;
            floatv v[VECTORS];
            read_row(k[j], row, have);
            read_row(v, row + D, have);
            score[j] = dot_product(q, k[j]);
            dp[j] = dot_product(g, v);
        }
        clm_lanes_sums(dots, 2 * BATCH, SHARE, exchange);
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            const bool have = from + j < r.end;
            const float p = have ? exp(score[j] - norm) : 0.0f;
            if (have && at.first) {
                pd[(size_t)(from + j) * 2 * HEADS + at.head] = p;
                pd[(size_t)(from + j) * 2 * HEADS + HEADS + at.head] = dp[j];
            }
            own->mean = fma(p, dp[j], own->mean);
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                own->pulled[i] = fma((floatv)(p * dp[j]), k[j][i], own->pulled[i]);
                own->weighed[i] = fma((floatv)(p), k[j][i], own->weighed[i]);
            }
        }
    }
}

/* Gradients of the scores in place of dp, which the lane wrote itself. */
static inline void finish(float mean, run r, __global float *pd, lane_of at)
{
    for (int round = 0; round < r.rounds && at.first; round++)
        for (int e = r.begin + round * r.stride, j = 0; j < BATCH && e + j < r.end; j++) {
            __global float *p = pd + (size_t)(e + j) * 2 * HEADS + at.head;
            p[HEADS] = p[0] * (p[HEADS] - mean);
        }
}

/* Gradient of the queries and, in pd, of the scores. */
__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
edge_attention_targets_f32_warp(__global const real *queries, __global const real *kv,
                                __global const real *dout, __global const float *lse,
                                __global const int *segment_ptr, __global const int *edge_ptr,
                                __global const int *source, __global real *dqueries,
                                __global float *pd, int n, int m)
{
    __local float means[WARPS][WARP];
    __local floatv pulled[WARPS][WARP][VECTORS], weighed[WARPS][WARP][VECTORS];
    CLM_MMA_MEMORY
    const lane_of at = where();
    const int leader = (int)get_group_id(0) * WARPS, target = leader + at.warp;
    const int first = target < n ? segment_ptr[target] : 0;
    const int last = target < n ? segment_ptr[target + 1] : 0;
    const size_t own_row = (target < n ? (size_t)target * D : 0) + at.column;
    floatv q[VECTORS], g[VECTORS], dq[VECTORS];
    read_row(q, queries + own_row, target < n);
    read_row(g, dout + own_row, target < n);
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        dq[i] = (floatv)(0.0f);
    sums own;
    const int segments = clm_most(last - first, exchange);
    for (int s = 0; s < segments; s++) {
        const bool have = first + s < last;
        const int begin = have ? edge_ptr[first + s] : 0, end = have ? edge_ptr[first + s + 1] : 0;
        const bool heavy = is_heavy(begin, end);
        const run r = run_of(begin, heavy ? begin : end, 0, BATCH, exchange);
        const float norm = have ? lse[(size_t)(first + s) * HEADS + at.head] : 0.0f;
        weigh_edges(&own, q, g, norm, r, kv, source, pd, at, exchange);
        finish(own.mean, r, pd, at);
        MMA_UNROLL
        for (int i = 0; i < VECTORS; i++)
            dq[i] += own.pulled[i] - own.mean * own.weighed[i];
    }
    for (int t = leader; t < min(leader + WARPS, n); t++)
        for (int s = segment_ptr[t]; s < segment_ptr[t + 1]; s++) {
            if (!is_heavy(edge_ptr[s], edge_ptr[s + 1])) continue; /* all warps see the same */
            read_row(q, queries + (size_t)t * D + at.column, true);
            read_row(g, dout + (size_t)t * D + at.column, true);
            const run r = run_of(edge_ptr[s], edge_ptr[s + 1], at.warp * BATCH, WARPS * BATCH, exchange);
            weigh_edges(&own, q, g, lse[(size_t)s * HEADS + at.head], r, kv, source, pd, at, exchange);
            means[at.warp][at.lane] = own.mean;
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                pulled[at.warp][at.lane][i] = own.pulled[i];
                weighed[at.warp][at.lane][i] = own.weighed[i];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            float mean = 0.0f;
            for (int w = 0; w < WARPS; w++)
                mean += means[w][at.lane];
            finish(mean, r, pd, at);
            for (int w = 0; w < WARPS && t == target; w++) {
                MMA_UNROLL
                for (int i = 0; i < VECTORS; i++)
                    dq[i] += pulled[w][at.lane][i] - mean * weighed[w][at.lane][i];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        if (target < n) WRITE(dq[i], dqueries + own_row, i);
}

/* What the edges at begin, begin + 1 ... BATCH of them, then `stride` further on, give to their source
 * row: ds q to the gradient of its key, p dout to that of its value. Nothing is exchanged. */
static inline void push_edges(floatv *dk, floatv *dv, __global const real *queries,
                              __global const real *dout, __global const int *source_edge,
                              __global const int *source_target, __global const float *pd,
                              int begin, int end, int stride, lane_of at)
{
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        dk[i] = dv[i] = (floatv)(0.0f);
    for (int from = begin; from < end; from += stride) {
        floatv q[BATCH][VECTORS], g[BATCH][VECTORS];
        float p[BATCH], ds[BATCH];
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            const bool have = from + j < end;
            const int edge = have ? source_edge[from + j] : 0;
            const size_t row = (have ? (size_t)source_target[from + j] * D : 0) + at.column;
            const size_t weight = (size_t)edge * 2 * HEADS + at.head;
            read_row(q[j], queries + row, have);
            read_row(g[j], dout + row, have);
            p[j] = have ? pd[weight] : 0.0f;
            ds[j] = have ? pd[weight + HEADS] : 0.0f;
        }
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                dk[i] = fma((floatv)(ds[j]), q[j][i], dk[i]);
                dv[i] = fma((floatv)(p[j]), g[j][i], dv[i]);
            }
        }
    }
}

/* Gradients of keys and values: a warp has a source row. */
__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
edge_attention_sources_f32_warp(__global const real *queries, __global const real *dout,
                                __global const int *source_ptr, __global const int *source_edge,
                                __global const int *source_target, __global const float *pd,
                                __global real *dkv, int s, int m)
{
    __local floatv dks[WARPS][WARP][VECTORS], dvs[WARPS][WARP][VECTORS];
    const lane_of at = where();
    const int leader = (int)get_group_id(0) * WARPS, own = leader + at.warp;
    const int begin = own < s ? source_ptr[own] : 0, end = own < s ? source_ptr[own + 1] : 0;
    floatv dk[VECTORS], dv[VECTORS];
    push_edges(dk, dv, queries, dout, source_edge, source_target, pd, begin,
               is_heavy(begin, end) ? begin : end, BATCH, at);
    for (int row = leader; row < min(leader + WARPS, s); row++) {
        const int first = source_ptr[row], last = source_ptr[row + 1];
        if (!is_heavy(first, last)) continue; /* all warps see the same */
        floatv k[VECTORS], v[VECTORS];
        push_edges(k, v, queries, dout, source_edge, source_target, pd, first + at.warp * BATCH, last,
                   WARPS * BATCH, at);
        MMA_UNROLL
        for (int i = 0; i < VECTORS; i++) {
            dks[at.warp][at.lane][i] = k[i];
            dvs[at.warp][at.lane][i] = v[i];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int w = 0; w < WARPS && row == own; w++) {
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                dk[i] += dks[w][at.lane][i];
                dv[i] += dvs[w][at.lane][i];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    __global real *to = dkv + (size_t)own * 2 * D + at.column;
    MMA_UNROLL
    for (int i = 0; i < VECTORS && own < s; i++) {
        WRITE(dk[i], to, i);
        WRITE(dv[i], to + D, i);
    }
}
#endif
