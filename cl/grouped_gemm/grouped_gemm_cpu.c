/* Variant cpu of grouped_gemm: sizes of tiles, and how rows are cut into work-items. */
#include "cl/grouped_gemm/internal.h"

#include "op/lanes.h"

#include <stdio.h>

enum {
    MOST_DEPTH = 4096,  /* K: its panel of weights is private memory */
    MOST_BLOCK = 192,   /* rows of a work-item */
    LEAST_BLOCK = 48,   /* fewer do not pay for the copy of the panel */
    ITEMS_PER_UNIT = 8, /* work-items per compute unit that even out their times */
};

extern const clm_source clm_source_grouped_gemm_cpu;

/* Lanes: the device's, fewer for fewer columns. */
int clm_gemm_pick_lanes(const clm_device *device, const clm_call *call)
{
    int lanes = clm_pick_lanes(device, call);
    while (lanes > 4 && clm_dim(call, 'N') <= lanes / 2)
        lanes /= 2;
    return lanes;
}

/* Vectors of a panel of columns: as many as registers allow that leave the fewest columns empty. */
int clm_gemm_pick_vectors(const clm_device *device, const clm_call *call)
{
    const int64_t lanes = clm_gemm_pick_lanes(device, call);
    const int64_t vectors = (clm_dim(call, 'N') + lanes - 1) / lanes;
    const int most =
        clm_pick_lanes(device, call) < 16 || clm_dim(call, 'K') > MOST_DEPTH / 4 ? 2 : 4;
    int best = most;
    for (int v = most; v > 0; v--)
        if ((vectors + v - 1) / v * v < (vectors + best - 1) / best * best) best = v;
    return best;
}

/* Rows of a tile: MR * NV accumulators, NV vectors of weights and one of x are the 32 registers of
 * 16 lanes that AVX-512 has, or the 16 of 8 lanes that AVX2 has. */
int clm_gemm_pick_height(const clm_device *device, const clm_call *call)
{
    static const int wide[] = {0, 12, 12, 8, 6}, narrow[] = {0, 8, 6, 4, 3};
    const int vectors = clm_gemm_pick_vectors(device, call);
    return (clm_pick_lanes(device, call) < 16 ? narrow : wide)[vectors];
}

int clm_gemm_pick_ahead(const clm_device *device, const clm_call *call)
{
    (void)call;
    return device->features & CLM_FEATURE_PREFETCH ? 1 : 0;
}

/* 2, past the caches, for results that do not fit there, unless a factor in their place has been
 * read before. */
int clm_gemm_pick_stream(const clm_device *device, const clm_call *call)
{
    clm_tensor *y;
    const clm_gemm gemm = clm_gemm_of(call, &y);
    const uint64_t bytes = clm_tensor_bytes(y) * (gemm.want_slope ? 2 : 1);
    const bool fits = bytes <= device->cache_bytes / 2;
    return (device->features & CLM_FEATURE_PREFETCH) && !fits && !gemm.multiply ? 2 : 1;
}

int clm_gemm_capacity(int64_t n)
{
    int capacity = 256;
    while (capacity < n)
        capacity *= 2;
    return capacity;
}

const char *clm_gemm_misfit(const clm_device *device)
{
    const bool scalar = device->vector_width < 4 && !(device->quirks & CLM_QUIRK_EMULATED);
    return scalar ? "no vectors of 4 floats" : NULL;
}

const char *clm_gemm_misfit_cpu(const clm_call *call, const clm_device *device)
{
    return clm_dim(call, 'K') > MOST_DEPTH ? "K > 4096" : clm_gemm_misfit(device);
}

clm_status clm_gemm_prepare_cpu(clm_plan *plan, const clm_call *call)
{
    const clm_gemm gemm = clm_gemm_of(call, NULL);
    const int64_t rows = gemm.rows;
    const size_t width = (size_t)clm_tune(plan, "NV") * (size_t)clm_tune(plan, "VEC");
    const size_t panels = clm_round_up(clm_dim(call, 'N'), width) / width;
    const size_t items = ITEMS_PER_UNIT * (size_t)clm_plan_device(plan)->compute_units / panels + 1;
    size_t block = clm_round_up(rows, items) / items;
    block = block > MOST_BLOCK ? MOST_BLOCK : clm_round_up((int64_t)block, LEAST_BLOCK);
    const int64_t lanes = clm_tune(plan, "VEC");
    const bool aligned = clm_dim(call, 'N') % lanes == 0 &&
                         clm_plan_device(plan)->base_align_bytes % (4 * (size_t)lanes) == 0;
    char options[128];
    snprintf(options, sizeof options,
             "-DKMAX=%d -DALIGNED=%d -DACTIVATION=%d -DKEEP_SLOPE=%d -DFACTORS=%d",
             clm_gemm_capacity(clm_dim(call, 'K')), aligned, gemm.gelu, gemm.want_slope,
             gemm.scale || gemm.multiply);
    return clm_gemm_launch(plan, call, &clm_source_grouped_gemm_cpu, "grouped_gemm_f32_cpu",
                           options,
                           (clm_range){{panels, clm_round_up(rows, block) / block}, {1, 1}});
}
