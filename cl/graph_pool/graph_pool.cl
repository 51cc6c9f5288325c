/* Pooling of the rows of each graph: a work-item takes VEC columns of a graph and runs over its rows;
 * back, VEC columns of a row. Both are bound by memory: every element of x or dx is touched once.
 * Built with D and MAXIMUM. */
#define PANELS ((D + VEC - 1) / VEC)

__kernel void graph_pool_f32(__global const real *RST x, __global const int *RST graph_ptr,
                             int graphs, __global real *RST y, __global int *RST largest)
{
    const int id = get_global_id(0), graph = id / PANELS, c = id % PANELS * VEC, count = D - c;
    if (graph >= graphs) return;
    const int begin = graph_ptr[graph], end = graph_ptr[graph + 1];
    const size_t to = (size_t)graph * D + c;
#if MAXIMUM
    floatv best = -INFINITY;
    intv at = -1;
    for (int row = begin; row < end; row++) {
        const floatv value = clm_load_real(x + (size_t)row * D + c, count);
        at = value > best ? (intv)(row) : at;
        best = value > best ? value : best;
    }
    clm_store_real(begin < end ? best : (floatv)(0.0f), y + to, count);
    if (count >= VEC)
        vstorev(at, 0, largest + to);
    else {
        int lane[VEC];
        vstorev(at, 0, lane);
        for (int j = 0; j < count; j++) largest[to + j] = lane[j];
    }
#else
    floatv sum = 0.0f;
    for (int row = begin; row < end; row++) sum += clm_load_real(x + (size_t)row * D + c, count);
    clm_store_real(sum / (float)max(end - begin, 1), y + to, count);
#endif
}

__kernel void graph_pool_backward_f32(__global const real *RST dy,
                                      __global const int *RST graph_ptr,
                                      __global const int *RST graph_of,
                                      __global const int *RST largest, int graphs, int n,
                                      __global real *RST dx)
{
    const size_t id = get_global_id(0);
    const int row = (int)(id / PANELS), c = (int)(id % PANELS) * VEC, count = D - c;
    if (row >= n) return;
    const int graph = clamp(graph_of[row], 0, graphs - 1);
    const int begin = graph_ptr[graph], end = graph_ptr[graph + 1];
    const size_t from = (size_t)graph * D + c, to = (size_t)row * D + c;
    floatv value = clm_load_real(dy + from, count);
#if MAXIMUM
    int lane[VEC];
    for (int j = 0; j < VEC; j++) lane[j] = largest[from + min(j, count - 1)];
    value = vloadv(0, lane) == (intv)(row) ? value : (floatv)(0.0f);
#else
    value /= (float)max(end - begin, 1);
#endif
    clm_store_real(begin <= row && row < end ? value : (floatv)(0.0f), dx + to, count);
}
