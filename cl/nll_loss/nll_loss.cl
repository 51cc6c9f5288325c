/* Negative log-likelihood, mean over the rows that count. Classes are few, so a work-item takes VEC
 * rows at once, a lane each, and runs over the C columns (a compile-time number): three passes that
 * stay in the first-level cache. Jobs of consecutive rows leave partial sums and counts, which one
 * job adds in order, so that the loss has the same bits in every run. */

/* Element c of rows first .. first + VEC - 1; past `end` those of the last row. */
static inline floatv column(__global const float *logits, int first, int end, int c)
{
    float lane[VEC];
    for (int j = 0; j < VEC; j++) lane[j] = logits[(size_t)min(first + j, end - 1) * C + c];
    return vloadv(0, lane);
}

/* log(u), u in [1, C]: by the mantissa in [sqrt 1/2, sqrt 2) and 2 atanh(z), z = (m - 1) / (m + 1),
 * |z| <= 0.172; the series in z^2 (relative error 2e-9). Unlike the built-in one it stays in vector
 * registers. */
static inline floatv log_of(floatv u)
{
    const intv bits = as_intv(u) - 0x3f3504f3;
    const intv power = bits >> 23;
    const floatv m = as_floatv((bits & 0x7fffff) + 0x3f3504f3);
    const floatv z = (m - 1.0f) / (m + 1.0f), s = z * z;
    floatv p = fma(s, (floatv)(2.0f / 9), (floatv)(2.0f / 7));
    p = fma(s, p, (floatv)(2.0f / 5));
    p = fma(s, p, (floatv)(2.0f / 3));
    p = fma(s, p, (floatv)(2.0f));
    return fma(convert_floatv(power), (floatv)(0x1.62e430p-1f), z * p);
}

__kernel void nll_loss_f32(__global const float *RST logits, __global const int *RST label, int n,
                           int job, __global float *RST lse, __global float *RST partial)
{
    CLM_LANES_MEMORY
    const int group = get_global_id(1), lane = get_local_id(0);
    const int end = min(n, (group + 1) * job);
    floatv sum = 0.0f, count = 0.0f;
    for (int i = group * job + lane * VEC; i < end; i += LANES * VEC) {
        floatv most = column(logits, i, end, 0), total = 0.0f;
        for (int c = 1; c < C; c++) {
            const floatv x = column(logits, i, end, c);
            most = x > most ? x : most;
        }
        for (int c = 0; c < C; c++) total += clm_exp(column(logits, i, end, c) - most);
        const floatv all = most + log_of(total);
        float loss[VEC], counts[VEC];
        vstorev(all, 0, loss);
        for (int j = 0; j < VEC; j++) {
            const int row = min(i + j, end - 1), of = label[row];
            counts[j] = i + j < end && of >= 0 ? 1.0f : 0.0f;
            loss[j] = counts[j] > 0.0f ? loss[j] - logits[(size_t)row * C + max(of, 0)] : 0.0f;
        }
        sum += vloadv(0, loss);
        count += vloadv(0, counts);
        clm_store(all, lse + i, end - i);
    }
    sum = clm_lanes_sum(sum);
    count = clm_lanes_sum(count);
    if (lane == 0) {
        partial[group] = sumv(sum);
        partial[get_global_size(1) + group] = sumv(count);
    }
}

/* dlogits and logits may be the same storage: no restrict. */
__kernel void nll_loss_backward_f32(__global const float *logits, __global const int *RST label,
                                    __global const float *RST lse, __global const float *RST dloss,
                                    __global const float *RST counted, int n,
                                    __global float *dlogits)
{
    const int i = get_global_id(0) * VEC, count = n - i;
    if (i >= n) return;
    const float scale = dloss[0] / fmax(counted[0], 1.0f);
    const floatv all = clm_load(lse + i, count);
    for (int c = 0; c < C; c++) {
        float p[VEC];
        vstorev(clm_exp(column(logits, i, n, c) - all), 0, p);
        for (int j = 0; j < VEC && j < count; j++) {
            const int of = label[i + j];
            const float slope = scale * (p[j] - (of == c ? 1.0f : 0.0f));
            dlogits[(size_t)(i + j) * C + c] = of >= 0 ? slope : 0.0f;
        }
    }
}
