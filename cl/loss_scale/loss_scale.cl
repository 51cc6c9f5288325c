/* Gradients divided by the scale of the loss, and the scale's next value: a job streams through a
 * range of elements and counts those that are not finite, then one work-item decides. */
#define INTERVAL 2000 /* good steps after which the scale is doubled */

/* partial[job] = how many gradients of the job are infinite or NaN. */
__kernel void loss_scale_divide(__global float *RST gradient, __global const float *RST scale,
                                int n, int jobs, __global float *RST partial)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), job = get_global_id(1);
    const int rows = (n + VEC - 1) / VEC;
    const int begin = (long)rows * job / jobs, end = (long)rows * (job + 1) / jobs;
    const float factor = 1.0f / scale[0];
    floatv bad = 0.0f;
    for (int row = begin + lane; row < end; row += LANES) {
        const size_t i = (size_t)row * VEC;
        const floatv g = factor * clm_load(gradient + i, n - i);
        bad += (as_intv(g) & 0x7f800000) == 0x7f800000 ? (floatv)(1.0f) : (floatv)(0.0f);
        clm_store(g, gradient + i, n - i);
    }
    bad = clm_lanes_sum(bad);
    if (lane == 0) partial[job] = sumv(bad);
}

__kernel void loss_scale_adapt(__global const float *RST partial, int jobs,
                               __global float *RST scale, __global int *RST steps,
                               __global int *RST skip)
{
    float bad = 0.0f;
    for (int job = 0; job < jobs; job++) bad += partial[job];
    const int good = steps[0] + 1;
    skip[0] = bad > 0.0f;
    steps[0] = bad > 0.0f || good == INTERVAL ? 0 : good;
    scale[0] *= bad > 0.0f ? 0.5f : good == INTERVAL ? 2.0f : 1.0f;
}
