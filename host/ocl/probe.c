/* Features are probed, never assumed: what a device advertises is built and run once, and the
 * answer kept in the program cache until the driver changes. */
#include "base/sha256.h"
#include "base/text.h"
#include "ocl/runtime.h"

#include <string.h>

/* Each probe computes out[i] = 2 i + 1 for i in [0, COUNT) by way of its feature. */
enum { COUNT = 16 };

typedef struct probe {
    uint32_t feature;
    const char *extension[2]; /* either of which must be advertised; null: none needed */
    const char *text;
} probe;

static const probe probes[] = {
    {CLM_FEATURE_FP64,
     {"cl_khr_fp64", "cl_amd_fp64"},
     "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n"
     "__kernel void probe(__global int *out, int one)\n"
     "{\n"
     "    const double large = 9007199254740991.0 - one;\n" /* 2^53 - 2: beyond a float's 24 bits */
     "    const int i = get_global_id(0);\n"
     "    out[i] = (int)(large - 9007199254740990.0) + 2 * i + 1;\n"
     "}\n"},
    {CLM_FEATURE_FP16,
     {"cl_khr_fp16", NULL},
     "#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
     "__kernel void probe(__global int *out, int one)\n"
     "{\n"
     "    const half i = (half)get_global_id(0);\n"
     "    out[get_global_id(0)] = (int)(i + i + (half)one);\n"
     "}\n"},
    {CLM_FEATURE_SUBGROUPS,
     {"cl_khr_subgroups", "cl_intel_subgroups"},
     "#ifdef cl_khr_subgroups\n"
     "#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n"
     "#endif\n"
     "__kernel void probe(__global int *out, int one)\n"
     "{\n"
     "    const int i = get_global_id(0);\n"
     "    const int sum = sub_group_reduce_add(one);\n"
     "    out[i] = 2 * i + (sum == (int)get_sub_group_size() ? 1 : 0);\n"
     "}\n"},
    {CLM_FEATURE_PREFETCH,
     {NULL, NULL},
     "__kernel void probe(__global int *out, int one)\n"
     "{\n"
     "    const int i = get_global_id(0);\n"
     "    __builtin_prefetch(out + i, 1, 3);\n"
     "    out[i] = 2 * i + one;\n"
     "}\n"},
};

static clm_status run(clm_context *context, clm_scope *scope, const probe *row, bool *right)
{
    const clm_source source = {"probe", row->text};
    clm_kernel *kernel = NULL;
    clm_buffer *out = NULL;
    int32_t got[COUNT] = {0};
    CLM_TRY(clm_kernel_new(context, scope, &source, "probe", "", &kernel));
    CLM_TRY(clm_buffer_new(context, scope, "probe", sizeof got, &out));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 0, out));
    CLM_TRY(clm_kernel_arg_i32(kernel, 1, 1));
    CLM_TRY(clm_kernel_launch(kernel, &(clm_range){{COUNT}, {COUNT}}));
    CLM_TRY(clm_buffer_read(out, 0, got, sizeof got));
    *right = true;
    for (int32_t i = 0; i < COUNT; i++)
        *right = *right && got[i] == 2 * i + 1;
    return CLM_OK;
}

static bool advertised(const clm_device *device, const probe *row)
{
    if (row->feature == CLM_FEATURE_PREFETCH && (device->quirks & CLM_QUIRK_NO_PREFETCH) != 0)
        return false;
    if (row->extension[0] == NULL) return true;
    for (size_t i = 0; i < 2 && row->extension[i] != NULL; i++)
        if (clm_device_has_extension(device->device_handle, row->extension[i])) return true;
    return false;
}

/* The cache entry of a device's answers: named by the probes and the driver. */
static const char *entry_name(clm_scope *scope, const clm_device *device)
{
    const char *const parts[] = {device->platform, device->name, device->version, device->driver};
    char hex[65];
    clm_sha256 hash;
    clm_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        clm_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        clm_sha256_add(&hash, probes[i].text, strlen(probes[i].text) + 1);
    clm_sha256_end(&hash, hex);
    return clm_text(scope, "probe-%.32s.bin", hex);
}

/* A probe is noted as tried before it runs: one that ends the process does so once. */
typedef struct answers {
    uint32_t tried, features;
} answers;

static void keep(const char *folder, const char *name, const answers *known)
{
    if (folder != NULL) (void)clm_cache_write(folder, name, (const uint8_t *)known, sizeof *known);
}

static bool works(const clm_device *device, const probe *row)
{
    clm_scope scope = {0};
    const clm_context_options no_cache = {.cache = ""};
    clm_context *context = NULL;
    bool right = false;
    const bool ran = clm_context_open(&scope, device, &no_cache, &context) == CLM_OK &&
                     run(context, &scope, row, &right) == CLM_OK;
    clm_scope_end(&scope);
    return ran && right;
}

void clm_probe_features(clm_device *device)
{
    clm_scope scope = {0};
    const char *folder = clm_cache_folder(&scope, NULL);
    const char *name = entry_name(&scope, device);
    uint8_t *kept = NULL;
    size_t bytes = 0;
    answers known = {0, 0};
    if (folder != NULL && clm_cache_read(&scope, folder, name, &kept, &bytes) &&
        bytes == sizeof known)
        memcpy(&known, kept, sizeof known);
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        const probe *row = &probes[i];
        if ((known.tried & row->feature) != 0 || !advertised(device, row)) continue;
        known.tried |= row->feature;
        keep(folder, name, &known);
        if (!works(device, row)) continue;
        known.features |= row->feature;
        keep(folder, name, &known);
    }
    device->features = known.features;
    clm_scope_end(&scope);
}
