/* edge_attention by warps. HAS_ALPHA: every edge's weight is written, too. */

#ifdef MMA
/* Softmax over the edges seen so far: greatest score, sum of e^(score - most), values so weighted. */
typedef struct softmax {
    float most, total;
    floatv sum[VECTORS];
} softmax;

static inline void take_edges(softmax *own, const floatv *q, run r, __global const real *kv,
                              __global const int *source, __global float *alpha, lane_of at,
                              __local uint *exchange)
{
    own->most = LOW;
    own->total = 0.0f;
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        own->sum[i] = (floatv)(0.0f);
    for (int round = 0; round < r.rounds; round++) {
        const int from = r.begin + round * r.stride;
        floatv k[BATCH][VECTORS], v[BATCH][VECTORS];
        float score[BATCH], peak = own->most;
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            const bool have = from + j < r.end;
            __global const real *row = kv + (have ? (size_t)source[from + j] * 2 * D : 0) + at.column;
            read_row(k[j], row, have);
            read_row(v[j], row + D, have);
        }
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++)
            score[j] = dot_product(q, k[j]);
        clm_lanes_sums(score, BATCH, SHARE, exchange);
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            if (from + j < r.end) peak = fmax(peak, score[j]);
#if HAS_ALPHA
            if (from + j < r.end && at.first)
                alpha[(size_t)(from + j) * HEADS + at.head] = score[j];
#endif
        }
        const float less = exp(own->most - peak);
        own->most = peak;
        own->total *= less;
        MMA_UNROLL
        for (int i = 0; i < VECTORS; i++)
            own->sum[i] *= less;
        MMA_UNROLL
        for (int j = 0; j < BATCH; j++) {
            const float p = from + j < r.end ? exp(score[j] - peak) : 0.0f;
            own->total += p;
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++)
                own->sum[i] = fma((floatv)(p), v[j][i], own->sum[i]);
        }
    }
}

/* What is to be known of a finished segment; of an edge the lane wrote itself. */
static inline void finish(float norm, int segment, run r, bool writes, __global float *lse,
                          __global float *alpha, lane_of at)
{
    if (writes && at.first) lse[(size_t)segment * HEADS + at.head] = norm;
#if HAS_ALPHA
    for (int round = 0; round < r.rounds && at.first; round++)
        for (int e = r.begin + round * r.stride, j = 0; j < BATCH && e + j < r.end; j++)
            alpha[(size_t)(e + j) * HEADS + at.head] =
                exp(alpha[(size_t)(e + j) * HEADS + at.head] - norm);
#endif
}

__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void
edge_attention_f32_warp(__global const real *queries, __global const real *kv,
                        __global const int *segment_ptr, __global const int *edge_ptr,
                        __global const int *source, __global real *out, __global float *lse,
                        __global float *alpha, int n, int m)
{
    __local float mosts[WARPS][WARP], totals[WARPS][WARP];
    __local floatv sums[WARPS][WARP][VECTORS];
    CLM_MMA_MEMORY
    const lane_of at = where();
    const int leader = (int)get_group_id(0) * WARPS, target = leader + at.warp;
    const int first = target < n ? segment_ptr[target] : 0;
    const int last = target < n ? segment_ptr[target + 1] : 0;
    floatv q[VECTORS], y[VECTORS];
    read_row(q, queries + (target < n ? (size_t)target * D : 0) + at.column, target < n);
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        y[i] = (floatv)(0.0f);
    softmax own;
    const int segments = clm_most(last - first, exchange);
    for (int s = 0; s < segments; s++) {
        const bool have = first + s < last;
        const int begin = have ? edge_ptr[first + s] : 0, end = have ? edge_ptr[first + s + 1] : 0;
        const bool heavy = is_heavy(begin, end);
        const run r = run_of(begin, heavy ? begin : end, 0, BATCH, exchange);
        take_edges(&own, q, r, kv, source, alpha, at, exchange);
        if (!have || heavy) continue;
        finish(begin < end ? own.most + log(own.total) : 0.0f, first + s, r, true, lse, alpha, at);
        MMA_UNROLL
        for (int i = 0; i < VECTORS; i++)
            y[i] += begin < end ? own.sum[i] / own.total : (floatv)(0.0f);
    }
    for (int t = leader; t < min(leader + WARPS, n); t++)
        for (int s = segment_ptr[t]; s < segment_ptr[t + 1]; s++) {
            if (!is_heavy(edge_ptr[s], edge_ptr[s + 1])) continue; /* all warps see the same */
            read_row(q, queries + (size_t)t * D + at.column, true);
            const run r = run_of(edge_ptr[s], edge_ptr[s + 1], at.warp * BATCH, WARPS * BATCH, exchange);
            take_edges(&own, q, r, kv, source, alpha, at, exchange);
            mosts[at.warp][at.lane] = own.most;
            totals[at.warp][at.lane] = own.total;
            MMA_UNROLL
            for (int i = 0; i < VECTORS; i++)
                sums[at.warp][at.lane][i] = own.sum[i];
            barrier(CLK_LOCAL_MEM_FENCE);
            float peak = LOW, total = 0.0f;
            for (int w = 0; w < WARPS; w++)
                peak = fmax(peak, mosts[w][at.lane]);
            for (int w = 0; w < WARPS; w++)
                total += totals[w][at.lane] * exp(mosts[w][at.lane] - peak);
            finish(peak + log(total), s, r, t == target, lse, alpha, at);
            for (int w = 0; w < WARPS && t == target; w++) {
                const float factor = exp(mosts[w][at.lane] - peak) / total;
                MMA_UNROLL
                for (int i = 0; i < VECTORS; i++)
                    y[i] += sums[w][at.lane][i] * factor;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    MMA_UNROLL
    for (int i = 0; i < VECTORS; i++)
        if (target < n) WRITE(y[i], out + (size_t)target * D + at.column, i);
}
#endif
