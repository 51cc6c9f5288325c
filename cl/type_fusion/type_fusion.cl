/* Adding the embedding of a node's type, and the sum of gradients by type. Streaming: the copy roof
 * is the limit, so the CPU kernels take whole rows and draw the masks of a few rows ahead of them,
 * where the draws of independent rows overlap; the others make one vector of VEC elements. */

#define ROWS 32 /* masks drawn together */

static inline void masks(float *m, __global const float *RST given, __global const int *RST step,
                         int first, int count, int mode, float factor, float p, int layer) {
    for (int i = 0; i < count; i++)
        m[i] = clm_type_mask(given, step, first + i, mode, factor, p, layer);
}

__kernel void type_fusion_f32_rows(__global const real *RST h, __global const float *RST table,
                                   __global const int *RST type, __global const float *RST given,
                                   __global const int *RST step, __global real *RST z, int nodes,
                                   int d, int block, int mode, float factor, float p, int layer) {
    const int begin = get_global_id(0) * block, end = min(nodes, begin + block);
    const int whole = d / VEC * VEC;
    for (int first = begin; first < end; first += ROWS) {
        const int count = min(ROWS, end - first);
        float m[ROWS];
        masks(m, given, step, first, count, mode, factor, p, layer);
        for (int i = 0; i < count; i++) {
            const size_t row = (size_t)(first + i) * d;
            __global const float *RST t = table + (size_t)type[first + i] * d;
            for (int c = 0; c < whole; c += VEC)
                vstorer(fma((floatv)(m[i]), vloadv(0, t + c), vloadr(0, h + row + c)), 0,
                        z + row + c);
            if (whole < d)
                clm_store_real(fma((floatv)(m[i]), clm_load(t + whole, d - whole),
                              clm_load_real(h + row + whole, d - whole)),
                          z + row + whole, d - whole);
        }
    }
}

/* Work-items (vector of a row, node). */
__kernel void type_fusion_f32_vectors(__global const real *RST h,
                                      __global const float *RST table,
                                      __global const int *RST type,
                                      __global const float *RST given,
                                      __global const int *RST step, __global real *RST z,
                                      int nodes, int d, int mode, float factor, float p,
                                      int layer) {
    const int c = get_global_id(0) * VEC, n = get_global_id(1);
    if (c >= d || n >= nodes)
        return;
    const size_t at = (size_t)n * d + c;
    const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
    clm_store_real(fma((floatv)(m), clm_load(table + (size_t)type[n] * d + c, d - c),
                  clm_load_real(h + at, d - c)),
              z + at, d - c);
}

/* Part `part` of the nodes of a type, cut into `parts` equal ones: first node and end. */
static inline int2 part_of(__global const int *RST offsets, int type, int part, int parts) {
    const int first = offsets[type];
    const long count = offsets[type + 1] - first;
    return (int2)(first + (int)(count * part / parts), first + (int)(count * (part + 1) / parts));
}

#define PANEL 4 /* vectors of a row that are summed in registers */

/* partial[type][part][:] = sum of m dz over a part of the nodes of a type. */
__kernel void type_fusion_backward_f32_rows(__global const real *RST dz,
                                            __global const int *RST offsets,
                                            __global const float *RST given,
                                            __global const int *RST step,
                                            __global float *RST partial, int d, int parts,
                                            int mode, float factor, float p, int layer) {
    const int2 range = part_of(offsets, get_global_id(0) / parts, get_global_id(0) % parts, parts);
    __global float *RST out = partial + (size_t)get_global_id(0) * d;
    int c = 0;
    for (; c + PANEL * VEC <= d; c += PANEL * VEC) {
        floatv sum[PANEL];
        for (int v = 0; v < PANEL; v++)
            sum[v] = 0.0f;
        for (int first = range.x; first < range.y; first += ROWS) {
            const int count = min(ROWS, range.y - first);
            float m[ROWS];
            masks(m, given, step, first, count, mode, factor, p, layer);
            for (int i = 0; i < count; i++) {
                __global const real *RST x = dz + (size_t)(first + i) * d + c;
                _Pragma("unroll") for (int v = 0; v < PANEL; v++) sum[v] =
                    fma((floatv)(m[i]), vloadr(v, x), sum[v]);
            }
        }
        for (int v = 0; v < PANEL; v++)
            vstorev(sum[v], v, out + c);
    }
    for (; c < d; c += VEC) {
        floatv sum = 0.0f;
        for (int n = range.x; n < range.y; n++) {
            const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
            sum = fma((floatv)(m), clm_load_real(dz + (size_t)n * d + c, d - c), sum);
        }
        clm_store(sum, out + c, d - c);
    }
}

/* The same; work-items (vector of a row, type and part). */
__kernel void type_fusion_backward_f32_vectors(__global const real *RST dz,
                                               __global const int *RST offsets,
                                               __global const float *RST given,
                                               __global const int *RST step,
                                               __global float *RST partial, int d, int types,
                                               int parts, int mode, float factor, float p,
                                               int layer) {
    const int c = get_global_id(0) * VEC, i = get_global_id(1);
    if (c >= d || i >= types * parts)
        return;
    const int2 range = part_of(offsets, i / parts, i % parts, parts);
    floatv sum = 0.0f;
    for (int n = range.x; n < range.y; n++) {
        const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
        sum = fma((floatv)(m), clm_load_real(dz + (size_t)n * d + c, d - c), sum);
    }
    clm_store(sum, partial + (size_t)i * d + c, d - c);
}

/* dtable[type][:] = sum of its parts; work-items (vector of a row, type). */
__kernel void type_fusion_backward_f32_sum(__global const float *RST partial,
                                           __global float *RST dtable, int d, int types,
                                           int parts) {
    const int c = get_global_id(0) * VEC, t = get_global_id(1);
    if (c >= d || t >= types)
        return;
    floatv sum = 0.0f;
    for (int i = 0; i < parts; i++)
        sum += clm_load(partial + ((size_t)t * parts + i) * d + c, d - c);
    clm_store(sum, dtable + (size_t)t * d + c, d - c);
}
