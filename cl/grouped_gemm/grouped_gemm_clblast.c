/* CLBlast as variants of grouped_gemm: a product per group, one after the other, which is all that
 * it offers for groups of different sizes (its batched products are of one size). It knows neither
 * gathered rows nor factors nor activations; a bias is written before and added to. */
#include "cl/grouped_gemm/internal.h"

extern const clm_source clm_source_grouped_gemm_bias;

enum { LARGE_STRIDE = 1024 }; /* floats: rows that start in the same sets of a cache */

const char *clm_gemm_misfit_clblast(const clm_call *call, const clm_device *device)
{
    (void)device;
    const clm_gemm o = clm_gemm_of(call, NULL);
    if (clm_clblast_version() == NULL) return "libclblast.so.1 is not installed (libclblast1)";
    if (clm_call_real(call) != CLM_F32) return "CLBlast: operands are not stored as f32";
    if (o.offsets->value == NULL) return "CLBlast: the groups are known on the device alone";
    if (o.gather != NULL) return "CLBlast: rows are gathered";
    if (o.scale != NULL || o.multiply != NULL) return "CLBlast: the product is scaled";
    return o.gelu ? "CLBlast: the product has an activation" : NULL;
}

static clm_status prepare(clm_plan *plan, const clm_call *call, clm_clblast_parameters parameters)
{
    clm_tensor *y;
    const clm_gemm o = clm_gemm_of(call, &y);
    const int32_t *offsets = o.offsets->value;
    const int64_t groups = clm_dim(call, 'G'), depth = clm_dim(call, 'K');
    const int64_t columns = clm_dim(call, 'N');
    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = offsets[g], rows = offsets[g + 1] - first;
        if (rows == 0) continue;
        if (o.bias != NULL)
            CLM_TRY(clm_launch_from(plan, &clm_source_grouped_gemm_bias, "grouped_gemm_bias_f32",
                                    "", (clm_range){{clm_round_up(rows * columns, 64)}, {64}},
                                    CLM_ARGS(clm_t(o.bias), clm_t(y), clm_i(first), clm_i(rows),
                                             clm_i(g), clm_i(columns))));
        CLM_TRY(clm_launch_sgemm(plan, &(clm_sgemm){.rows = (size_t)rows,
                                                    .columns = (size_t)columns,
                                                    .depth = (size_t)depth,
                                                    .a = o.x->buffer,
                                                    .b = o.w->buffer,
                                                    .c = y->buffer,
                                                    .a_first = (size_t)(first * depth),
                                                    .b_first = (size_t)(g * depth * columns),
                                                    .c_first = (size_t)(first * columns),
                                                    .add = o.bias != NULL,
                                                    .parameters = parameters}));
    }
    return CLM_OK;
}

clm_status clm_gemm_prepare_clblast(clm_plan *plan, const clm_call *call)
{
    return prepare(plan, call, (clm_clblast_parameters){0});
}

clm_status clm_gemm_prepare_clblast_override(clm_plan *plan, const clm_call *call)
{
    return prepare(plan, call,
                   (clm_clblast_parameters){.vector = clm_tune(plan, "VWM"),
                                            .tile = clm_tune(plan, "MWG"),
                                            .threads = clm_tune(plan, "NDIMC")});
}

static bool has_large_stride(const clm_call *call)
{
    return clm_dim(call, 'K') % LARGE_STRIDE == 0 || clm_dim(call, 'N') % LARGE_STRIDE == 0;
}

int clm_gemm_pick_clblast_vector(const clm_device *device, const clm_call *call)
{
    (void)call;
    return device->vector_width >= 16 ? 16 : device->vector_width >= 8 ? 8 : 4;
}

int clm_gemm_pick_clblast_tile(const clm_device *device, const clm_call *call)
{
    (void)device;
    return has_large_stride(call) ? 64 : 16;
}

int clm_gemm_pick_clblast_threads(const clm_device *device, const clm_call *call)
{
    (void)device;
    return has_large_stride(call) ? 8 : 1;
}
