#define SAMPLES 4 /* rows whose mean distances are taken from */

static inline floatv activated(floatv y) { return RELU ? (y < 0.0f ? (floatv)(0.0f) : y) : y; }

/* Work-items (part, group): sums of distances, then of their squares. */
__kernel void batch_norm_sums_f32_cpu(__global const real *RST x, __global const int *RST offsets,
                                      __global float *RST partial)
{
    const int part = get_global_id(0), group = get_global_id(1), first = offsets[group];
    const int all = offsets[group + 1] - first; /* int: rusticl 22.3 gets 64 bits wrong here */
    const int2 rows = part_of(offsets, group, part);
    floatv around[VECTORS], sum[VECTORS], square[VECTORS];
    for (int k = 0; k < VECTORS; k++) {
        around[k] = sum[k] = square[k] = 0.0f;
        for (int s = 0; all > 0 && s < SAMPLES; s++)
            around[k] +=
                vloadr(0, x + (size_t)(first + all * s / SAMPLES) * C + AT(k)) / SAMPLES;
    }
    int i = rows.x;
    for (; i + BLOCK <= rows.y; i += BLOCK)
        for (int k = 0; k < VECTORS; k++) {
            floatv s = sum[k], q = square[k];
            UNROLL for (int j = 0; j < BLOCK; j++)
            {
                const floatv d = vloadr(0, x + (size_t)(i + j) * C + AT(k)) - around[k];
                s += d;
                q = fma(d, d, q);
            }
            sum[k] = s;
            square[k] = q;
        }
    for (; i < rows.y; i++)
        for (int k = 0; k < VECTORS; k++) {
            const floatv d = vloadr(0, x + (size_t)i * C + AT(k)) - around[k];
            sum[k] += d;
            square[k] = fma(d, d, square[k]);
        }
    __global float *to = PART(partial, group, part);
    for (int k = 0; k < VECTORS; k++) {
        vstorev(sum[k], 0, to + AT(k));
        vstorev(square[k], 0, to + C + AT(k));
        if (part == 0) vstorev(around[k], 0, AROUND(partial, group) + AT(k));
    }
}

/* y and x may be the same storage. */
static inline void normalise(__global const real *x, __global real *y, int2 rows, const floatv *m,
                             const floatv *scale, const floatv *bias)
{
    for (int i = rows.x; i < rows.y; i++) {
        __global const real *from = x + (size_t)i * C;
        __global real *to = y + (size_t)i * C;
        const floatv last = vloadr(0, from + AT(LAST));
        for (int k = 0; k < LAST; k++)
            vstorer(activated(fma(vloadr(k, from) - m[k], scale[k], bias[k])), k, to);
        vstorer(activated(fma(last - m[LAST], scale[LAST], bias[LAST])), 0, to + AT(LAST));
    }
}

/* Work-items (part, group). y and x may be the same storage: no restrict. */
__kernel void batch_norm_f32_cpu(__global const real *x, __global const float *RST w,
                                 __global const float *RST b, __global const int *RST offsets,
                                 __global const float *RST partial,
                                 __global float *RST mean_estimate,
                                 __global float *RST variance_estimate, __global real *y,
                                 __global float *RST mean, __global float *RST rstd)
{
    const int part = get_global_id(0), group = get_global_id(1);
    floatv m[VECTORS], scale[VECTORS], bias[VECTORS];
    statistics(partial, group, offsets[group + 1] - offsets[group], part == 0, mean_estimate,
               variance_estimate, mean, rstd, m, scale);
    for (int k = 0; k < VECTORS; k++) {
        scale[k] *= vloadv(0, w + (size_t)group * C + AT(k));
        bias[k] = vloadv(0, b + (size_t)group * C + AT(k));
    }
    normalise(x, y, part_of(offsets, group, part), m, scale, bias);
}

/* The same by the running statistics, without sums. */
__kernel void batch_norm_evaluate_f32_cpu(__global const real *x, __global const float *RST w,
                                          __global const float *RST b,
                                          __global const int *RST offsets,
                                          __global const float *RST mean,
                                          __global const float *RST variance, __global real *y)
{
    const int part = get_global_id(0), group = get_global_id(1);
    floatv m[VECTORS], scale[VECTORS], bias[VECTORS];
    for (int k = 0; k < VECTORS; k++) {
        const size_t at = (size_t)group * C + AT(k);
        m[k] = vloadv(0, mean + at);
        scale[k] = vloadv(0, w + at) / sqrt(vloadv(0, variance + at) + EPSILON);
        bias[k] = vloadv(0, b + at);
    }
    normalise(x, y, part_of(offsets, group, part), m, scale, bias);
}

/* Gradient that relu let pass. */
static inline floatv passed(floatv dy, floatv distance, floatv scale, floatv bias)
{
    return RELU ? (fma(distance, scale, bias) > 0.0f ? dy : (floatv)(0.0f)) : dy;
}

/* What the backward kernels know of the columns of a group. */
static inline void columns(__global const float *w, __global const float *b,
                           __global const float *mean, __global const float *rstd, int group,
                           floatv *m, floatv *scale, floatv *bias)
{
    for (int k = 0; k < VECTORS; k++) {
        const size_t at = (size_t)group * C + AT(k);
        m[k] = vloadv(0, mean + at);
        scale[k] = vloadv(0, rstd + at) * vloadv(0, w + at);
        bias[k] = vloadv(0, b + at);
    }
}

/* Work-items (part, group): sums of dy, then of dy (x - mean). */
__kernel void batch_norm_backward_sums_f32_cpu(__global const real *RST x,
                                               __global const float *RST w,
                                               __global const float *RST b,
                                               __global const int *RST offsets,
                                               __global const real *RST dy,
                                               __global const float *RST mean,
                                               __global const float *RST rstd,
                                               __global float *RST partial)
{
    const int part = get_global_id(0), group = get_global_id(1);
    const int2 rows = part_of(offsets, group, part);
    floatv m[VECTORS], scale[VECTORS], bias[VECTORS], sum[VECTORS], sum_x[VECTORS];
    columns(w, b, mean, rstd, group, m, scale, bias);
    for (int k = 0; k < VECTORS; k++) sum[k] = sum_x[k] = 0.0f;
    int i = rows.x;
    for (; i + BLOCK <= rows.y; i += BLOCK)
        for (int k = 0; k < VECTORS; k++) {
            floatv s = sum[k], q = sum_x[k];
            UNROLL for (int j = 0; j < BLOCK; j++)
            {
                const size_t at = (size_t)(i + j) * C + AT(k);
                const floatv distance = vloadr(0, x + at) - m[k];
                const floatv g = passed(vloadr(0, dy + at), distance, scale[k], bias[k]);
                s += g;
                q = fma(g, distance, q);
            }
            sum[k] = s;
            sum_x[k] = q;
        }
    for (; i < rows.y; i++)
        for (int k = 0; k < VECTORS; k++) {
            const size_t at = (size_t)i * C + AT(k);
            const floatv distance = vloadr(0, x + at) - m[k];
            const floatv g = passed(vloadr(0, dy + at), distance, scale[k], bias[k]);
            sum[k] += g;
            sum_x[k] = fma(g, distance, sum_x[k]);
        }
    __global float *to = PART(partial, group, part);
    for (int k = 0; k < VECTORS; k++) {
        vstorev(sum[k], 0, to + AT(k));
        vstorev(sum_x[k], 0, to + C + AT(k));
    }
}

/* Work-items (part, group): dx; the first part of a group writes dw and db. dx and dy may be the same
 * storage: no restrict. */
__kernel void batch_norm_backward_f32_cpu(__global const real *RST x, __global const float *RST w,
                                          __global const float *RST b,
                                          __global const int *RST offsets, __global const real *dy,
                                          __global const float *RST mean,
                                          __global const float *RST rstd,
                                          __global const float *RST partial, __global real *dx,
                                          __global float *RST dw, __global float *RST db)
{
    const int part = get_global_id(0), group = get_global_id(1);
    const int2 rows = part_of(offsets, group, part);
    const float share = 1.0f / max(offsets[group + 1] - offsets[group], 1);
    floatv m[VECTORS], scale[VECTORS], bias[VECTORS], of_all[VECTORS], of_x[VECTORS];
    columns(w, b, mean, rstd, group, m, scale, bias);
    for (int k = 0; k < VECTORS; k++) {
        const size_t at = (size_t)group * C + AT(k);
        const floatv sum = total(partial, group, 0, k), r = vloadv(0, rstd + at),
                     sum_x = total(partial, group, 1, k) * r;
        if (part == 0) {
            vstorev(sum_x, 0, dw + at);
            vstorev(sum, 0, db + at);
        }
        of_all[k] = sum * share;
        of_x[k] = sum_x * share * r;
    }
#define DX(d, k, x)                                                                                \
    (scale[k] * (passed(d, (x)-m[k], scale[k], bias[k]) - of_all[k] - ((x)-m[k]) * of_x[k]))
    for (int i = rows.x; i < rows.y; i++) {
        __global const real *from = x + (size_t)i * C, *d = dy + (size_t)i * C;
        __global real *to = dx + (size_t)i * C;
        const floatv last = vloadr(0, d + AT(LAST));
        for (int k = 0; k < LAST; k++) {
            const floatv value = vloadr(k, from);
            vstorer(DX(vloadr(k, d), k, value), k, to);
        }
        const floatv value = vloadr(0, from + AT(LAST));
        vstorer(DX(last, LAST, value), 0, to + AT(LAST));
    }
}
