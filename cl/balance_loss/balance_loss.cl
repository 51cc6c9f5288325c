/* Load balancing loss: column sums of probabilities and gates by pool, in two steps of fixed order.
 * E and K are given.
 *
 * The nodes of each pool are cut into equal parts; partial[pool][part] holds the sums of a part,
 * first E of gates, then E of probabilities. Then the parts are added.
 *
 * cpu: rows of E probabilities are read as one run of numbers in whole vectors. Every WIDTH numbers
 * (the least common multiple of E and VEC) a lane meets the same expert again, so WIDTH / VEC
 * accumulators serve any E without a tail for each row.
 * columns (gpu, plain): a work-item takes one expert of a part, so that neighbours read neighbours,
 * and finds its gates among the choices of each node. */

/* Part `part` of the nodes of a pool, cut into `parts` equal ones: first node and end. */
static inline int2 part_of(__global const int *RST offsets, int pool, int part, int parts) {
    const int first = offsets[pool];
    const long count = offsets[pool + 1] - first;
    return (int2)(first + (int)(count * part / parts), first + (int)(count * (part + 1) / parts));
}

static inline int pools_with_nodes(__global const int *RST offsets, int pools) {
    int count = 0;
    for (int q = 0; q < pools; q++)
        count += offsets[q + 1] > offsets[q];
    return count;
}

#if VEC > 1

#define COMMON(a) ((a) % 16 == 0 ? 16 : (a) % 8 == 0 ? 8 : (a) % 4 == 0 ? 4 : (a) % 2 == 0 ? 2 : 1)
#define SHARED (COMMON(E) < VEC ? COMMON(E) : VEC) /* greatest common divisor of E and VEC */
#define WIDTH (E / SHARED * VEC)
#define ROWS (WIDTH / E)

__kernel void balance_loss_f32_cpu(__global const float *RST probability,
                                   __global const int *RST topk, __global const float *RST gate,
                                   __global const int *RST offsets, __global float *RST partial,
                                   int parts) {
    const int2 range = part_of(offsets, get_global_id(0) / parts, get_global_id(0) % parts, parts);
    floatv sum[WIDTH / VEC];
    for (int v = 0; v < WIDTH / VEC; v++)
        sum[v] = 0.0f;
    int n = range.x;
    for (; n + ROWS <= range.y; n += ROWS) {
        __global const float *RST from = probability + (size_t)n * E;
        for (int v = 0; v < WIDTH / VEC; v++)
            sum[v] += vloadv(v, from);
    }
    float f[E], p[E], lane[WIDTH];
    for (int v = 0; v < WIDTH / VEC; v++)
        vstorev(sum[v], v, lane);
    for (int e = 0; e < E; e++) {
        f[e] = p[e] = 0.0f;
        for (int r = 0; r < ROWS; r++)
            p[e] += lane[r * E + e];
    }
    for (; n < range.y; n++)
        for (int e = 0; e < E; e++)
            p[e] += probability[(size_t)n * E + e];
    for (int i = range.x * K; i < range.y * K; i++)
        f[topk[i]] += gate[i];
    __global float *RST out = partial + (size_t)get_global_id(0) * (2 * E);
    for (int e = 0; e < E; e++) {
        out[e] = f[e];
        out[E + e] = p[e];
    }
}

/* A work-item writes the gradients of a block of nodes; the pattern of WIDTH numbers repeats. */
__kernel void balance_loss_backward_f32_cpu(__global const float *RST dloss,
                                            __global const int *RST topk,
                                            __global const int *RST offsets,
                                            __global const float *RST f,
                                            __global const float *RST p,
                                            __global float *RST dprobability,
                                            __global float *RST dgate, int pools, int block) {
    const int begin = get_global_id(0) * block, end = begin + block;
    const float scale = dloss[0] * E / pools_with_nodes(offsets, pools);
    for (int q = 0; q < pools; q++) {
        int n = max(begin, offsets[q]);
        const int first = n, last = min(end, offsets[q + 1]);
        if (first >= last)
            continue;
        const float c = scale / (offsets[q + 1] - offsets[q]);
        float pattern[WIDTH], to_gate[E];
        for (int i = 0; i < WIDTH; i++)
            pattern[i] = c * f[q * E + i % E];
        for (int e = 0; e < E; e++)
            to_gate[e] = c * p[q * E + e];
        for (; n + ROWS <= last; n += ROWS)
            for (int v = 0; v < WIDTH / VEC; v++)
                vstorev(vloadv(v, pattern), v, dprobability + (size_t)n * E);
        for (; n < last; n++)
            for (int e = 0; e < E; e++)
                dprobability[(size_t)n * E + e] = pattern[e];
        for (int i = first * K; i < last * K; i++)
            dgate[i] = to_gate[topk[i]];
    }
}

#endif

/* Work-items (expert, pool and part). */
__kernel void balance_loss_f32_columns(__global const float *RST probability,
                                       __global const int *RST topk, __global const float *RST gate,
                                       __global const int *RST offsets, __global float *RST partial,
                                       int pools, int parts) {
    const int e = get_global_id(0), i = get_global_id(1);
    if (e >= E || i >= pools * parts)
        return;
    const int2 range = part_of(offsets, i / parts, i % parts, parts);
    float f = 0.0f, p = 0.0f;
    for (int n = range.x; n < range.y; n++) {
        p += probability[(size_t)n * E + e];
        for (int j = 0; j < K; j++)
            f += topk[(size_t)n * K + j] == e ? gate[(size_t)n * K + j] : 0.0f;
    }
    partial[(size_t)i * (2 * E) + e] = f;
    partial[(size_t)i * (2 * E) + E + e] = p;
}

/* One work-item adds the parts. */
__kernel void balance_loss_f32_sum(__global const float *RST partial,
                                   __global const int *RST offsets, __global float *RST loss,
                                   __global float *RST f, __global float *RST p, int pools,
                                   int parts) {
    float total = 0.0f;
    for (int q = 0; q < pools; q++) {
        const int count = offsets[q + 1] - offsets[q];
        const float scale = count > 0 ? 1.0f / count : 0.0f;
        __global const float *RST from = partial + (size_t)q * parts * (2 * E);
        float sum[2 * E];
        for (int i = 0; i < 2 * E; i++)
            sum[i] = 0.0f;
        for (int part = 0; part < parts; part++)
            for (int i = 0; i < 2 * E; i++)
                sum[i] += from[(size_t)part * (2 * E) + i];
        for (int e = 0; e < E; e++) {
            f[q * E + e] = sum[e] * scale;
            p[q * E + e] = sum[E + e] * scale;
            total += (sum[e] * scale) * (sum[E + e] * scale);
        }
    }
    loss[0] = total * E / max(1, pools_with_nodes(offsets, pools));
}

#define GROUP 128

/* One work-group adds the parts: TEAM of its work-items share an expert. */
#define TEAM (E >= GROUP ? 1 : GROUP / E)

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
balance_loss_f32_gpu_sum(__global const float *RST partial, __global const int *RST offsets,
                         __global float *RST loss, __global float *RST f, __global float *RST p,
                         int pools, int parts) {
    __local float f_part[GROUP], p_part[GROUP];
    const int i = get_local_id(0), lane = i / (GROUP / TEAM), stride = GROUP / TEAM;
    float total = 0.0f;
    for (int q = 0; q < pools; q++) {
        const int count = offsets[q + 1] - offsets[q];
        const float scale = count > 0 ? 1.0f / count : 0.0f;
        for (int start = 0; start < E; start += stride) {
            const int e = start + i % stride;
            float f_sum = 0.0f, p_sum = 0.0f;
            for (int part = lane; part < parts && e < E && lane < TEAM; part += TEAM) {
                __global const float *from = partial + ((size_t)q * parts + part) * (2 * E);
                f_sum += from[e];
                p_sum += from[E + e];
            }
            f_part[i] = f_sum;
            p_part[i] = p_sum;
            barrier(CLK_LOCAL_MEM_FENCE);
            if (lane == 0 && e < E) {
                for (int l = 1; l < TEAM; l++) {
                    f_sum += f_part[i + l * stride];
                    p_sum += p_part[i + l * stride];
                }
                f[q * E + e] = f_sum * scale;
                p[q * E + e] = p_sum * scale;
                total += (f_sum * scale) * (p_sum * scale);
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    f_part[i] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (i == 0) {
        for (int l = 1; l < GROUP; l++)
            total += f_part[l];
        loss[0] = total * E / max(1, pools_with_nodes(offsets, pools));
    }
}

/* Work-items (expert, then choice; node). */
__kernel void balance_loss_backward_f32_columns(__global const float *RST dloss,
                                                __global const int *RST topk,
                                                __global const int *RST offsets,
                                                __global const float *RST f,
                                                __global const float *RST p,
                                                __global float *RST dprobability,
                                                __global float *RST dgate, int pools, int nodes) {
    const int i = get_global_id(0), n = get_global_id(1);
    if (i >= E + K || n >= nodes)
        return;
    int q = 0;
    while (q + 1 < pools && n >= offsets[q + 1])
        q++;
    const float c = dloss[0] * E / pools_with_nodes(offsets, pools) / (offsets[q + 1] - offsets[q]);
    if (i < E)
        dprobability[(size_t)n * E + i] = c * f[q * E + i];
    else {
        const size_t choice = (size_t)n * K + (i - E);
        dgate[choice] = c * p[q * E + topk[choice]];
    }
}
