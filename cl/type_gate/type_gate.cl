/* Gate between a node's own row and the embedding of its type: element by element and streaming.
 * The CPU kernels take whole rows, so that a mask is drawn once for a row; the others make one
 * vector of VEC elements each. */

/* count: columns left in the row. */
static inline void gate(__global const real *h, __global const real *a, __global const float *t,
                        float m, __global real *z, int count) {
    const floatv s = clm_sigmoid(clm_load_real(a, count)), embedding = m * clm_load(t, count);
    clm_store_real(fma(s, clm_load_real(h, count) - embedding, embedding), z, count);
}

/* dz and dh may be one array: dz is read before dh is written. */
static inline void gate_backward(__global const real *h, __global const real *a,
                                 __global const float *t, float m, __global const real *dz,
                                 __global real *dh, __global real *da, __global real *dterm,
                                 int count) {
    const floatv s = clm_sigmoid(clm_load_real(a, count)), d = clm_load_real(dz, count);
    const floatv to_h = s * d, to_term = d - to_h;
    clm_store_real(to_h, dh, count);
    clm_store_real(to_term, dterm, count);
    clm_store_real(s * to_term * (clm_load_real(h, count) - m * clm_load(t, count)), da, count);
}

__kernel void type_gate_f32_rows(__global const real *RST h, __global const real *RST a,
                                 __global const float *RST table, __global const int *RST type,
                                 __global const float *RST given, __global const int *RST step,
                                 __global real *RST z, int nodes, int d, int block, int mode,
                                 float factor, float p, int layer) {
    const int begin = get_global_id(0) * block, end = min(nodes, begin + block);
    for (int n = begin; n < end; n++) {
        const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
        const size_t row = (size_t)n * d, from = (size_t)type[n] * d;
        for (int c = 0; c < d; c += VEC)
            gate(h + row + c, a + row + c, table + from + c, m, z + row + c, d - c);
    }
}

__kernel void type_gate_f32_vectors(__global const real *RST h, __global const real *RST a,
                                    __global const float *RST table, __global const int *RST type,
                                    __global const float *RST given, __global const int *RST step,
                                    __global real *RST z, int nodes, int d, int mode,
                                    float factor, float p, int layer) {
    const int c = get_global_id(0) * VEC, n = get_global_id(1);
    if (c >= d || n >= nodes)
        return;
    const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
    const size_t at = (size_t)n * d + c;
    gate(h + at, a + at, table + (size_t)type[n] * d + c, m, z + at, d - c);
}

__kernel void type_gate_backward_f32_rows(__global const real *RST h, __global const real *RST a,
                                          __global const float *RST table,
                                          __global const int *RST type,
                                          __global const float *RST given,
                                          __global const int *RST step, __global const real *dz,
                                          __global real *dh, __global real *RST da,
                                          __global real *RST dterm, int nodes, int d, int block,
                                          int mode, float factor, float p, int layer) {
    const int begin = get_global_id(0) * block, end = min(nodes, begin + block);
    for (int n = begin; n < end; n++) {
        const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
        const size_t row = (size_t)n * d, from = (size_t)type[n] * d;
        for (int c = 0; c < d; c += VEC) {
            const size_t at = row + c;
            gate_backward(h + at, a + at, table + from + c, m, dz + at, dh + at, da + at,
                          dterm + at, d - c);
        }
    }
}

__kernel void type_gate_backward_f32_vectors(
    __global const real *RST h, __global const real *RST a, __global const float *RST table,
    __global const int *RST type, __global const float *RST given, __global const int *RST step,
    __global const real *dz, __global real *dh, __global real *RST da,
    __global real *RST dterm, int nodes, int d, int mode, float factor, float p, int layer) {
    const int c = get_global_id(0) * VEC, n = get_global_id(1);
    if (c >= d || n >= nodes)
        return;
    const float m = clm_type_mask(given, step, n, mode, factor, p, layer);
    const size_t at = (size_t)n * d + c;
    gate_backward(h + at, a + at, table + (size_t)type[n] * d + c, m, dz + at, dh + at, da + at,
                  dterm + at, d - c);
}
