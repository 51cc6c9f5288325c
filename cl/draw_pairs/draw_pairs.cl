/* Pairs of a link-prediction step: the given positives, then as many negatives drawn from Philox,
 * element = position among the negatives, so that no host round trip is needed between steps. */
__kernel void draw_pairs_i32(__global const int *RST pos_u, __global const int *RST pos_v,
                             __global const int *RST step, int positives, int first_u, int count_u,
                             int first_v, int count_v, __global int *RST u, __global int *RST v)
{
    const int i = get_global_id(0);
    if (i < positives) {
        u[i] = pos_u[i];
        v[i] = pos_v[i];
    } else if (i < 2 * positives) {
        const uint4 word = clm_philox(i - positives, step[0], CLM_STREAM_NEGATIVES, 0, step[1]);
        u[i] = first_u + clm_uniform_below(word.x, count_u);
        v[i] = first_v + clm_uniform_below(word.y, count_v);
    }
}
