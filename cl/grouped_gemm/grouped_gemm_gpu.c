/* Variants for GPUs of grouped_gemm and of the gradient of its weights: sizes of tiles, and which
 * work-groups there are. */
#include "cl/grouped_gemm/internal.h"

#include <stdio.h>

enum {
    SIDE = 16, /* work-items of the variant gpu: SIDE x SIDE */
    GPU_COLUMNS = 64,
    MMA_ITEMS = 128,
    LEAST_LOCAL = 32 << 10,       /* bytes of local memory that the default tiles fit in */
    EXCHANGE = MMA_ITEMS * 8 * 4, /* what the emulation of cl/mma.clh takes of them */
    FEW = 48,                     /* rows of a group for which half of a tile would be empty */
    WAVES = 4, /* work-groups per compute unit below which tiles are better small */
};

extern const clm_source clm_source_grouped_gemm_mma, clm_source_grouped_gemm_gpu;

size_t clm_gemm_pieces(const clm_call *call, int64_t rows, int64_t most)
{
    return (size_t)(clm_dim(call, 'G') + rows / most);
}

static size_t parts(int64_t size, int tile)
{
    return clm_round_up(size, (size_t)tile) / (size_t)tile;
}

/* --- sizes of tiles, for both kinds --- */

int clm_gemm_pick_rows(const clm_device *device, const clm_call *call)
{
    const int64_t rows = clm_dim(call, 'Y'), groups = clm_dim(call, 'G');
    if (rows / groups < FEW) return 32;
    const int64_t large = rows / 128 * ((clm_dim(call, 'N') + 63) / 64);
    const bool fits = device->local_bytes >= 48 << 10;
    return fits && rows / groups >= 256 && large >= WAVES * (int64_t)device->compute_units ? 128
                                                                                           : 64;
}

int clm_gemm_pick_depth(const clm_device *device, const clm_call *call)
{
    (void)device;
    return clm_dim(call, 'K') <= 32 ? 32 : 64;
}

int clm_gemm_pick_columns(const clm_device *device, const clm_call *call)
{
    (void)device;
    return clm_dim(call, 'N') <= 32 ? 32 : 64;
}

/* --- matrix units --- */

static const char *misfit_mma(const clm_device *device)
{
    if (device->max_work_group < MMA_ITEMS) return "work-groups of 128 are too large";
    return device->local_bytes < LEAST_LOCAL ? "less than 32 KiB of local memory" : NULL;
}

const char *clm_gemm_misfit_mma_tf32(const clm_call *call, const clm_device *device)
{
    if (clm_call_real(call) != CLM_F32) return "rows are not stored as f32";
    if (clm_dim(call, 'K') % 4 != 0 || clm_dim(call, 'N') % 4 != 0)
        return "K or N is no multiple of 4";
    return misfit_mma(device);
}

const char *clm_gemm_misfit_mma_bf16(const clm_call *call, const clm_device *device)
{
    if (clm_call_real(call) != CLM_BF16) return "rows are not stored as bf16";
    if (clm_dim(call, 'K') % 8 != 0 || clm_dim(call, 'N') % 8 != 0)
        return "K or N is no multiple of 8";
    return misfit_mma(device);
}

const char *clm_gemm_misfit_weight_mma_bf16(const clm_call *call, const clm_device *device)
{
    const bool emulated = (CLM_GEMM_BF16_FEATURES & ~device->features) != 0;
    if (emulated && (device->quirks & CLM_QUIRK_BARRIER_LOOPS) != 0)
        return "emulated, and barriers in nested loops go wrong";
    return clm_gemm_misfit_mma_bf16(call, device);
}

/* Options of a build: PTX where the device has what that needs, else the emulation. Skips a choice
 * of tunables that local memory has no room for. */
static clm_status mma_options(const clm_plan *plan, const clm_call *call, const char *which,
                              int passes, size_t size, char *options)
{
    const clm_device *device = clm_plan_device(plan);
    const uint32_t features =
        clm_call_real(call) == CLM_F32 ? CLM_GEMM_TF32_FEATURES : CLM_GEMM_BF16_FEATURES;
    const bool ptx = (features & ~device->features) == 0;
    const int elements =
        clm_tune(plan, "STEP") * (clm_tune(plan, "ROWS") + clm_tune(plan, "COLUMNS"));
    const int stage = elements * (int)clm_real_bytes(call) + clm_tune(plan, "STEP") * 4;
    const uint64_t bytes = (uint64_t)(clm_tune(plan, "STAGES") * stage + (ptx ? 0 : EXCHANGE));
    if (bytes > device->local_bytes)
        return clm_skip("its tiles take %d KiB of local memory", (int)(bytes >> 10));
    snprintf(options, size, "%s -DMMA=%d -DPASSES=%d%s", which, MMA_ITEMS, passes,
             ptx ? " -DPTX" : "");
    return CLM_OK;
}

static clm_status prepare_mma(clm_plan *plan, const clm_call *call, int passes)
{
    char options[64];
    CLM_TRY(mma_options(plan, call, "-DFORWARD", passes, sizeof options, options));
    const size_t wide = parts(clm_dim(call, 'N'), clm_tune(plan, "COLUMNS"));
    const size_t high = clm_gemm_pieces(call, clm_dim(call, 'Y'), clm_tune(plan, "ROWS"));
    return clm_gemm_launch(plan, call, &clm_source_grouped_gemm_mma, "grouped_gemm_f32_mma",
                           options, (clm_range){{wide * MMA_ITEMS, high}, {MMA_ITEMS, 1}});
}

clm_status clm_gemm_prepare_mma_tf32(clm_plan *plan, const clm_call *call)
{
    return prepare_mma(plan, call, 1);
}

clm_status clm_gemm_prepare_mma_3xtf32(clm_plan *plan, const clm_call *call)
{
    return prepare_mma(plan, call, 3);
}

clm_status clm_gemm_prepare_mma_bf16(clm_plan *plan, const clm_call *call)
{
    return prepare_mma(plan, call, 1);
}

static clm_status prepare_weight_mma(clm_plan *plan, const clm_call *call, int passes)
{
    char options[64];
    const char *which = clm_dim(call, 'S') > 0 ? "-DWEIGHT -DSCALED" : "-DWEIGHT"; /* has factors */
    CLM_TRY(mma_options(plan, call, which, passes, sizeof options, options));
    const size_t wide = parts(clm_dim(call, 'N'), clm_tune(plan, "COLUMNS"));
    const size_t high = parts(clm_dim(call, 'K'), clm_tune(plan, "ROWS"));
    return clm_gemm_weight_launch_pieces(plan, call, &clm_source_grouped_gemm_mma,
                                         "grouped_gemm_weight_f32_mma", options,
                                         (clm_range){{wide * MMA_ITEMS, high}, {MMA_ITEMS, 1, 1}});
}

clm_status clm_gemm_prepare_weight_mma_tf32(clm_plan *plan, const clm_call *call)
{
    return prepare_weight_mma(plan, call, 1);
}

clm_status clm_gemm_prepare_weight_mma_3xtf32(clm_plan *plan, const clm_call *call)
{
    return prepare_weight_mma(plan, call, 3);
}

clm_status clm_gemm_prepare_weight_mma_bf16(clm_plan *plan, const clm_call *call)
{
    return prepare_weight_mma(plan, call, 1);
}

/* --- any GPU --- */

const char *clm_gemm_misfit_gpu(const clm_call *call, const clm_device *device)
{
    (void)call;
    if (device->max_work_group < SIDE * SIDE) return "work-groups of 256 are too large";
    return device->local_bytes < LEAST_LOCAL ? "less than 32 KiB of local memory" : NULL;
}

static const char *gpu_options(const clm_call *call, bool weight)
{
    const bool aligned = clm_dim(call, 'K') % 4 == 0 && clm_dim(call, 'N') % 4 == 0;
    if (weight) return aligned ? "-DVEC=4 -DWEIGHT -DALIGNED" : "-DVEC=4 -DWEIGHT";
    return aligned ? "-DVEC=4 -DFORWARD -DALIGNED" : "-DVEC=4 -DFORWARD";
}

clm_status clm_gemm_prepare_gpu(clm_plan *plan, const clm_call *call)
{
    const size_t wide = parts(clm_dim(call, 'N'), GPU_COLUMNS);
    const size_t high = clm_gemm_pieces(call, clm_dim(call, 'Y'), clm_tune(plan, "TILE"));
    return clm_gemm_launch(plan, call, &clm_source_grouped_gemm_gpu, "grouped_gemm_f32_gpu",
                           gpu_options(call, false),
                           (clm_range){{wide * SIDE, high * SIDE}, {SIDE, SIDE}});
}

clm_status clm_gemm_prepare_weight_gpu(clm_plan *plan, const clm_call *call)
{
    const size_t wide = parts(clm_dim(call, 'N'), GPU_COLUMNS);
    const size_t high = parts(clm_dim(call, 'K'), clm_tune(plan, "TILE"));
    return clm_gemm_weight_launch_pieces(plan, call, &clm_source_grouped_gemm_gpu,
                                         "grouped_gemm_weight_f32_gpu", gpu_options(call, true),
                                         (clm_range){{wide * SIDE, high * SIDE}, {SIDE, SIDE, 1}});
}
