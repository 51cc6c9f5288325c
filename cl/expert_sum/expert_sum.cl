/* Weighted sum of rows by node, all kinds of devices: a team of LANES work-items takes a row of y, or
 * a choice in the backward pass. Built with D.
 *
 * Where D is no multiple of VEC, the last vector of a row ends where the row does: some elements are
 * computed twice, with the same result, and summed once. */
#if D >= VEC
#define AT(c) min(c, D - VEC)
#define LOAD(row, c) vloadr(0, (row) + AT(c))
#define STORE(value, row, c) vstorer(value, 0, (row) + AT(c))
#define ONCE(value, c) (LANE_INDEX >= (intv)((c)-AT(c)) ? (value) : (floatv)(0.0f))
#else
#define LOAD(row, c) clm_load_real((row) + (c), D - (c))
#define STORE(value, row, c) clm_store_real(value, (row) + (c), D - (c))
#define ONCE(value, c) (value)
#endif

__kernel void expert_sum_f32(__global const real *RST v, __global const float *RST gate,
                             __global const int *RST slot, __global const int *RST live, int n,
                             int k, float scale, __global real *RST y)
{
    const int row = get_global_id(1);
    if (row >= (live ? live[1] : n)) return;
    for (int c = get_local_id(0) * VEC; c < D; c += LANES * VEC) {
        floatv sum = 0.0f;
        for (int j = 0; j < k; j++) {
            const int from = slot ? slot[row * k + j] : row * k + j;
            if (from >= 0) sum += gate[row * k + j] * LOAD(v + (size_t)from * D, c);
        }
        STORE(scale * sum, y + (size_t)row * D, c);
    }
}

/* dv = scale gate dy and dgate = scale <dy, v> of one choice. */
__kernel void expert_sum_backward_f32(__global const real *RST v, __global const float *RST gate,
                                      __global const int *RST slot, __global const int *RST live,
                                      __global const real *RST dy, int n, int k, float scale,
                                      __global real *RST dv, __global float *RST dgate)
{
    CLM_LANES_MEMORY
    const bool counts = (int)get_global_id(1) < (live ? live[1] : n) * k;
    const int choice = min((int)get_global_id(1), n * k - 1);
    const int to = !counts ? -1 : slot ? slot[choice] : choice;
    const float weight = scale * gate[choice];
    floatv dot = 0.0f;
    for (int c = get_local_id(0) * VEC; to >= 0 && c < D; c += LANES * VEC) {
        const floatv d = LOAD(dy + (size_t)(choice / k) * D, c);
        dot += ONCE(d * LOAD(v + (size_t)to * D, c), c);
        STORE(weight * d, dv + (size_t)to * D, c);
    }
    dot = clm_lanes_sum(dot);
    if (counts && get_local_id(0) == 0) dgate[choice] = scale * sumv(dot);
}
