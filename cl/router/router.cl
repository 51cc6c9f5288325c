/* Variants plain and gpu of the router: one node per work-item. */

/* Length of a row in local memory: odd. */
#define ROW ((E) | 1)

static inline void write_choice(const float *top, const int *index, __global const int *RST pool,
                                __global int *RST topk, __global float *RST gate,
                                __global int *RST key, int n)
{
    const int base = pool ? pool[n] * E : 0;
    UNROLL for (int j = 0; j < K; j++)
    {
        topk[(size_t)n * K + j] = index[j];
        gate[(size_t)n * K + j] = top[j];
        key[(size_t)n * K + j] = base + index[j];
    }
}

__kernel void router_f32_plain(__global const float *RST logits, __global const int *RST pool,
                               __global float *RST probability, __global int *RST topk,
                               __global float *RST gate, __global int *RST key, int nodes)
{
    const int n = get_global_id(0);
    if (n >= nodes) return;
    __global const float *RST x = logits + (size_t)n * E;
    __global float *RST p = probability + (size_t)n * E;
    float top[K];
    int index[K];
    choose_none(top, index);
    for (int e = 0; e < E; e++)
        offer(x[e], e, top, index);
    float sum = 0.0f;
    for (int e = 0; e < E; e++)
        sum += clm_exp(x[e] - top[0]);
    const float scale = 1.0f / sum;
    for (int e = 0; e < E; e++)
        p[e] = clm_exp(x[e] - top[0]) * scale;
    gates(top, sum);
    write_choice(top, index, pool, topk, gate, key, n);
}

__kernel void
router_backward_f32_plain(__global const float *RST probability, __global const int *RST topk,
                          __global const float *RST gate, __global const float *dprobability,
                          __global const float *RST dgate, __global float *dlogits, int nodes)
{
    const int n = get_global_id(0);
    if (n >= nodes) return;
    const size_t row = (size_t)n * E, choice = (size_t)n * K;
    float sum = 0.0f, chosen = 0.0f;
    if (dprobability)
        for (int e = 0; e < E; e++)
            sum += probability[row + e] * dprobability[row + e];
    if (dgate)
        for (int j = 0; j < K; j++)
            chosen += gate[choice + j] * dgate[choice + j];
    if (!RENORMALISE) sum += chosen;
    for (int e = 0; e < E; e++)
        dlogits[row + e] =
            probability[row + e] * ((dprobability ? dprobability[row + e] : 0.0f) - sum);
    if (!dgate) return;
    for (int j = 0; j < K; j++)
        dlogits[row + topk[choice + j]] +=
            gate[choice + j] * (RENORMALISE ? dgate[choice + j] - chosen : dgate[choice + j]);
}

#ifdef TILE /* nodes of a work-group: where rows are long, fewer than it has work-items */
enum { GROUP = 64 };

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
router_f32_gpu(__global const float *RST logits, __global const int *RST pool,
               __global float *RST probability, __global int *RST topk, __global float *RST gate,
               __global int *RST key, int nodes)
{
    __local float tile[TILE * ROW];
    const int t = get_local_id(0), first = get_group_id(0) * TILE, rows = min(TILE, nodes - first);
    __global const float *RST from = logits + (size_t)first * E;
    __global float *RST to = probability + (size_t)first * E;
    for (int i = t; i < rows * E; i += GROUP)
        tile[i / E * ROW + i % E] = from[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    if (t < rows) {
        __local float *x = tile + t * ROW;
        float top[K];
        int index[K];
        choose_none(top, index);
        for (int e = 0; e < E; e++)
            offer(x[e], e, top, index);
        float sum = 0.0f;
        for (int e = 0; e < E; e++) {
            x[e] = clm_exp(x[e] - top[0]);
            sum += x[e];
        }
        const float scale = 1.0f / sum;
        for (int e = 0; e < E; e++)
            x[e] *= scale;
        gates(top, sum);
        write_choice(top, index, pool, topk, gate, key, first + t);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = t; i < rows * E; i += GROUP)
        to[i] = tile[i / E * ROW + i % E];
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
router_backward_f32_gpu(__global const float *RST probability, __global const int *RST topk,
                        __global const float *RST gate, __global const float *dprobability,
                        __global const float *RST dgate, __global float *dlogits, int nodes)
{
    __local float p_tile[TILE * ROW], d_tile[TILE * ROW];
    const int t = get_local_id(0), first = get_group_id(0) * TILE, rows = min(TILE, nodes - first);
    const size_t start = (size_t)first * E, choice = (size_t)(first + t) * K;
    for (int i = t; i < rows * E; i += GROUP) {
        p_tile[i / E * ROW + i % E] = probability[start + i];
        d_tile[i / E * ROW + i % E] = dprobability ? dprobability[start + i] : 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (t < rows) {
        __local float *p = p_tile + t * ROW, *d = d_tile + t * ROW;
        float sum = 0.0f, chosen = 0.0f;
        for (int e = 0; e < E; e++)
            sum += p[e] * d[e];
        if (dgate)
            for (int j = 0; j < K; j++)
                chosen += gate[choice + j] * dgate[choice + j];
        if (!RENORMALISE) sum += chosen;
        for (int e = 0; e < E; e++)
            d[e] = p[e] * (d[e] - sum);
        if (dgate)
            for (int j = 0; j < K; j++)
                d[topk[choice + j]] += gate[choice + j] * (RENORMALISE ? dgate[choice + j] - chosen
                                                                       : dgate[choice + j]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = t; i < rows * E; i += GROUP)
        dlogits[start + i] = d_tile[i / E * ROW + i % E];
}

#endif
