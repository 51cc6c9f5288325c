/* Rows for pairs of an expert and a node, expert by expert, by counting: a job for each expert and
 * block of nodes counts its pairs, a prefix sum in the order (expert, block) gives each its first
 * places, then every job places its pairs in order. A last launch fills in the edges, which need the
 * places of all. */

enum { ROUTED, NEEDED, ENTERING, LEAVING, COUNTS }; /* what is counted */

/* Whether node n, which counts, chose the expert. */
static inline int chose(__global const int *RST topk, int n, int top_k, int expert)
{
    if (!topk) return 1;
    int found = 0;
    for (int j = 0; j < top_k; j++)
        found |= topk[n * top_k + j] == expert;
    return found;
}

/* y_row becomes 1 for routed pairs, x_row one more than the edges of needed ones; others 0. */
__kernel void expert_pairs_i32_count(__global const int *RST topk, __global const int *RST live,
                                     __global const int *RST row_ptr,
                                     __global const int *RST t_row_ptr, __global const int *RST dst,
                                     __global int *RST y_row, __global int *RST x_row,
                                     __global int *RST counts, int nodes, int experts, int top_k,
                                     int first, int all, int block, int blocks)
{
    const int e = get_global_id(0) % experts, b = get_global_id(0) / experts;
    if (b >= blocks) return;
    int count[COUNTS] = {0};
    for (int n = b * block; n < min(nodes, (b + 1) * block); n++) {
        const int counts_node = n < live[1];
        const int routed = counts_node && chose(topk, n, top_k, first + e);
        int leaving = 0;
        for (int k = t_row_ptr[n]; counts_node && k < t_row_ptr[n + 1]; k++)
            leaving += chose(topk, dst[k], top_k, first + e);
        const int needed = routed || leaving > 0 || (counts_node && all);
        y_row[n * experts + e] = routed;
        x_row[n * experts + e] = needed ? leaving + 1 : 0;
        count[ROUTED] += routed;
        count[NEEDED] += needed;
        count[ENTERING] += routed ? row_ptr[n + 1] - row_ptr[n] : 0;
        count[LEAVING] += leaving;
    }
    for (int c = 0; c < COUNTS; c++)
        counts[c * (experts * blocks + 1) + e * blocks + b] = count[c];
}

/* Prefix sums of each count, their total behind them. */
__kernel void expert_pairs_i32_scan(__global int *RST counts, int jobs)
{
    CLM_SCAN_MEMORY
    const int lane = get_local_id(0);
    __global int *RST mine = counts + get_global_id(1) * (jobs + 1);
    int before = 0;
    for (int tile = 0; tile < jobs; tile += LANES) {
        const int i = tile + lane;
        int sum;
        const int at = before + clm_lanes_scan(i < jobs ? mine[i] : 0, &sum);
        if (i < jobs) mine[i] = at;
        before += sum;
    }
    if (lane == 0) mine[jobs] = before;
}

__kernel void expert_pairs_i32_place(
    __global const int *RST row_ptr, __global const float *RST factor,
    __global const int *RST counts, __global int *RST offsets, __global int *RST node,
    __global int *RST group, __global float *RST row_factor, __global int *RST self,
    __global int *RST x_offsets, __global int *RST x_node, __global float *RST x_factor,
    __global int *RST t_self, __global int *RST end, __global int *RST t_end,
    __global int *RST y_row, __global int *RST x_row, int nodes, int experts, int block, int blocks,
    int y_rows, int x_rows)
{
    const int id = get_global_id(0), e = id % experts, b = id / experts, jobs = experts * blocks;
    if (b >= blocks) return;
    int place[COUNTS], total[COUNTS];
    for (int c = 0; c < COUNTS; c++) {
        place[c] = counts[c * (jobs + 1) + e * blocks + b];
        total[c] = counts[c * (jobs + 1) + jobs];
    }
    if (b == 0) {
        offsets[e] = place[ROUTED];
        x_offsets[e] = place[NEEDED];
    }
    if (id == 0) {
        offsets[experts] = total[ROUTED];
        x_offsets[experts] = total[NEEDED];
        end[0] = t_end[0] = 0;
    }
    for (int n = b * block; n < min(nodes, (b + 1) * block); n++) {
        const int routed = y_row[n * experts + e], edges = x_row[n * experts + e];
        const int y = routed ? place[ROUTED]++ : -1, x = edges ? place[NEEDED]++ : -1;
        y_row[n * experts + e] = y;
        x_row[n * experts + e] = x;
        if (y >= 0) {
            place[ENTERING] += row_ptr[n + 1] - row_ptr[n];
            end[y + 1] = place[ENTERING];
            node[y] = n;
            group[y] = e;
            self[y] = x;
            if (factor) row_factor[y] = factor[n];
        }
        if (x >= 0) {
            place[LEAVING] += edges - 1;
            t_end[x + 1] = place[LEAVING];
            x_node[x] = n;
            t_self[x] = y;
            if (factor) x_factor[x] = factor[n];
        }
    }
    for (int y = total[ROUTED] + id; y < y_rows; y += jobs) {
        end[y + 1] = total[ENTERING];
        node[y] = group[y] = self[y] = 0;
        if (factor) row_factor[y] = 0;
    }
    for (int x = total[NEEDED] + id; x < x_rows; x += jobs) {
        t_end[x + 1] = total[LEAVING];
        x_node[x] = 0;
        t_self[x] = -1;
        if (factor) x_factor[x] = 0;
    }
}

/* A work-item for each node and expert. */
__kernel void expert_edges_i32(__global const int *RST topk, __global const int *RST row_ptr,
                               __global const int *RST src, __global const int *RST kind,
                               __global const int *RST t_row_ptr, __global const int *RST dst,
                               __global const int *RST t_kind, __global const int *RST y_row,
                               __global const int *RST x_row, __global const int *RST first,
                               __global const int *RST t_first, __global int *RST src_out,
                               __global int *RST kind_out, __global int *RST dst_out,
                               __global int *RST t_kind_out, __global int *RST slot, int nodes,
                               int experts, int top_k, int first_expert)
{
    const int n = get_global_id(0) / experts, e = get_global_id(0) % experts;
    if (n >= nodes) return;
    const int y = y_row[n * experts + e], x = x_row[n * experts + e];
    if (y >= 0) {
        int to = first[y];
        for (int k = row_ptr[n]; k < row_ptr[n + 1]; k++, to++) {
            src_out[to] = x_row[src[k] * experts + e];
            if (kind) kind_out[to] = kind[k] * experts + e;
        }
    }
    if (x >= 0) {
        int to = t_first[x];
        for (int k = t_row_ptr[n]; k < t_row_ptr[n + 1]; k++) {
            const int target = y_row[dst[k] * experts + e];
            if (target < 0) continue;
            dst_out[to] = target;
            if (kind) t_kind_out[to] = t_kind[k] * experts + e;
            to++;
        }
    }
    for (int j = e; topk && j < top_k; j += experts) {
        const int chosen = topk[n * top_k + j] - first_expert;
        slot[n * top_k + j] =
            chosen < 0 || chosen >= experts ? -1 : y_row[n * experts + chosen];
    }
}
