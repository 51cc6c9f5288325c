/* What the two operators of this folder share. */
#ifndef CLM_CL_GROUPED_GEMM_INTERNAL_H
#define CLM_CL_GROUPED_GEMM_INTERNAL_H

#include "cl/grouped_gemm/grouped_gemm.h"

extern const clm_op clm_op_grouped_gemm_weight;

/* The operands of a recorded call, and its y (may be a null pointer). */
clm_gemm clm_gemm_of(const clm_call *call, clm_tensor **y);

/* The variants of the library CLBlast (grouped_gemm_clblast.c). */
const char *clm_gemm_misfit_clblast(const clm_call *call, const clm_device *device);
clm_status clm_gemm_prepare_clblast(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_clblast_override(clm_plan *plan, const clm_call *call);
int clm_gemm_pick_clblast_vector(const clm_device *device, const clm_call *call);
int clm_gemm_pick_clblast_tile(const clm_device *device, const clm_call *call);
int clm_gemm_pick_clblast_threads(const clm_device *device, const clm_call *call);

/* Bytes of all operands but scratch. */
double clm_gemm_bytes(const clm_call *call);

/* Defaults of the tunables VEC and AHEAD of the variants cpu: lanes for N columns; how many tiles
 * ahead of their use rows are asked for. */
int clm_gemm_pick_lanes(const clm_device *device, const clm_call *call);
int clm_gemm_pick_ahead(const clm_device *device, const clm_call *call);

/* Why a device is not for the variants cpu, null if it is. Where a vector is taken apart, the
 * tiles that should be in registers are not; interpreters may check them nevertheless. */
const char *clm_gemm_misfit(const clm_device *device);

/* The power of two, at least 256, that holds n: sizes of private arrays, few enough to build once.
 */
int clm_gemm_capacity(int64_t n);

/* Variant cpu: rows and vectors of a tile, whether results go past the caches. */
int clm_gemm_pick_height(const clm_device *device, const clm_call *call);
int clm_gemm_pick_vectors(const clm_device *device, const clm_call *call);
int clm_gemm_pick_stream(const clm_device *device, const clm_call *call);
const char *clm_gemm_misfit_cpu(const clm_call *call, const clm_device *device);
clm_status clm_gemm_prepare_cpu(clm_plan *plan, const clm_call *call);

/* Adds the launch of a kernel of grouped_gemm with all arguments. */
clm_status clm_gemm_launch(clm_plan *plan, const clm_call *call, const clm_source *source,
                           const char *kernel, const char *options, clm_range range);

/* Adds the launches of grouped_gemm_weight for a kernel with a work-group, in the third dimension of
 * the range, for each piece of a group's rows. */
clm_status clm_gemm_weight_launch_pieces(clm_plan *plan, const clm_call *call,
                                         const clm_source *source, const char *kernel,
                                         const char *options, clm_range range);

/* Number of slots for pieces of at most `most` rows (piece_of in grouped_gemm.clh). */
size_t clm_gemm_pieces(const clm_call *call, int64_t rows, int64_t most);

/* Variants gpu, and mma: on matrix units, f32 with float's precision (3xtf32) or TF32's, and bf16. */
enum {
    CLM_GEMM_TF32_FEATURES =
        CLM_FEATURE_MMA_TF32 | CLM_FEATURE_COPY_ASYNC | CLM_FEATURE_LOAD_MATRICES,
    CLM_GEMM_BF16_FEATURES =
        CLM_FEATURE_MMA_BF16 | CLM_FEATURE_COPY_ASYNC | CLM_FEATURE_LOAD_MATRICES
};
#define CLM_GEMM_TF32 1e-3 /* relative error of sums of products rounded to TF32 */
#define CLM_GEMM_MMA_TUNABLES(pick_rows, step)                                                     \
    {                                                                                              \
        {"ROWS", 64, {32, 64, 128}, pick_rows},                                                    \
            {"COLUMNS", 64, {32, 64, 128}, clm_gemm_pick_columns},                                 \
            {"STEP", step, {step, 2 * (step)}, NULL},                                              \
        {                                                                                          \
            "STAGES", 3, {2, 3, 4}, NULL                                                           \
        }                                                                                          \
    }

int clm_gemm_pick_rows(const clm_device *device, const clm_call *call);
int clm_gemm_pick_depth(const clm_device *device, const clm_call *call);
int clm_gemm_pick_columns(const clm_device *device, const clm_call *call);
const char *clm_gemm_misfit_mma_tf32(const clm_call *call, const clm_device *device);
const char *clm_gemm_misfit_mma_bf16(const clm_call *call, const clm_device *device);
const char *clm_gemm_misfit_weight_mma_bf16(const clm_call *call, const clm_device *device);
const char *clm_gemm_misfit_gpu(const clm_call *call, const clm_device *device);
clm_status clm_gemm_prepare_mma_3xtf32(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_mma_tf32(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_mma_bf16(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_gpu(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_weight_mma_3xtf32(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_weight_mma_tf32(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_weight_mma_bf16(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_weight_gpu(clm_plan *plan, const clm_call *call);

/* How an example's rows lie in its groups: evenly; all in one; every second group empty; at random
 * with rows before and behind that belong to none. */
enum { CLM_GEMM_EVEN, CLM_GEMM_ONE, CLM_GEMM_HOLES, CLM_GEMM_MARGINS };
void clm_gemm_example_offsets(clm_example *example, int operand, int64_t groups, int64_t rows,
                              int layout);

#endif
