/* gcn_sum and gin_sum, forward and backward.
 *
 * A message is made where it is added: what is read is rows of x (forward) or of dy (backward) that
 * the edges name, and vectors of edge kinds, a small table that stays in a near cache. Graphs of a
 * batch are small and their nodes adjacent, so that the rows of neighbours are in cache too, when
 * a work-item goes over some rows block of columns by block of columns.
 *
 * Backward, dx of a row and what its edges add to the gradients of their kinds need the same
 * products, so one pass makes both: a work-item takes a part of the rows and a block of columns, and
 * owns the sums by kind and by group of these, adjacent in memory. Nothing is added atomically and
 * every sum has one order.
 *
 * Built with C; VEC, COUNT, BLOCKS, SLACK (op/lanes.h); GCN: 1 or 0, gin_sum; HAS_BOND,
 * HAS_DBOND. */

#define UNROLL _Pragma("unroll")
#define INLINE static inline __attribute__((always_inline)) /* else arrays go through memory */
#define BLOCK (COUNT * VEC)
#define COLUMN(v) ((v) < COUNT - SLACK ? (v)*VEC : min((v)*VEC, C - column - VEC))

/* A choice, which is one instruction, unlike fmax with its rules for NaN. */
static inline floatv relu(floatv x) { return x < 0.0f ? (floatv)(0.0f) : x; }

/* y where relu(x) has slope 1, else 0. */
static inline floatv gated(floatv x, floatv y) { return x > 0.0f ? y : (floatv)(0.0f); }

#define LIVE_ROWS(live, last, n) ((live) ? min((live)[last], n) : (n))

/* First row whose work, edges and one for itself, starts at or after `work`. */
static inline int first_row(__global const int *RST ptr, int n, int work)
{
    int low = 0, high = n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (ptr[middle] + middle < work)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Columns column .. column + BLOCK - 1 of output row r. */
INLINE void sum_row(__global const real *RST x, __global const real *RST bond,
                    __global const float *RST root, __global const int *RST row_ptr,
                    __global const int *RST src, __global const int *RST kind,
                    __global const int *RST self, __global const int *RST group,
                    __global const float *RST factor, __global const float *RST x_factor,
                    __global real *RST y, int r, int column)
{
    const int g = group ? group[r] : 0;
    __global const real *own = x + (size_t)(self ? self[r] : r) * C + column;
    floatv sum[COUNT];
    UNROLL
    for (int v = 0; v < COUNT; v++) {
#if GCN
        const floatv of_root = vloadv(0, root + (size_t)g * C + column + COLUMN(v));
        sum[v] = factor[r] * relu(vloadr(0, own + COLUMN(v)) + of_root);
#else
        sum[v] = (1.0f + root[g]) * vloadr(0, own + COLUMN(v));
#endif
    }
    const int end = row_ptr[r + 1];
    for (int e = row_ptr[r]; e < end; e++) {
        __global const real *from = x + (size_t)src[e] * C + column;
#if HAS_BOND
        __global const real *with = bond + (size_t)kind[e] * C + column;
#define MESSAGE(v) relu(vloadr(0, from + COLUMN(v)) + vloadr(0, with + COLUMN(v)))
#else
#define MESSAGE(v) relu(vloadr(0, from + COLUMN(v)))
#endif
        UNROLL
        for (int v = 0; v < COUNT; v++) {
#if GCN
            sum[v] = fma((floatv)(x_factor[src[e]]), MESSAGE(v), sum[v]);
#else
            sum[v] += MESSAGE(v);
#endif
        }
    }
    UNROLL
    for (int v = 0; v < COUNT; v++) {
#if GCN
        sum[v] *= factor[r];
#endif
        vstorer(sum[v], 0, y + (size_t)r * C + column + COLUMN(v));
    }
}

/* Work of each of `shares` shares, all of about as much: of live rows, which need not be all there
 * is room for. */
static inline int share_of(__global const int *RST ptr, int rows, int shares)
{
    return (ptr[rows] + rows + shares - 1) / shares;
}

/* One work-item per share of the rows and edges: the rows that start in it, block after block. */
__kernel void bond_sum_f32_cpu(__global const real *RST x, __global const real *RST bond,
                               __global const float *RST root, __global const int *RST row_ptr,
                               __global const int *RST src, __global const int *RST kind,
                               __global const int *RST self, __global const int *RST group,
                               __global const int *RST live, __global const float *RST factor,
                               __global const float *RST x_factor, __global real *RST y, int n,
                               int last)
{
    const int share = (int)get_global_id(0), rows = LIVE_ROWS(live, last, n);
    const int work = share_of(row_ptr, rows, (int)get_global_size(0));
    const int from = first_row(row_ptr, rows, share * work);
    const int to = first_row(row_ptr, rows, (share + 1) * work);
    for (int column = 0; column < C; column += BLOCK)
        for (int r = from; r < to; r++)
            sum_row(x, bond, root, row_ptr, src, kind, self, group, factor, x_factor, y, r, column);
}

/* One work-item per block of a row; neighbours share a row, so that they read it together. */
__kernel void bond_sum_f32_plain(__global const real *RST x, __global const real *RST bond,
                                 __global const float *RST root, __global const int *RST row_ptr,
                                 __global const int *RST src, __global const int *RST kind,
                                 __global const int *RST self, __global const int *RST group,
                                 __global const int *RST live, __global const float *RST factor,
                                 __global const float *RST x_factor, __global real *RST y, int n,
                                 int last)
{
    const size_t id = get_global_id(0);
    const int r = (int)(id / BLOCKS), column = (int)(id % BLOCKS) * BLOCK;
    if (r < LIVE_ROWS(live, last, n))
        sum_row(x, bond, root, row_ptr, src, kind, self, group, factor, x_factor, y, r, column);
}

/* One work-item per block of a part of the work, rows and edges of input rows: dx of the rows that
 * start in it, and partial [parts, BLOCKS, kinds + groups, BLOCK]. */
__kernel void bond_sum_backward_f32(__global const real *RST x, __global const real *RST bond,
                                    __global const float *RST root, __global const real *RST dy,
                                    __global const int *RST t_row_ptr, __global const int *RST dst,
                                    __global const int *RST t_kind, __global const int *RST t_self,
                                    __global const int *RST group, __global const int *RST live,
                                    __global const float *RST factor,
                                    __global const float *RST x_factor, __global real *RST dx,
                                    __global float *RST partial, int n, int last, int parts,
                                    int kinds, int groups)
{
    const size_t id = get_global_id(0);
    const int part = (int)(id / BLOCKS), column = (int)(id % BLOCKS) * BLOCK;
    if (part >= parts) return;
    __global float *of_kind = partial + id * (size_t)(kinds + groups) * BLOCK;
    __global float *of_group = of_kind + (size_t)kinds * BLOCK;
    for (int i = 0; i < (kinds + groups) * COUNT; i++)
        vstorev((floatv)(0.0f), i, of_kind);
    const int rows = LIVE_ROWS(live, last, n), work = share_of(t_row_ptr, rows, parts);
    const int from = first_row(t_row_ptr, rows, part * work);
    const int to = first_row(t_row_ptr, rows, (part + 1) * work);
    for (int s = from; s < to; s++) {
        floatv own[COUNT], d[COUNT];
        UNROLL
        for (int v = 0; v < COUNT; v++) {
            own[v] = vloadr(0, x + (size_t)s * C + column + COLUMN(v));
            d[v] = (floatv)(0.0f);
        }
        const int r = t_self ? t_self[s] : s;
        if (r >= 0) {
            const int g = group ? group[r] : 0;
            __global const real *from_row = dy + (size_t)r * C + column;
            __global float *to_group = of_group + (size_t)g * BLOCK;
            UNROLL
            for (int v = 0; v < COUNT; v++) {
                const floatv given = vloadr(0, from_row + COLUMN(v));
#if GCN
                const floatv of_root = vloadv(0, root + (size_t)g * C + column + COLUMN(v));
                d[v] = gated(own[v] + of_root, factor[r] * factor[r] * given);
                vstorev(vloadv(v, to_group) + d[v], v, to_group);
#else
                d[v] = (1.0f + root[g]) * given;
                vstorev(fma(own[v], given, vloadv(v, to_group)), v, to_group);
#endif
            }
        }
        const int end = t_row_ptr[s + 1];
        for (int e = t_row_ptr[s]; e < end; e++) {
            __global const real *from_row = dy + (size_t)dst[e] * C + column;
#if GCN
#define GIVEN(v) (x_factor[s] * factor[dst[e]] * vloadr(0, from_row + COLUMN(v)))
#else
#define GIVEN(v) vloadr(0, from_row + COLUMN(v))
#endif
#if HAS_BOND
            __global const real *with = bond + (size_t)t_kind[e] * C + column;
#if HAS_DBOND
            __global float *to_kind = of_kind + (size_t)t_kind[e] * BLOCK;
#endif
#endif
            UNROLL
            for (int v = 0; v < COUNT; v++) {
#if HAS_BOND
                const floatv back = gated(own[v] + vloadr(0, with + COLUMN(v)), GIVEN(v));
#if HAS_DBOND
                vstorev(vloadv(v, to_kind) + back, v, to_kind);
#endif
#else
                const floatv back = gated(own[v], GIVEN(v));
#endif
                d[v] += back;
            }
        }
        UNROLL
        for (int v = 0; v < COUNT; v++)
            vstorer(d[v], 0, dx + (size_t)s * C + column + COLUMN(v));
    }
}

/* One work-item per vector of a row of dbond, and with GCN of droot: adds the parts. */
__kernel void bond_sum_backward_rows_f32(__global const float *RST partial, __global real *RST dbond,
                                         __global float *RST droot, int parts, int kinds,
                                         int groups)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / (BLOCKS * COUNT)), vector = (int)(id % (BLOCKS * COUNT));
    if (row >= (GCN ? kinds + groups : kinds)) return;
    const int block = vector / COUNT, v = vector % COUNT, column = block * BLOCK;
    floatv sum = (floatv)(0.0f);
    for (int part = 0; part < parts; part++)
        sum += vloadv(v, partial + (((size_t)part * BLOCKS + block) * (kinds + groups) + row) *
                                       BLOCK);
    const size_t to = column + COLUMN(v);
    if (row < kinds)
        vstorer(sum, 0, dbond + (size_t)row * C + to);
    else
        vstorev(sum, 0, droot + (size_t)(row - kinds) * C + to);
}

#if !GCN
/* One team of LANES work-items per group: deps, over the parts and columns. Lanes of an
 * overlapping vector that the one before it has too do not count. */
__kernel void bond_sum_backward_eps_f32(__global const float *RST partial, __global float *RST deps,
                                        int parts, int kinds, int groups)
{
    CLM_LANES_MEMORY
    const int lane = get_local_id(0), g = get_global_id(1);
    floatv sum = (floatv)(0.0f);
    for (int part = 0; part < parts; part++) {
        floatv of_part = (floatv)(0.0f);
        for (int i = lane; i < BLOCKS; i += LANES) {
            const size_t panel = (size_t)part * BLOCKS + i;
            const int column = i * BLOCK;
            __global const float *from =
                partial + (panel * (kinds + groups) + kinds + min(g, groups - 1)) * BLOCK;
            for (int v = 0; v < COUNT; v++)
                of_part += (intv)(COLUMN(v)) + LANE_INDEX < (intv)(v * VEC) ? (floatv)(0.0f)
                                                                            : vloadv(v, from);
        }
        sum += of_part;
    }
    sum = clm_lanes_sum(sum);
    if (lane == 0 && g < groups) deps[g] = sumv(sum);
}
#endif
