/* Stable counting sort by the digits of the key. Keys from `groups` on count as one last key, whose
 * items belong to no group: they are sorted behind all others and get no slot.
 *
 * A pass sorts by one digit: every block of keys counts its digits; a scan in the order (digit,
 * block) turns the counts into the first slot of each digit of each block; then every block places
 * its keys in order. Up to 2048 groups, which covers experts, the whole key is one digit. Beyond
 * (node numbers) two passes of half of the bits each keep the counts small; being stable, the
 * second preserves what the first has sorted, and the offsets are searched in the sorted keys.
 *
 * serial: one work-item per block counts in global memory, which is its L1 cache on a CPU.
 * gpu: one work-group per block counts in local memory. The only atomic operations count, where
 * order does not matter; the rank of a key within a tile comes from comparing it with the keys
 * before it, which costs less than the barriers of a sort in local memory and needs no sub-groups.
 */

/* counts[block][digit] */
__kernel void dispatch_i32_serial_count(__global const int *RST key, __global int *RST counts,
                                        int items, int block, int shift, int mask, int bins,
                                        int groups)
{
    const int b = get_global_id(0);
    const int first = b * block, last = min(items, first + block);
    __global int *RST mine = counts + (size_t)b * bins;
    for (int d = 0; d < bins; d++)
        mine[d] = 0;
    for (int s = first; s < last; s++)
        mine[(min(key[s], groups) >> shift) & mask]++;
}

/* One work-item replaces counts[block][digit] by first slots. Row counts[blocks] holds the first
 * slot of each digit in the meantime. `offsets` is null unless digits are groups. */
__kernel void dispatch_i32_serial_scan(__global int *RST counts, __global int *RST offsets,
                                       int blocks, int bins)
{
    __global int *RST base = counts + (size_t)blocks * bins;
    const int whole = bins / VEC * VEC;
    for (int d = 0; d < whole; d += VEC) {
        intv sum = 0;
        for (int b = 0; b < blocks; b++)
            sum += vloadv(0, counts + (size_t)b * bins + d);
        vstorev(sum, 0, base + d);
    }
    for (int d = whole; d < bins; d++) {
        int sum = 0;
        for (int b = 0; b < blocks; b++)
            sum += counts[(size_t)b * bins + d];
        base[d] = sum;
    }
    int next = 0;
    for (int d = 0; d < bins; d++) {
        const int sum = base[d];
        base[d] = next;
        if (offsets) offsets[d] = next;
        next += sum;
    }
    for (int b = 0; b < blocks; b++) {
        __global int *RST row = counts + (size_t)b * bins;
        for (int d = 0; d < whole; d += VEC) {
            const intv count = vloadv(0, row + d), first = vloadv(0, base + d);
            vstorev(first, 0, row + d);
            vstorev(first + count, 0, base + d);
        }
        for (int d = whole; d < bins; d++) {
            const int count = row[d];
            row[d] = base[d];
            base[d] += count;
        }
    }
}

/* First of two passes: moves keys and their items. */
__kernel void dispatch_i32_serial_move(__global const int *RST key, __global int *RST first_slot,
                                       __global int *RST key_out, __global int *RST item_out,
                                       int items, int block, int shift, int mask, int bins,
                                       int groups)
{
    const int b = get_global_id(0);
    const int first = b * block, last = min(items, first + block);
    __global int *RST next = first_slot + (size_t)b * bins;
    for (int s = first; s < last; s++) {
        const int k = min(key[s], groups);
        const int to = next[(k >> shift) & mask]++;
        key_out[to] = k;
        item_out[to] = s;
    }
}

/* Last pass. `item` is null when the keys are still in the order of the items. */
__kernel void dispatch_i32_serial_place(__global const int *RST key, __global const int *RST item,
                                        __global int *RST first_slot, __global int *RST order,
                                        __global int *RST slot, __global int *RST row, int items,
                                        int block, int shift, int mask, int bins, int groups,
                                        int divide)
{
    const int b = get_global_id(0);
    const int first = b * block, last = min(items, first + block);
    __global int *RST next = first_slot + (size_t)b * bins;
    for (int s = first; s < last; s++) {
        const int from = item ? item[s] : s;
        const int k = min(key[s], groups), to = next[(k >> shift) & mask]++;
        slot[from] = k < groups ? to : -1;
        if (k == groups) continue;
        order[to] = from;
        row[to] = from / divide;
    }
}

/* Offsets from the sorted keys: offsets[g] is the first slot whose key is >= g. A work-item does
 * `chunk` groups; it gallops from one to the next, so that empty groups cost one step and large
 * ones a logarithm. */
__kernel void dispatch_i32_offsets(__global const int *RST key, __global const int *RST order,
                                   __global int *RST offsets, int kept, int groups, int chunk)
{
    const int first = get_global_id(0) * chunk, last = min(groups + 1, first + chunk);
    int slot = 0; /* all keys before it are < g */
    for (int g = first; g < last; g++) {
        int step = 1, end = slot;
        while (end < kept && key[order[end]] < g) {
            slot = end + 1;
            end = min(kept, end + step);
            step *= 2;
        }
        while (slot < end) {
            const int middle = slot + (end - slot) / 2;
            if (key[order[middle]] < g)
                slot = middle + 1;
            else
                end = middle;
        }
        offsets[g] = slot;
    }
}

#define GROUP 256

/* Exclusive prefix sum over the work-group's values; `sum` gets their total. Ends with a barrier.
 */
static inline int group_scan(int value, __local int *buffer, int *sum)
{
    const int i = get_local_id(0);
    int inclusive = value;
    buffer[i] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int distance = 1; distance < GROUP; distance *= 2) {
        const int other = i >= distance ? buffer[i - distance] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        inclusive += other;
        buffer[i] = inclusive;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    *sum = buffer[GROUP - 1];
    barrier(CLK_LOCAL_MEM_FENCE);
    return inclusive - value;
}

/* counts[digit][block]: the scan then reads each digit's blocks side by side. */
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
dispatch_i32_gpu_count(__global const int *RST key, __global int *RST counts, __local int *RST mine,
                       int items, int block, int shift, int mask, int bins, int groups)
{
    const int i = get_local_id(0), b = get_group_id(0), blocks = get_num_groups(0);
    for (int d = i; d < bins; d += GROUP)
        mine[d] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    const int first = b * block, last = min(items, first + block);
    for (int s = first + i; s < last; s += GROUP)
        atomic_inc(&mine[(min(key[s], groups) >> shift) & mask]);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int d = i; d < bins; d += GROUP)
        counts[(size_t)d * blocks + b] = mine[d];
}

/* One work-group per digit: scans the digit's blocks; their sum goes behind the counts. */
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
dispatch_i32_gpu_scan(__global int *RST counts, int blocks)
{
    __local int buffer[GROUP];
    const int i = get_local_id(0), d = get_group_id(0);
    __global int *RST row = counts + (size_t)d * blocks;
    int before = 0;
    for (int tile = 0; tile < blocks; tile += GROUP) {
        const int b = tile + i;
        int sum;
        const int exclusive = group_scan(b < blocks ? row[b] : 0, buffer, &sum);
        if (b < blocks) row[b] = before + exclusive;
        before += sum;
    }
    if (i == 0) counts[get_num_groups(0) * (size_t)blocks + d] = before;
}

/* First slots of this block's digits, from the scanned counts and the digits' sums behind them. */
static inline void first_slots(__global const int *RST counts, __global int *RST offsets,
                               __local int *RST next, __local int *RST buffer, int bins)
{
    const int i = get_local_id(0), b = get_group_id(0), blocks = get_num_groups(0);
    __global const int *RST totals = counts + (size_t)bins * blocks;
    int before = 0;
    for (int tile = 0; tile < bins; tile += GROUP) {
        const int d = tile + i;
        int sum;
        const int base = before + group_scan(d < bins ? totals[d] : 0, buffer, &sum);
        if (d < bins) {
            next[d] = base + counts[(size_t)d * blocks + b];
            if (offsets && b == 0) offsets[d] = base;
        }
        before += sum;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Slot of this work-item's digit (-1: none) among those of the tile. All work-items must call. */
static inline int next_slot(int digit, __local int *RST next, __local int *RST tile)
{
    const int i = get_local_id(0);
    tile[i] = digit;
    barrier(CLK_LOCAL_MEM_FENCE);
    int rank = 0;
    for (int j = 0; j < GROUP; j += 4) {
        const int4 other = vload4(0, tile + j);
        rank += (other.s0 == digit && j < i) + (other.s1 == digit && j + 1 < i) +
                (other.s2 == digit && j + 2 < i) + (other.s3 == digit && j + 3 < i);
    }
    const int slot = digit >= 0 ? next[digit] + rank : -1;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (digit >= 0) atomic_inc(&next[digit]);
    barrier(CLK_LOCAL_MEM_FENCE);
    return slot;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
dispatch_i32_gpu_move(__global const int *RST key, __global const int *RST counts,
                      __global int *RST key_out, __global int *RST item_out, __local int *RST next,
                      int items, int block, int shift, int mask, int bins, int groups)
{
    __local int tile[GROUP];
    first_slots(counts, 0, next, tile, bins);
    const int first = get_group_id(0) * block, last = min(items, first + block);
    for (int start = first; start < last; start += GROUP) {
        const int s = start + (int)get_local_id(0);
        const int k = s < last ? min(key[s], groups) : 0;
        const int to = next_slot(s < last ? (k >> shift) & mask : -1, next, tile);
        if (s < last) {
            key_out[to] = k;
            item_out[to] = s;
        }
    }
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
dispatch_i32_gpu_place(__global const int *RST key, __global const int *RST item,
                       __global const int *RST counts, __global int *RST offsets,
                       __global int *RST order, __global int *RST slot, __global int *RST row,
                       __local int *RST next, int items, int block, int shift, int mask, int bins,
                       int groups, int divide)
{
    __local int tile[GROUP];
    first_slots(counts, offsets, next, tile, bins);
    const int first = get_group_id(0) * block, last = min(items, first + block);
    for (int start = first; start < last; start += GROUP) {
        const int s = start + (int)get_local_id(0);
        const int k = s < last ? min(key[s], groups) : 0;
        const int to = next_slot(s < last ? (k >> shift) & mask : -1, next, tile);
        if (s < last) {
            const int from = item ? item[s] : s;
            slot[from] = k < groups ? to : -1;
            if (k < groups) {
                order[to] = from;
                row[to] = from / divide;
            }
        }
    }
}
