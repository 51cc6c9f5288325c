/* Dot products of pairs of rows that indices choose. Bound by the memory that random rows of b come
 * from.
 *
 * cpu: a work-item takes a block of pairs, a row at a time in vectors, and asks for the rows of b
 * AHEAD pairs before it needs them: no hardware guesses them.
 * gpu: TEAM work-items share a pair, so that a row is read in whole cache lines.
 * plain: a work-item per pair. */

#ifndef AHEAD
#define AHEAD 0
#endif

static inline int row_of(__global const int *RST index, int s, int divide) {
    return index ? index[s] : s / divide;
}

/* Row s of a pair's second side; where there is none, row 0 takes its place and counts nothing. */
static inline __global const real *second(__global const real *b, __global const int *RST index,
                                           int s, int d) {
    return b + (size_t)max(row_of(index, s, 1), 0) * d;
}

__kernel void row_dot_f32_cpu(__global const real *RST a, __global const int *RST a_index,
                              __global const real *RST b, __global const int *RST b_index,
                              __global float *RST out, int pairs, int block, int divide, int d) {
    const int first = get_global_id(0) * block, last = min(pairs, first + block);
    const int whole = d / VEC * VEC;
    for (int s = first; s < last; s++) {
        __global const real *RST x = a + (size_t)row_of(a_index, s, divide) * d;
        __global const real *RST y = second(b, b_index, s, d);
#if AHEAD > 0
        __global const real *next = second(b, b_index, min(s + AHEAD, last - 1), d);
        for (int c = 0; c < d; c += 64 / sizeof(real))
            __builtin_prefetch((const void *)(size_t)(next + c), 0, 2);
#endif
        floatv sum = 0.0f;
        for (int c = 0; c < whole; c += VEC)
            sum = fma(vloadr(0, x + c), vloadr(0, y + c), sum);
        if (whole < d)
            sum = fma(clm_load_real(x + whole, d - whole), clm_load_real(y + whole, d - whole), sum);
        out[s] = row_of(b_index, s, 1) < 0 ? 0.0f : sumv(sum);
    }
}

__kernel void row_dot_f32_plain(__global const real *RST a, __global const int *RST a_index,
                                __global const real *RST b, __global const int *RST b_index,
                                __global float *RST out, int pairs, int divide, int d) {
    const int s = get_global_id(0);
    if (s >= pairs)
        return;
    __global const real *RST x = a + (size_t)row_of(a_index, s, divide) * d;
    __global const real *RST y = second(b, b_index, s, d);
    float sum = 0.0f;
    for (int c = 0; c < d; c++)
        sum += clm_widen(x[c]) * clm_widen(y[c]);
    out[s] = row_of(b_index, s, 1) < 0 ? 0.0f : sum;
}

#define TEAM 8
#define GROUP 64

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
row_dot_f32_gpu(__global const real *RST a, __global const int *RST a_index,
                __global const real *RST b, __global const int *RST b_index,
                __global float *RST out, int pairs, int divide, int d) {
    __local float part[GROUP];
    const int i = get_local_id(0), lane = i % TEAM, s = get_global_id(0) / TEAM;
    floatv sum = 0.0f;
    if (s < pairs) {
        __global const real *RST x = a + (size_t)row_of(a_index, s, divide) * d;
        __global const real *RST y = second(b, b_index, s, d);
        for (int c = lane * VEC; c < d; c += TEAM * VEC)
            sum = fma(clm_load_real(x + c, d - c), clm_load_real(y + c, d - c), sum);
    }
    part[i] = sumv(sum);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0 && s < pairs) {
        float total = 0.0f;
        for (int l = 0; l < TEAM; l++)
            total += part[i + l];
        out[s] = row_of(b_index, s, 1) < 0 ? 0.0f : total;
    }
}
