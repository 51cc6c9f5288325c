/* gather_sum: adds up rows of x by segments.
 *
 * Bound by the memory that random rows come from, so the CPU kernel keeps whole rows in vector
 * registers, asks for rows AHEAD slots before it adds them, and gives each work-item about equally
 * many slots: it finds its share of the targets by bisection, because the offsets may have been
 * made on the device. A segment is never divided: segments are the experts of a node or the copies
 * of a row, a few slots each.
 *
 * Built with D; for vectors VEC, COUNT, COLUMNS, PANELS (op/lanes.h); HAS_SCALE, HAS_INIT, AHEAD,
 * WORK. init and y may be the same memory: a panel of init is read whole before y is written. */

#define UNROLL _Pragma("unroll")

#ifndef AHEAD
#define AHEAD 0
#endif
#ifndef WORK
#define WORK 1
#endif

/* Column of vector v of a panel; the last vector ends where the panel ends. */
#define COLUMN(v) ((v)*VEC + VEC <= COLUMNS ? (v)*VEC : COLUMNS - VEC)

#if HAS_SCALE
#define SCALED(s, value, sum) fma((floatv)(scale[s]), value, sum)
#else
#define SCALED(s, value, sum) ((sum) + (value))
#endif

/* One panel of one target: slots begin .. end - 1; `last` is the last slot that may be asked for.
 */
static inline void sum_panel(__global const real *RST x, __global const int *RST index,
                             __global const float *RST scale, __global const real *init,
                             __global real *y, int begin, int end, int last)
{
    floatv sum[COUNT];
    UNROLL
    for (int v = 0; v < COUNT; v++)
#if HAS_INIT
        sum[v] = vloadr(0, init + COLUMN(v));
#else
        sum[v] = (floatv)(0.0f);
#endif
    for (int s = begin; s < end; s++) {
        const int from = index[s];
        if (from < 0) continue;
        __global const real *row = x + (size_t)from * D;
#if AHEAD > 0
        __global const real *next = x + (size_t)max(index[min(s + AHEAD, last)], 0) * D;
        UNROLL
        for (int c = 0; c < COLUMNS; c += 64 / sizeof(real))
            __builtin_prefetch((const void *)(size_t)(next + c), 0, 2);
#endif
        UNROLL
        for (int v = 0; v < COUNT; v++)
            sum[v] = SCALED(s, vloadr(0, row + COLUMN(v)), sum[v]);
    }
    UNROLL
    for (int v = 0; v < COUNT; v++)
        vstorer(sum[v], 0, y + COLUMN(v));
}

/* First target whose work, slots and one for itself, starts at or after `work`. */
static inline int first_target(__global const int *offsets, int n, int work)
{
    const int base = offsets[0];
    int low = 0, high = n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (offsets[middle] - base + middle < work)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One work-item per WORK slots and targets: the targets that start in it, panel after panel. */
__kernel void gather_sum_f32_cpu(__global const real *RST x, __global const int *RST offsets,
                                 __global const int *RST index, __global const float *RST scale,
                                 __global const real *init, __global real *y, int n)
{
    const int share = (int)get_global_id(0);
    const int from = first_target(offsets, n, share * WORK);
    const int to =
        share + 1 == (int)get_global_size(0) ? n : first_target(offsets, n, (share + 1) * WORK);
    if (from >= to) return;
    const int last = max(offsets[to] - 1, 0);
    for (int panel = 0; panel < PANELS; panel++) {
        const int column = panel * COLUMNS;
        int begin = offsets[from];
        for (int target = from; target < to; target++) {
            const int end = offsets[target + 1];
            const size_t at = (size_t)target * D + column;
            sum_panel(x + column, index, scale, init + (HAS_INIT ? at : 0), y + at, begin, end,
                      last);
            begin = end;
        }
    }
}

/* One work-item per panel of a target; neighbours share a row, so that they read it together. */
__kernel void gather_sum_f32_plain(__global const real *RST x, __global const int *RST offsets,
                                   __global const int *RST index, __global const float *RST scale,
                                   __global const real *init, __global real *y, int n)
{
    const size_t id = get_global_id(0);
    const int target = (int)(id / PANELS), column = (int)(id % PANELS) * COLUMNS;
    if (target >= n) return;
    const int begin = offsets[target], end = offsets[target + 1];
    const size_t at = (size_t)target * D + column;
    sum_panel(x + column, index, scale, init + (HAS_INIT ? at : 0), y + at, begin, end, end - 1);
}
