/* Multiply-adds and exponentials. */
#include "bench/peak_run.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

enum { OUT_AT, ROUNDS_AT, A_AT, B_AT };

/* Rounds after which every chain has come to its limit in any type. */
enum { CHECKED_ROUNDS = 64 };

/* --- multiply-adds --- */

typedef struct type {
    const char *of, *name;
    uint32_t feature; /* 0: every device */
    uint32_t bytes;
} type;

static const type types[] = {
    {"f32", "float", 0, 4},
    {"f64", "double", CLM_FEATURE_FP64, 8},
    {"f16", "half", CLM_FEATURE_FP16, 2},
};

/* CPUs: 24 chains and two operands take 26 of AVX-512's 32 registers, 12 take 14 of AVX2's 16. */
static size_t fma_shapes(const clm_peak_run *run, const type *t,
                         clm_peak_shape shape[CLM_PEAK_SHAPES])
{
    const int lanes = (int)(run->device->vector_width * 4 / t->bytes);
    const int width = lanes > 16 ? 16 : lanes < 2 ? 2 : lanes;
    if (run->vectors) {
        shape[0] = (clm_peak_shape){width, 24, 1, 4};
        shape[1] = (clm_peak_shape){width, 12, 1, 4};
        return 2;
    }
    const int pair = t->bytes == 2 ? 2 : 1; /* halves are computed in pairs */
    const int local = run->device->device_class == CLM_GPU ? 256 : 64;
    shape[0] = (clm_peak_shape){pair, 8, local, 16};
    shape[1] = (clm_peak_shape){pair, 16, local, 16};
    shape[2] = (clm_peak_shape){4, 8, local, 16};
    return 3;
}

/* The result as a double, from the bits of a type. */
static double decode(const type *t, const void *bits)
{
    double d;
    float f;
    uint16_t half;
    if (t->bytes == 8) return memcpy(&d, bits, 8), d;
    if (t->bytes == 4) return memcpy(&f, bits, 4), (double)f;
    memcpy(&half, bits, 2);
    return ldexp(1024 + (half & 1023), (half >> 10) - 25); /* normal and positive */
}

/* Property: all chains come to their limit, so their sum is chains times that; read at the last
 * lane of the last work-item. */
static clm_status check(clm_peak_run *run, clm_buffer *out, const type *t,
                        const clm_peak_kernel *kernel, double limit, double tolerance)
{
    uint8_t bits[8] = {0};
    const uint64_t lanes = kernel->range.global[0] * (uint64_t)kernel->shape.width;
    CLM_TRY(clm_peak_once(run, kernel, CHECKED_ROUNDS));
    CLM_TRY(clm_buffer_read(out, (lanes - 1) * t->bytes, bits, t->bytes));
    const double got = decode(t, bits), expected = kernel->shape.chains * limit;
    if (fabs(got - expected) <= tolerance * expected) return CLM_OK;
    return clm_fail(CLM_ERROR_WRONG, "the kernel computes %.9g instead of %.9g", got, expected);
}

static clm_status make_fma(clm_peak_run *run, clm_buffer *out, const type *t,
                           const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    CLM_TRY(clm_peak_build(run, "peak_fma", t->name, "FMA=fma", shape, kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, OUT_AT, out));
    CLM_TRY(clm_kernel_arg_f32(kernel->kernel, A_AT, 0.5f));
    CLM_TRY(clm_kernel_arg_f32(kernel->kernel, B_AT, 1.0f));
    kernel->work = 2.0 * 2 * shape->chains * shape->width * (double)kernel->range.global[0];
    return check(run, out, t, kernel, 2, 0);
}

static clm_status measure_fma(clm_peak_run *run, clm_buffer *out, const type *t)
{
    clm_peak *peak = clm_peak_begin(run, CLM_PEAK_FMA, t->of, 0);
    if ((run->device->features & t->feature) != t->feature) {
        clm_peak_unsupported(run, peak, "the device has no such arithmetic");
        return CLM_OK;
    }
    clm_peak_shape shape[CLM_PEAK_SHAPES];
    clm_peak_kernel kernel[CLM_PEAK_SHAPES];
    const size_t shapes = fma_shapes(run, t, shape);
    for (size_t i = 0; i < shapes; i++)
        if (make_fma(run, out, t, &shape[i], &kernel[i]) != CLM_OK) kernel[i].kernel = NULL;
    return clm_peak_best(run, kernel, shapes, peak);
}

/* --- matrix units --- */

typedef struct unit {
    const char *of, *product;
    uint32_t feature;
    int depth; /* terms of the sums of one product of fragments, 16 x 8 of them */
} unit;

static const unit units[] = {
    {"tf32", "clm_mma_tf32", CLM_FEATURE_MMA_TF32, 8},
    {"bf16", "clm_mma_bf16", CLM_FEATURE_MMA_BF16, 16},
};

static clm_status make_mma(clm_peak_run *run, clm_buffer *out, const unit *u, bool emulated,
                           const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    const char *define = clm_text(run->scope, "PRODUCT=%s -DDEPTH=%d -DMMA=%d%s", u->product,
                                  u->depth, shape->local, emulated ? "" : " -DPTX");
    CLM_TRY(clm_peak_build(run, "peak_mma", "float", define, shape, kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, OUT_AT, out));
    CLM_TRY(clm_kernel_arg_f32(kernel->kernel, A_AT, 1.0f));
    const double warps = (double)kernel->range.global[0] / 32;
    kernel->work = 2.0 * shape->chains * warps * (2 * 16 * 8 * u->depth);
    return check(run, out, &types[0], kernel, 2.0 * CHECKED_ROUNDS * u->depth, 0);
}

/* Chains hide the latency of a unit, as do the warps beside: how many of each, the device says. */
static clm_status measure_mma(clm_peak_run *run, clm_buffer *out, const unit *u)
{
    static const clm_peak_shape shape[] = {{1, 8, 128, 8}, {1, 16, 128, 4}, {1, 8, 256, 4}};
    clm_peak_kernel kernel[3];
    clm_peak *peak = clm_peak_begin(run, CLM_PEAK_FMA, u->of, 0);
    const bool emulated = (run->device->features & u->feature) == 0;
    if (emulated && !run->options->emulate) {
        clm_peak_unsupported(run, peak,
                             "not available here: needs matrix units through inline PTX");
        return CLM_OK;
    }
    for (size_t i = 0; i < 3; i++)
        if (make_mma(run, out, u, emulated, &shape[i], &kernel[i]) != CLM_OK)
            kernel[i].kernel = NULL;
    CLM_TRY(clm_peak_best(run, kernel, 3, peak));
    if (!emulated || strcmp(peak->status, "ok") != 0) return CLM_OK;
    peak->status = "emulated";
    peak->reason = "the device has no matrix units";
    return CLM_OK;
}

/* --- exponentials --- */

static clm_status make_exp(clm_peak_run *run, clm_buffer *out, const char *function,
                           const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    const double omega = 0.5671432904; /* e^-omega = omega */
    CLM_TRY(clm_peak_build(run, "peak_exp", "float",
                           clm_text(run->scope, "EXP=%s -DVEC=%d", function, shape->width), shape,
                           kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, OUT_AT, out));
    kernel->work = 1.0 * shape->chains * shape->width * (double)kernel->range.global[0];
    return check(run, out, &types[0], kernel, omega, 1e-4);
}

static clm_status measure_exp(clm_peak_run *run, clm_buffer *out, const char *function)
{
    clm_peak *peak = clm_peak_begin(run, CLM_PEAK_EXP, function, 0);
    const int width = run->device->vector_width >= 16 ? 16 : run->device->vector_width >= 8 ? 8 : 4;
    const int local = run->device->device_class == CLM_GPU ? 256 : 64;
    const clm_peak_shape vectors[] = {{width, 8, 1, 4}, {width, 4, 1, 4}};
    const clm_peak_shape items[] = {{1, 8, local, 16}, {4, 4, local, 16}};
    clm_peak_kernel kernel[2];
    for (size_t i = 0; i < 2; i++)
        if (make_exp(run, out, function, run->vectors ? &vectors[i] : &items[i], &kernel[i]) !=
            CLM_OK)
            kernel[i].kernel = NULL;
    return clm_peak_best(run, kernel, 2, peak);
}

clm_status clm_peak_compute(clm_peak_run *run)
{
    static const char *const functions[] = {"exp", "native_exp", "clm_exp"};
    /* Of the largest shape: 16 groups of 256 times 4 lanes, or 4 times 16 doubles. */
    const uint64_t bytes = run->device->compute_units * (uint64_t)(16 * 256 * 4 * 8);
    clm_buffer *out;
    CLM_TRY(clm_buffer_new(run->context, run->round_scope, "results of the peaks", bytes, &out));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        CLM_TRY(measure_fma(run, out, &types[i]));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        CLM_TRY(measure_mma(run, out, &units[i]));
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        CLM_TRY(measure_exp(run, out, functions[i]));
    return CLM_OK;
}
