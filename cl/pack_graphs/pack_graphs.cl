/* Mini-batches of small graphs, a job for each graph: a work-item on CPUs, a work-group of LANES on
 * GPUs, in three launches whatever the number of graphs.
 *
 * How many nodes a graph keeps is known without drawing, so every job finds its first row by adding
 * up the graphs before it. How many edges remain is known only once the nodes are: one launch counts
 * them, graph by graph, the next adds up the graphs before and places them. */

static inline int kept_nodes(__global const int *RST first, __global const int *RST kept, int graph)
{
    return kept ? kept[graph] : first[graph + 1] - first[graph];
}

/* Position of node i of a graph in the order of its nodes' words, equal ones by number. */
static inline int rank_of(__global const int *word, int count, int i)
{
    const uint mine = word[i];
    int rank = 0;
    for (int j = 0; j < i; j++)
        rank += (uint)word[j] <= mine;
    for (int j = i + 1; j < count; j++)
        rank += (uint)word[j] < mine;
    return rank;
}

__kernel void pack_graphs_i32(__global const int *RST step, __global const int *RST order,
                              __global const int *RST first, __global const int *RST kept,
                              __global const int *RST category, __global const float *RST feature,
                              __global const float *RST target, __global const int *RST label,
                              __global int *RST live, __global int *RST graph_ptr,
                              __global int *RST graph_of, __global int *node, __global int *row,
                              __global int *RST row_category, __global float *RST row_feature,
                              __global float *RST graph_target, __global int *RST graph_label,
                              int graphs, int ordered, int steps, int rows, int fields, int width,
                              int tasks)
{
    CLM_SCAN_MEMORY
    const int lane = get_local_id(0), b = get_global_id(1), window = step[0] % steps * graphs;
    int begin = 0;
    for (int i = window; i < window + b && i < ordered; i++)
        begin += kept_nodes(first, kept, order[i]);
    const int graph = window + b < ordered ? order[window + b] : -1;
    const int from = graph < 0 ? 0 : first[graph], count = graph < 0 ? 0 : first[graph + 1] - from;
    const int remain = graph < 0 ? 0 : kept_nodes(first, kept, graph), end = begin + remain;

    /* `row` holds the words until it is known who stays; every lane meets the same barriers. */
    if (remain < count)
        for (int i = lane; i < count; i += LANES)
            row[from + i] = clm_philox(from + i, step[0], CLM_STREAM_MASK, 0, step[1]).x;
    clm_lanes_barrier();
    int before = begin;
    for (int tile = 0; tile < count; tile += LANES) {
        const int i = tile + lane;
        const int stays = i < count && (remain == count || rank_of(row + from, count, i) < remain);
        int sum;
        const int at = before + clm_lanes_scan(stays, &sum);
        if (stays) node[at] = from + i;
        before += sum;
    }
    clm_lanes_barrier();
    for (int i = lane; i < count; i += LANES)
        row[from + i] = -1;
    clm_lanes_barrier();
    for (int r = begin + lane; r < end; r += LANES) {
        const int v = node[r];
        row[v] = r;
        graph_of[r] = b;
        for (int a = 0; a < fields; a++)
            row_category[r * fields + a] = category[(size_t)v * fields + a];
        for (int f = 0; f < width; f++)
            row_feature[r * width + f] = feature[(size_t)v * width + f];
    }
    for (int c = lane; c < tasks; c += LANES)
        graph_target[b * tasks + c] = graph < 0 ? NAN : target[(size_t)graph * tasks + c];
    if (lane == 0) {
        if (label) graph_label[b] = graph < 0 ? -1 : label[graph];
        graph_ptr[b + 1] = end;
        if (b == 0) graph_ptr[0] = live[0] = 0;
    }
    if (b < graphs - 1) return;
    if (lane == 0) live[1] = end;
    for (int r = end + lane; r < rows; r += LANES) {
        node[r] = 0;
        graph_of[r] = b;
        for (int a = 0; a < fields; a++)
            row_category[r * fields + a] = 0;
        for (int f = 0; f < width; f++)
            row_feature[r * width + f] = 0;
    }
}

/* Kept edges of row r's node, in one list. */
static inline int count_row(__global const int *RST node, __global const int *RST row,
                            __global const int *RST row_ptr, __global const int *RST other, int r)
{
    const int v = node[r];
    int count = 0;
    for (int e = row_ptr[v]; e < row_ptr[v + 1]; e++)
        count += row[other[e]] >= 0;
    return count;
}

/* Both lists' kept edges up to each row, counted within its graph; those of the graph. */
__kernel void pack_edges_i32_count(__global const int *RST node, __global const int *RST graph_ptr,
                                   __global const int *RST row, __global const int *RST row_ptr,
                                   __global const int *RST src, __global const int *RST t_row_ptr,
                                   __global const int *RST dst, __global int *RST end,
                                   __global int *RST t_end, __global int *RST total)
{
    CLM_SCAN_MEMORY
    const int lane = get_local_id(0), b = get_global_id(1);
    const int first = graph_ptr[b], last = graph_ptr[b + 1];
    int before = 0, t_before = 0;
    for (int tile = first; tile < last; tile += LANES) {
        const int r = tile + lane;
        const int count = r < last ? count_row(node, row, row_ptr, src, r) : 0;
        const int t_count = r < last ? count_row(node, row, t_row_ptr, dst, r) : 0;
        int sum, t_sum;
        const int at = before + clm_lanes_scan(count, &sum);
        const int t_at = t_before + clm_lanes_scan(t_count, &t_sum);
        if (r < last) {
            end[r + 1] = at + count;
            t_end[r + 1] = t_at + t_count;
        }
        before += sum;
        t_before += t_sum;
    }
    if (lane == 0) total[b] = before;
}

/* Places the kept edges of row r's node, the last one first: then the row needs to know no other
 * place than its own end, which a neighbour may already have moved. Returns their number. */
static inline int place_row(__global const int *RST node, __global const int *RST row,
                            __global const int *RST row_ptr, __global const int *RST other,
                            __global const int *RST kind, int before, int r, __global int *RST end,
                            __global int *RST other_out, __global int *RST kind_out)
{
    const int v = node[r], last = before + end[r + 1];
    int to = last;
    for (int e = row_ptr[v + 1] - 1; e >= row_ptr[v]; e--) {
        const int from = row[other[e]];
        if (from < 0) continue;
        to--;
        other_out[to] = from;
        if (kind) kind_out[to] = kind[e];
    }
    end[r + 1] = last;
    return last - to;
}

__kernel void pack_edges_i32_place(
    __global const int *RST node, __global const int *RST graph_ptr, __global const int *RST row,
    __global const int *RST row_ptr, __global const int *RST src, __global const int *RST kind,
    __global const int *RST t_row_ptr, __global const int *RST dst, __global const int *RST t_kind,
    __global const int *RST total, __global int *RST end, __global int *RST src_out,
    __global int *RST kind_out, __global int *RST t_end, __global int *RST dst_out,
    __global int *RST t_kind_out, __global float *RST factor, int graphs, int rows)
{
    const int lane = get_local_id(0), b = get_global_id(1);
    int before = 0;
    for (int i = 0; i < b; i++)
        before += total[i];
    for (int r = graph_ptr[b] + lane; r < graph_ptr[b + 1]; r += LANES) {
        place_row(node, row, row_ptr, src, kind, before, r, end, src_out, kind_out);
        const int leaving =
            place_row(node, row, t_row_ptr, dst, t_kind, before, r, t_end, dst_out, t_kind_out);
        factor[r] = 1.0f / sqrt(1.0f + leaving);
    }
    if (b == 0 && lane == 0) end[0] = t_end[0] = 0;
    if (b < graphs - 1) return;
    for (int r = graph_ptr[b + 1] + lane; r < rows; r += LANES) {
        end[r + 1] = t_end[r + 1] = before + total[b];
        factor[r] = 1.0f;
    }
}
