/* Gated sum of batch-normed experts, variants gpu and plain; the statistics, and the gradient of the
 * norm, are launches of batch_norm. Built with D, EXPERTS, FIRST (the expert of topk that comes first
 * in v), K, EVALUATE (variance in the place of rstd). */
#define EPSILON 1e-5f

/* Work-items (column, row). */
__kernel void gated_norm_f32(__global const real *RST v, __global const float *RST w,
                             __global const float *RST b, __global const float *RST gate,
                             __global const int *RST topk, __global const int *RST live,
                             __global const float *RST mean, __global const float *RST rstd,
                             float scale, __global real *RST y)
{
    const int c = get_global_id(0), row = get_global_id(1);
    if (c >= D || row >= live[1]) return;
    float sum = 0.0f;
    for (int j = 0; j < K; j++) {
        const int e = topk ? topk[row * K + j] - FIRST : j, at = e * D + c;
        if (e < 0 || e >= EXPERTS) continue;
        const float r = EVALUATE ? 1.0f / sqrt(rstd[at] + EPSILON) : rstd[at];
        const float distance = clm_widen(v[(size_t)row * (EXPERTS * D) + at]) - mean[at];
        sum += gate[row * K + j] * (distance * (r * w[at]) + b[at]);
    }
    y[(size_t)row * D + c] = clm_narrow(scale * sum);
}

/* A team of LANES for an expert of a node: the gradient of its gate, and what dy counts for it:
 * scale times the gate, 0 where it was not chosen. The first expert's team also clears the gradients
 * of choices that v does not have. */
__kernel void gated_norm_backward_gate_f32(__global const real *RST v, __global const float *RST w,
                                           __global const float *RST b,
                                           __global const float *RST gate,
                                           __global const int *RST topk,
                                           __global const int *RST live,
                                           __global const real *RST dy,
                                           __global const float *RST mean,
                                           __global const float *RST rstd, float scale, int n,
                                           __global float *RST dgate, __global float *RST weight)
{
    CLM_LANES_MEMORY
    const int task = min((int)get_global_id(1), n * EXPERTS - 1), row = task / EXPERTS;
    const int e = task % EXPERTS, lane = get_local_id(0);
    const bool counts = row < live[1];
    int choice = -1;
    for (int j = 0; counts && j < K; j++) {
        const int chosen = topk ? topk[row * K + j] - FIRST : j;
        if (chosen == e) choice = j;
        if (e == 0 && lane == 0 && (chosen < 0 || chosen >= EXPERTS)) dgate[row * K + j] = 0.0f;
    }
    floatv dot = 0.0f;
    for (int c = lane; choice >= 0 && c < D; c += LANES) {
        const int at = e * D + c;
        const float distance = clm_widen(v[(size_t)row * (EXPERTS * D) + at]) - mean[at];
        dot += clm_widen(dy[(size_t)row * D + c]) * (distance * (rstd[at] * w[at]) + b[at]);
    }
    dot = clm_lanes_sum(dot);
    if (lane > 0 || !counts) return;
    if (choice >= 0) dgate[row * K + choice] = scale * dot;
    weight[task] = choice >= 0 ? scale * gate[row * K + choice] : 0.0f;
}
