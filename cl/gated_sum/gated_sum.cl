/* Weighted sum of the experts of a node, all kinds of devices: a team of LANES work-items takes a
 * row of y, or an expert of a node in the backward pass. Built with D, EXPERTS and FIRST, the number
 * of the first of them in topk.
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

static inline int rows_of(__global const int *live, int n) { return live ? live[1] : n; }

__kernel void gated_sum_f32(__global const real *RST v, __global const float *RST gate,
                            __global const int *RST topk, __global const int *RST live, int n,
                            int k, float scale, __global real *RST y)
{
    const int row = get_global_id(1);
    if (row >= rows_of(live, n)) return;
    __global const real *from = v + (size_t)row * (EXPERTS * D);
    for (int c = get_local_id(0) * VEC; c < D; c += LANES * VEC) {
        floatv sum = 0.0f;
        for (int j = 0; j < k; j++) {
            const int e = topk ? topk[row * k + j] - FIRST : j;
            if (e >= 0 && e < EXPERTS) sum += gate[row * k + j] * LOAD(from + e * D, c);
        }
        STORE(scale * sum, y + (size_t)row * D, c);
    }
}

/* dv = scale gate dy and dgate = scale <dy, v> of one expert of a node; 0 where it was not chosen.
 * Whoever has a node's first expert also clears dgate of choices that are not in v. */
__kernel void gated_sum_backward_f32(__global const real *RST v, __global const float *RST gate,
                                     __global const int *RST topk, __global const int *RST live,
                                     __global const real *RST dy, int n, int k, float scale,
                                     __global real *RST dv, __global float *RST dgate)
{
    CLM_LANES_MEMORY
    const int rows = rows_of(live, n), task = min((int)get_global_id(1), n * EXPERTS - 1);
    const int row = task / EXPERTS, e = task % EXPERTS;
    const bool counts = row < rows;
    int choice = topk || !counts ? -1 : e;
    for (int j = 0; topk && counts && j < k; j++)
        if (topk[row * k + j] - FIRST == e)
            choice = j;
        else if (e == 0 && get_local_id(0) == 0 && (uint)(topk[row * k + j] - FIRST) >= EXPERTS)
            dgate[row * k + j] = 0.0f;
    const size_t start = (size_t)row * (EXPERTS * D) + e * D;
    const float weight = choice < 0 ? 0.0f : scale * gate[row * k + choice];
    floatv dot = 0.0f;
    for (int c = get_local_id(0) * VEC; counts && c < D; c += LANES * VEC) {
        floatv d = 0.0f;
        if (choice >= 0) {
            d = LOAD(dy + (size_t)row * D, c);
            dot += ONCE(d * LOAD(v + start, c), c);
        }
        STORE(weight * d, dv + start, c);
    }
    dot = clm_lanes_sum(dot);
    if (choice >= 0 && get_local_id(0) == 0) dgate[row * k + choice] = scale * sumv(dot);
}
