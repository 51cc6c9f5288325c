/* Gated sum of batch-normed experts (cl/gated_norm) for CPUs: statistics by parts of the rows as in
 * batch_norm; then rows are normalised where a gate chose them, while they are added up. Built with
 * D, EXPERTS, FIRST, K, EVALUATE besides; C = EXPERTS D, and VEC is at most D. */
#define PLACE(c) min(c, D - VEC) /* the last vector of an expert's columns ends where they do */
#define ONCE(x, c) (LANE_INDEX >= (intv)((c)-PLACE(c)) ? (x) : (floatv)(0.0f))

/* Expert of a choice within v; below 0 or from EXPERTS on: v does not have it. */
static inline int expert_of(__global const int *topk, int row, int j)
{
    return topk ? topk[row * K + j] - FIRST : j;
}

/* Work-items: parts of the rows. rstd: of the running statistics, their variance. */
__kernel void gated_norm_f32_cpu(__global const real *RST v, __global const float *RST w,
                                 __global const float *RST b, __global const float *RST gate,
                                 __global const int *RST topk, __global const int *RST live,
                                 __global const float *RST partial,
                                 __global float *RST mean_estimate,
                                 __global float *RST variance_estimate, float scale,
                                 __global real *RST y, __global float *mean, __global float *rstd)
{
    const int part = get_global_id(0);
    const int2 rows = part_of(live, 0, part);
    floatv m[VECTORS], r[VECTORS];
    float from[C], by[C], to[C];
#if !EVALUATE
    statistics(partial, 0, live[1] - live[0], part == 0, mean_estimate, variance_estimate, mean, rstd,
               m, r);
#endif
    for (int k = 0; k < VECTORS; k++) {
#if EVALUATE
        m[k] = vloadv(0, mean_estimate + AT(k));
        r[k] = 1.0f / sqrt(vloadv(0, variance_estimate + AT(k)) + EPSILON);
#endif
        vstorev(m[k], 0, from + AT(k));
        vstorev(r[k] * vloadv(0, w + AT(k)), 0, by + AT(k));
        vstorev(vloadv(0, b + AT(k)), 0, to + AT(k));
    }
    for (int i = rows.x; i < rows.y; i++) {
        __global const real *row = v + (size_t)i * C;
        for (int c = 0; c < D; c += VEC) {
            floatv sum = 0.0f;
            for (int j = 0; j < K; j++) {
                const int e = expert_of(topk, i, j), at = e * D + PLACE(c);
                if (e < 0 || e >= EXPERTS) continue;
                const floatv distance = vloadr(0, row + at) - vloadv(0, from + at);
                sum += gate[i * K + j] * fma(distance, vloadv(0, by + at), vloadv(0, to + at));
            }
            vstorer(scale * sum, 0, y + (size_t)i * D + PLACE(c));
        }
    }
}

/* Work-items: parts of the rows; dgate, and the sums of dy and dy (v - mean) over the rows that chose
 * an expert. */
__kernel void gated_norm_backward_sums_f32_cpu(__global const real *RST v,
                                               __global const float *RST w,
                                               __global const float *RST b,
                                               __global const float *RST gate,
                                               __global const int *RST topk,
                                               __global const int *RST live,
                                               __global const real *RST dy,
                                               __global const float *RST mean,
                                               __global const float *RST rstd, float scale,
                                               __global float *RST dgate,
                                               __global float *RST partial)
{
    const int part = get_global_id(0);
    const int2 rows = part_of(live, 0, part);
    float by[C], sum[C], sum_v[C];
    for (int c = 0; c < C; c++) {
        by[c] = rstd[c] * w[c];
        sum[c] = sum_v[c] = 0.0f;
    }
    for (int i = rows.x; i < rows.y; i++)
        for (int j = 0; j < K; j++) {
            const int e = expert_of(topk, i, j);
            const bool has = e >= 0 && e < EXPERTS;
            const float weight = scale * gate[i * K + j];
            floatv dot = 0.0f;
            for (int c = 0; has && c < D; c += VEC) {
                const int at = e * D + PLACE(c);
                const floatv d = ONCE(vloadr(0, dy + (size_t)i * D + PLACE(c)), c), g = weight * d;
                const floatv distance = vloadr(0, v + (size_t)i * C + at) - vloadv(0, mean + at);
                dot = fma(d, fma(distance, vloadv(0, by + at), vloadv(0, b + at)), dot);
                vstorev(vloadv(0, sum + at) + g, 0, sum + at);
                vstorev(fma(g, distance, vloadv(0, sum_v + at)), 0, sum_v + at);
            }
            dgate[i * K + j] = scale * sumv(dot);
        }
    __global float *to = PART(partial, 0, part);
    for (int c = 0; c < C; c++) {
        to[c] = sum[c];
        to[C + c] = sum_v[c];
    }
}

/* Work-items: parts of the rows: dv; the first one writes dw and db. */
__kernel void gated_norm_backward_f32_cpu(__global const real *RST v, __global const float *RST w,
                                          __global const float *RST gate,
                                          __global const int *RST topk,
                                          __global const int *RST live,
                                          __global const real *RST dy,
                                          __global const float *RST mean,
                                          __global const float *RST rstd,
                                          __global const float *RST partial, float scale,
                                          __global real *RST dv, __global float *RST dw,
                                          __global float *RST db)
{
    const int part = get_global_id(0);
    const int2 rows = part_of(live, 0, part);
    const float share = 1.0f / max(live[1] - live[0], 1);
    float by[C], of_all[C], of_v[C];
    for (int k = 0; k < VECTORS; k++) {
        const floatv r = vloadv(0, rstd + AT(k)), sum = total(partial, 0, 0, k),
                     sum_v = total(partial, 0, 1, k) * r;
        if (part == 0) {
            vstorev(sum_v, 0, dw + AT(k));
            vstorev(sum, 0, db + AT(k));
        }
        vstorev(r * vloadv(0, w + AT(k)), 0, by + AT(k));
        vstorev(sum * share, 0, of_all + AT(k));
        vstorev(sum_v * share * r, 0, of_v + AT(k));
    }
    for (int i = rows.x; i < rows.y; i++) {
        float weight[EXPERTS];
        for (int e = 0; e < EXPERTS; e++) weight[e] = 0.0f;
        for (int j = 0; j < K; j++) {
            const int e = expert_of(topk, i, j);
            if (e >= 0 && e < EXPERTS) weight[e] = scale * gate[i * K + j];
        }
        for (int e = 0; e < EXPERTS; e++)
            for (int c = 0; c < D; c += VEC) {
                const int at = e * D + PLACE(c);
                const floatv d = vloadr(0, dy + (size_t)i * D + PLACE(c));
                const floatv distance = vloadr(0, v + (size_t)i * C + at) - vloadv(0, mean + at);
                const floatv rest = weight[e] * d - vloadv(0, of_all + at);
                vstorer(vloadv(0, by + at) * (rest - distance * vloadv(0, of_v + at)), 0,
                        dv + (size_t)i * C + at);
            }
    }
}
