/* embedding_sum and its gradient. Rows are cut into blocks of COUNT vectors (op/lanes.h), which
 * forward are in registers.
 *
 * Backward, the rows are also cut into parts, and each work-item owns the table that its block of
 * its part adds up to: no two work-items write to the same element, and every sum has one order.
 * Such a table is adjacent in memory, so that the nearest cache holds it.
 *
 * Built with A, D, VEC, COUNT, BLOCKS, SLACK. */

#define UNROLL _Pragma("unroll")

#define COLUMN(v) ((v) < COUNT - SLACK ? (v)*VEC : min((v)*VEC, D - column - VEC))

/* One work-item per block of `rows` rows. */
__kernel void embedding_sum_f32(__global const int *RST index, __global const float *RST table,
                                __global const int *RST live, __global real *RST y, int n, int last,
                                int rows)
{
    const size_t id = get_global_id(0);
    const int first = (int)(id / BLOCKS) * rows, column = (int)(id % BLOCKS) * (COUNT * VEC);
    const int end = min(first + rows, live ? min(live[last], n) : n);
    for (int row = first; row < end; row++) {
        floatv sum[COUNT];
        UNROLL
        for (int v = 0; v < COUNT; v++)
            sum[v] = (floatv)(0.0f);
        for (int a = 0; a < A; a++) {
            __global const float *from = table + (size_t)index[(size_t)row * A + a] * D + column;
            UNROLL
            for (int v = 0; v < COUNT; v++)
                sum[v] += vloadv(0, from + COLUMN(v));
        }
        UNROLL
        for (int v = 0; v < COUNT; v++)
            vstorer(sum[v], 0, y + (size_t)row * D + column + COLUMN(v));
    }
}

/* One work-item per block of a part of `rows` rows: partial [parts, BLOCKS, size, COUNT * VEC]. */
__kernel void embedding_sum_backward_f32(__global const int *RST index, __global const real *RST dy,
                                         __global const int *RST live, __global float *RST partial,
                                         int n, int last, int rows, int parts, int size)
{
    const size_t id = get_global_id(0);
    const int part = (int)(id / BLOCKS), column = (int)(id % BLOCKS) * (COUNT * VEC);
    if (part >= parts) return;
    const int first = part * rows, end = min(first + rows, live ? min(live[last], n) : n);
    __global float *table = partial + id * (size_t)size * (COUNT * VEC);
    for (int i = 0; i < size * COUNT; i++)
        vstorev((floatv)(0.0f), i, table);
    for (int row = first; row < end; row++) {
        floatv d[COUNT];
        UNROLL
        for (int v = 0; v < COUNT; v++)
            d[v] = vloadr(0, dy + (size_t)row * D + column + COLUMN(v));
        for (int a = 0; a < A; a++) {
            __global float *to = table + (size_t)index[(size_t)row * A + a] * (COUNT * VEC);
            UNROLL
            for (int v = 0; v < COUNT; v++)
                vstorev(vloadv(v, to) + d[v], v, to);
        }
    }
}

/* One work-item per block of a row of the table: adds the parts. */
__kernel void embedding_sum_backward_sum_f32(__global const float *RST partial,
                                             __global float *RST dtable, int parts, int size)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / BLOCKS), block = (int)(id % BLOCKS);
    const int column = block * (COUNT * VEC);
    if (row >= size) return;
    floatv sum[COUNT];
    UNROLL
    for (int v = 0; v < COUNT; v++)
        sum[v] = (floatv)(0.0f);
    for (int part = 0; part < parts; part++) {
        __global const float *from =
            partial + (((size_t)part * BLOCKS + block) * size + row) * (COUNT * VEC);
        UNROLL
        for (int v = 0; v < COUNT; v++)
            sum[v] += vloadv(v, from);
    }
    UNROLL
    for (int v = 0; v < COUNT; v++)
        vstorev(sum[v], 0, dtable + (size_t)row * D + column + COLUMN(v));
}
