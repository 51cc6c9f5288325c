/* Scores of node pairs: a team of LANES work-items takes a pair and reads its two rows, gathered by
 * index. The backward pass gathers too: pairs were sorted by node, so each row of the gradient is
 * written once, by one team, in the order of the pairs; nothing is scattered. */
__kernel void pair_dot_f32(__global const real *RST a, __global const real *RST b,
                           __global const int *RST u, __global const int *RST v, int pairs, int d,
                           __global float *RST score)
{
    CLM_LANES_MEMORY
    const int pair = get_global_id(1), lane = get_local_id(0), at = min(pair, pairs - 1);
    a += (size_t)u[at] * d;
    b += (size_t)v[at] * d;
    floatv sum = 0.0f;
    for (int c = lane * VEC; c < d; c += LANES * VEC)
        sum += clm_load_real(a + c, d - c) * clm_load_real(b + c, d - c);
    sum = clm_lanes_sum(sum);
    if (lane == 0 && pair < pairs) score[pair] = sumv(sum);
}

/* da[n] = sum over the pairs of node n of dscore * other[index of the pair's other node]. */
__kernel void pair_dot_backward_f32(__global const float *RST dscore,
                                    __global const real *RST other, __global const int *RST index,
                                    __global const int *RST offsets, __global const int *RST order,
                                    int nodes, int d, __global real *RST da)
{
    const int node = get_global_id(1);
    if (node < nodes) {
        const int begin = offsets[node], end = offsets[node + 1];
        for (int c = get_local_id(0) * VEC; c < d; c += LANES * VEC) {
            floatv sum = 0.0f;
            for (int s = begin; s < end; s++) {
                const int pair = order[s];
                sum += dscore[pair] * clm_load_real(other + (size_t)index[pair] * d + c, d - c);
            }
            clm_store_real(sum, da + (size_t)node * d + c, d - c);
        }
    }
}
