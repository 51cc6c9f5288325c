/* Adam over one flat arena of all parameters: a single streaming pass of 28 bytes an element, hence
 * one launch for the whole model. Corrections of the bias come from the step on the device, so that
 * a replay of the tape changes no argument. */

/* 1 - beta^t for beta close to 1, from log(beta): 1 - pow(beta, t) would keep four digits. */
static inline float correction(float log_beta, int t) { return -expm1(log_beta * t); }

/* One work-group covers BLOCK vectors of each of its work-items, which take turns. */
__kernel void adam_f32(__global float *RST parameter, __global float *RST first,
                       __global float *RST second, __global const float *RST gradient,
                       __global const int *RST step, __global const int *RST skip,
                       float weight_decay, int n)
{
    if (skip && skip[0]) return;
    const int t = step[0] + 1;
    const float rate = as_float(step[2]) / correction(-0x1.af8e82p-4f, t); /* log 0.9 */
    const float scale = rsqrt(correction(-0x1.06467p-10f, t));             /* log 0.999 */
    const size_t lanes = get_local_size(0);
    const size_t start = get_group_id(0) * lanes * BLOCK + get_local_id(0);
    for (int k = 0; k < BLOCK; k++) {
        const size_t i = (start + k * lanes) * VEC;
        if (i < n) {
            const int count = n - i;
            const floatv p = clm_load(parameter + i, count);
            const floatv g = clm_load(gradient + i, count) + weight_decay * p;
            const floatv m = 0.9f * clm_load(first + i, count) + 0.1f * g;
            const floatv v = 0.999f * clm_load(second + i, count) + 0.001f * g * g;
            clm_store(m, first + i, count);
            clm_store(v, second + i, count);
            clm_store(p - rate * m / (sqrt(v) * scale + 1e-8f), parameter + i, count);
        }
    }
}
