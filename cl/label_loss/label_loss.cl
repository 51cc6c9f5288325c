/* Loss over what is labelled: jobs of consecutive elements leave partial sums and counts, which one
 * job adds in order, so that the loss has the same bits in every run. Built with SQUARED: the error's
 * square, else binary cross-entropy. */

static inline floatv loss_of(floatv s, floatv y)
{
#if SQUARED
    return (s - y) * (s - y);
#else
    return (s > 0.0f ? s : (floatv)(0.0f)) - s * y + clm_softplus_tail(fabs(s));
#endif
}

static inline floatv slope_of(floatv s, floatv y)
{
#if SQUARED
    return 2.0f * (s - y);
#else
    return clm_sigmoid(s) - y;
#endif
}

__kernel void label_loss_f32(__global const float *RST score, __global const float *RST label, int n,
                           int job, __global float *RST partial)
{
    CLM_LANES_MEMORY
    const int group = get_global_id(1), lane = get_local_id(0);
    const int end = min(n, (group + 1) * job);
    floatv sum = 0.0f, count = 0.0f;
    for (int i = group * job + lane * VEC; i < end; i += LANES * VEC) {
        const floatv s = clm_load(score + i, end - i), y = clm_load(label + i, end - i);
        sum += clm_first(y == y ? loss_of(s, y) : (floatv)(0.0f), end - i);
        count += clm_first(y == y ? (floatv)(1.0f) : (floatv)(0.0f), end - i);
    }
    sum = clm_lanes_sum(sum);
    count = clm_lanes_sum(count);
    if (lane == 0) {
        partial[group] = sumv(sum);
        partial[get_global_size(1) + group] = sumv(count);
    }
}

__kernel void label_loss_sum_f32(__global const float *RST partial, int jobs,
                               __global float *RST loss, __global float *RST counted)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0);
    floatv sum = 0.0f, count = 0.0f;
    for (int i = lane * VEC; i < jobs; i += LANES * VEC) {
        sum += clm_load(partial + i, jobs - i);
        count += clm_load(partial + jobs + i, jobs - i);
    }
    sum = clm_lanes_sum(sum);
    count = clm_lanes_sum(count);
    if (lane == 0) {
        loss[0] = sumv(sum) / fmax(sumv(count), 1.0f);
        counted[0] = sumv(count);
    }
}

/* dscore and score may be the same storage: no restrict. */
__kernel void label_loss_backward_f32(__global const float *score, __global const float *RST label,
                                    __global const float *RST dloss,
                                    __global const float *RST counted, int n,
                                    __global float *dscore)
{
    const size_t i = get_global_id(0) * VEC;
    if (i < n) {
        const int count = n - i;
        const float scale = dloss[0] / fmax(counted[0], 1.0f);
        const floatv s = clm_load(score + i, count), y = clm_load(label + i, count);
        clm_store(y == y ? scale * slope_of(s, y) : (floatv)(0.0f), dscore + i, count);
    }
}
