/* Learnt mixture of a layer's output and its input, one gate per node type. Forward, a team of
 * LANES work-items takes a row. The backward pass also needs one sum per type: nodes are sorted by
 * type, so that a job of it is a run of rows of one type, a flat range of elements with one gate.
 */

/* y and o may be the same storage: no restrict. */
__kernel void skip_gate_f32(__global const real *o, __global const real *RST x,
                            __global const float *RST skip, __global const int *RST type, int n,
                            int d, __global real *y)
{
    const int row = get_global_id(1);
    if (row < n) {
        const floatv s = clm_sigmoid((floatv)(skip[type[row]]));
        const size_t start = (size_t)row * d;
        for (int c = get_local_id(0) * VEC; c < d; c += LANES * VEC) {
            const floatv back = clm_load_real(x + start + c, d - c);
            clm_store_real(back + s * (clm_load_real(o + start + c, d - c) - back), y + start + c, d - c);
        }
    }
}

/* dO = s dy, dx = (1 - s) dy, and per job the sum of dy (o - x). Job j of a type has rows
 * offsets[t] + [j, j + 1) rows / jobs. dO and dy may be the same storage: no restrict. */
__kernel void skip_gate_backward_f32(__global const real *RST o, __global const real *RST x,
                                     __global const float *RST skip,
                                     __global const int *RST type_offsets,
                                     __global const real *dy, int d, int jobs, __global real *d_o,
                                     __global real *RST d_x, __global float *RST partial)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), job = get_global_id(1), type = job / jobs;
    const int first = type_offsets[type], rows = type_offsets[type + 1] - first;
    const long part = job - type * jobs;
    const size_t begin = (size_t)(first + part * rows / jobs) * d;
    const size_t end = (size_t)(first + (part + 1) * rows / jobs) * d;
    const floatv s = clm_sigmoid((floatv)(skip[type]));
    floatv sum = 0.0f;
    for (size_t i = begin + lane * VEC; i < end; i += LANES * VEC) {
        const int count = min(end - i, (size_t)VEC);
        const floatv g = clm_load_real(dy + i, count);
        sum += g * (clm_load_real(o + i, count) - clm_load_real(x + i, count));
        clm_store_real(s * g, d_o + i, count);
        clm_store_real((1.0f - s) * g, d_x + i, count);
    }
    sum = clm_lanes_sum(sum);
    if (lane == 0) partial[job] = sumv(sum);
}

/* dskip of each type: the sums of its jobs, times the gate's slope s (1 - s). */
__kernel void skip_gate_backward_sum_f32(__global const float *RST partial,
                                         __global const float *RST skip, int jobs,
                                         __global float *RST dskip)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), type = get_global_id(1);
    floatv sum = 0.0f;
    for (int i = lane * VEC; i < jobs; i += LANES * VEC)
        sum += clm_load(partial + type * jobs + i, jobs - i);
    sum = clm_lanes_sum(sum);
    const floatv s = clm_sigmoid((floatv)(skip[type]));
    if (lane == 0) clm_store(sumv(sum) * s * (1.0f - s), dskip + type, 1);
}
