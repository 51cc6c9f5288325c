/* Scores of E experts averaged over rows: a work-item takes VEC columns of the rows of a job and
 * leaves their sum, which one for each VEC columns adds in order. */
#define PANELS ((E + VEC - 1) / VEC)

static inline float noise(__global const float *given, __global const int *step, int draw,
                          int layer)
{
    if (given) return given[0];
    if (!draw) return 0.0f;
    const uint4 word = clm_philox(0, (uint)step[0], CLM_STREAM_NOISE, (uint)layer, (uint)step[1]);
    return clm_normal(word.x, word.y).x;
}

__kernel void noisy_pool_f32(__global const float *RST clean, __global const float *RST raw,
                             __global const int *RST live, __global const int *RST step,
                             __global const float *RST given, int draw, int layer, int jobs,
                             int rows, __global float *RST partial)
{
    const int id = get_global_id(0), job = id / PANELS, c = id % PANELS * VEC, count = E - c;
    if (job >= jobs) return;
    const float z = noise(given, step, draw, layer);
    const int end = min(live[1], (job + 1) * rows);
    floatv sum = 0.0f;
    for (int row = job * rows; row < end; row++) {
        const size_t at = (size_t)row * E + c;
        sum += fma((floatv)(z), clm_softplus(clm_load(raw + at, count)), clm_load(clean + at, count));
    }
    clm_store(sum, partial + (size_t)job * E + c, count);
}

__kernel void noisy_pool_sum_f32(__global const float *RST partial, __global const int *RST live,
                                 __global const int *RST step, __global const float *RST given,
                                 int draw, int layer, int jobs, __global float *RST logits,
                                 __global float *RST z)
{
    const int panel = get_global_id(0), c = panel * VEC, count = E - c;
    if (panel >= PANELS) return;
    floatv sum = 0.0f;
    for (int job = 0; job < jobs; job++) sum += clm_load(partial + (size_t)job * E + c, count);
    clm_store(sum / (float)max(live[1], 1), logits + c, count);
    if (panel == 0) z[0] = noise(given, step, draw, layer);
}

__kernel void noisy_pool_backward_f32(__global const float *RST raw, __global const int *RST live,
                                      __global const float *RST z,
                                      __global const float *RST dlogits, int n,
                                      __global float *RST dclean, __global float *RST draw)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / PANELS), c = (int)(id % PANELS) * VEC, count = E - c;
    if (row >= n) return;
    const size_t at = (size_t)row * E + c;
    const bool counts = row < live[1];
    const floatv d = clm_load(dlogits + c, count) / (float)max(live[1], 1), none = 0.0f;
    const floatv slope = z[0] * d * clm_sigmoid(clm_load(raw + at, count));
    clm_store(counts ? d : none, dclean + at, count);
    clm_store(counts ? slope : none, draw + at, count);
}
