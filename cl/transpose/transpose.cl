/* transpose: swaps the last two dimensions of [G, K, N].
 *
 * Weights are small next to rows, so this need not be clever, only not slow: square tiles of TILE,
 * one work-item each on a CPU, which turns them in registers, while a GPU does in local memory,
 * padded so that columns lie in different banks. */

#ifdef TURN_CPU
enum { SIDE = 16 };
typedef real16 __attribute__((aligned(sizeof(real)))) side; /* vload takes it apart on PoCL */

#define UNROLL _Pragma("unroll")
#define LOW(a, b)                                                                                  \
    (real16)((a).s0, (b).s0, (a).s1, (b).s1, (a).s2, (b).s2, (a).s3, (b).s3, (a).s4, (b).s4, (a).s5, \
             (b).s5, (a).s6, (b).s6, (a).s7, (b).s7)
#define HIGH(a, b)                                                                                 \
    (real16)((a).s8, (b).s8, (a).s9, (b).s9, (a).sa, (b).sa, (a).sb, (b).sb, (a).sc, (b).sc, (a).sd, \
             (b).sd, (a).se, (b).se, (a).sf, (b).sf)

/* SIDE rows of SIDE in registers: interleaving the first half of the rows with the second, log2(SIDE)
 * times, swaps rows and columns. */
static inline void turn(__global const real *RST from, int columns, __global real *RST to, int depth)
{
    real16 row[SIDE], next[SIDE];
    UNROLL
    for (int i = 0; i < SIDE; i++)
        row[i] = *(__global const side *)(from + (size_t)i * (size_t)columns);
    UNROLL
    for (int step = 1; step < SIDE; step *= 2) {
        UNROLL
        for (int i = 0; i < SIDE / 2; i++) {
            next[2 * i] = LOW(row[i], row[i + SIDE / 2]);
            next[2 * i + 1] = HIGH(row[i], row[i + SIDE / 2]);
        }
        UNROLL
        for (int i = 0; i < SIDE; i++)
            row[i] = next[i];
    }
    UNROLL
    for (int i = 0; i < SIDE; i++)
        *(__global side *)(to + (size_t)i * (size_t)depth) = row[i];
}

/* One work-item per TILE x TILE tile. Its last squares end where the matrix does, and are turned
 * twice in part. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
transpose_f32_cpu(__global const real *RST w, __global real *RST wt, int depth, int columns)
{
    const int n = (int)get_global_id(0) * TILE, k = (int)get_global_id(1) * TILE;
    const size_t matrix = get_global_id(2) * (size_t)depth * (size_t)columns;
    const int right = min(n + TILE, columns), below = min(k + TILE, depth);
    w += matrix;
    wt += matrix;
    if (columns >= SIDE && depth >= SIDE) {
        for (int j = n; j < right; j += SIDE)
            for (int i = k; i < below; i += SIDE) {
                const size_t c = (size_t)min(j, columns - SIDE), r = (size_t)min(i, depth - SIDE);
                turn(w + r * (size_t)columns + c, columns, wt + c * (size_t)depth + r, depth);
            }
        return;
    }
    for (int j = n; j < right; j++)
        for (int i = k; i < below; i++)
            wt[(size_t)j * (size_t)depth + (size_t)i] = w[(size_t)i * (size_t)columns + (size_t)j];
}
#endif

#ifdef TURN_GPU
enum { HEIGHT = 8 }; /* rows of a work-group */

__kernel __attribute__((reqd_work_group_size(TILE, HEIGHT, 1))) void
transpose_f32_gpu(__global const real *RST w, __global real *RST wt, int depth, int columns)
{
    __local real tile[TILE][TILE + 1];
    const int n = (int)get_group_id(0) * TILE, k = (int)get_group_id(1) * TILE;
    const int i = (int)get_local_id(0);
    const size_t matrix = get_global_id(2) * (size_t)depth * (size_t)columns;
    for (int r = (int)get_local_id(1); r < TILE; r += HEIGHT)
        if (k + r < depth && n + i < columns)
            tile[r][i] = w[matrix + (size_t)(k + r) * (size_t)columns + (size_t)(n + i)];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = (int)get_local_id(1); r < TILE; r += HEIGHT)
        if (n + r < columns && k + i < depth)
            wt[matrix + (size_t)(n + r) * (size_t)depth + (size_t)(k + i)] = tile[i][r];
}
#endif

#ifdef TURN_PLAIN
/* One work-item per element of wt. */
__kernel void transpose_f32_plain(__global const real *RST w, __global real *RST wt, int groups,
                                  int depth, int columns)
{
    const size_t at = get_global_id(0), size = (size_t)depth * (size_t)columns;
    if (at >= (size_t)groups * size) return;
    const size_t g = at / size, n = at % size / (size_t)depth, k = at % (size_t)depth;
    wt[at] = w[g * size + k * (size_t)columns + n];
}
#endif
