/* transpose: swaps the last two dimensions of [G, K, N].
 *
 * Weights are small next to rows, so this need not be clever, only not slow: square tiles of TILE,
 * which a CPU reads and writes in whole cache lines one work-item each, and a GPU turns in local
 * memory, padded so that columns lie in different banks. */

#ifdef TURN_CPU
/* One work-item per TILE x TILE tile. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
transpose_f32_cpu(__global const real *RST w, __global real *RST wt, int depth, int columns)
{
    const int n = (int)get_global_id(0) * TILE, k = (int)get_global_id(1) * TILE;
    const size_t matrix = get_global_id(2) * (size_t)depth * (size_t)columns;
    const int width = min(TILE, columns - n), height = min(TILE, depth - k);
    for (int j = 0; j < width; j++)
        for (int i = 0; i < height; i++)
            wt[matrix + (size_t)(n + j) * (size_t)depth + (size_t)(k + i)] =
                w[matrix + (size_t)(k + i) * (size_t)columns + (size_t)(n + j)];
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
