/* Features are probed, never assumed: what a device advertises is built and run once, and the
 * answer kept in the program cache until the driver changes. */
#include "base/sha256.h"
#include "base/text.h"
#include "ocl/runtime.h"

#include <string.h>

/* A probe is a kernel probe(out, in) for one work-group, with in[i] = i + 1, which no compiler
 * knows. */
enum { INPUTS = 32, MOST_RESULTS = 128, FEW = 16 };

typedef struct probe {
    uint32_t feature;
    const char *extension[2]; /* either of which must be advertised; null: none needed */
    int items, results;
    int32_t (*expected)(int32_t i); /* out[i] */
    const char *text;
} probe;

static int32_t odd(int32_t i) { return 2 * i + 1; }

/* --- what cl/mma.clh offers: a product of small integers is exact, and wrong when any fragment
 * lies elsewhere than thought --- */

#define NVIDIA                                                                                     \
    {                                                                                              \
        "cl_nv_compiler_options", "cl_nv_device_attribute_query"                                   \
    }

static int32_t left(int32_t row, int32_t k) { return (5 * row + 3 * k) % INPUTS + 1; }
static int32_t right(int32_t k, int32_t column) { return (7 * k + 11 * column) % INPUTS + 1; }

static int32_t product(int32_t i, int32_t depth)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < depth; k++)
        sum += left(i / 8, k) * right(k, i % 8);
    return sum;
}
static int32_t product_8(int32_t i) { return product(i, 8); }
static int32_t product_16(int32_t i) { return product(i, 16); }
static int32_t half_copied(int32_t i) { return i < MOST_RESULTS / 2 ? i % INPUTS + 1 : 0; }
static int32_t sum_of_8(int32_t i) { return i / 8 * 64 + 36; }
static int32_t numbered(int32_t i) { return i % INPUTS + 1 + i / INPUTS * 1000; }

/* The word that a lane gets of a matrix, less that of its transpose in halves, of which every second
 * column is zero. */
static int32_t loaded_twice(int32_t i)
{
    const int32_t matrix = i / INPUTS * INPUTS, row = i % INPUTS / 4, column = i % 4;
    if (row % 2 != 0) return numbered(i);
    const int32_t low = numbered(matrix + 8 * column + row / 2);
    const int32_t high = numbered(matrix + 8 * column + 4 + row / 2);
    return numbered(i) - (low + high * 65536);
}

#define MMA_HEAD                                                                                   \
    "#define LEFT(row, k) in[(5 * (row) + 3 * (k)) % 32]\n"                                        \
    "#define RIGHT(k, column) in[(7 * (k) + 11 * (column)) % 32]\n"                                \
    "static inline uint two(int first, int second)\n" /* as bf16 */                                \
    "{\n"                                                                                          \
    "    return as_uint((float)first) >> 16 | (as_uint((float)second) & 0xffff0000u);\n"           \
    "}\n"                                                                                          \
    "__kernel __attribute__((reqd_work_group_size(MMA, 1, 1))) void\n"                             \
    "probe(__global int *out, __global const int *in)\n"                                           \
    "{\n"                                                                                          \
    "    CLM_MMA_MEMORY\n"                                                                         \
    "    const int lane = get_local_id(0), row = lane / 4, column = lane % 4;\n"
#define MMA_TAIL                                                                                   \
    "    for (int i = 0; i < 4; i++) out[(row + i / 2 * 8) * 8 + 2 * column + i % 2] = "           \
    "(int)c[i];\n"                                                                                 \
    "}\n"

static const probe probes[] = {
    {CLM_FEATURE_FP64,
     {"cl_khr_fp64", "cl_amd_fp64"},
     FEW,
     FEW,
     odd,
     "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n"
     "__kernel void probe(__global int *out, __global const int *in)\n"
     "{\n"
     "    const double large = 9007199254740991.0 - in[0];\n" /* 2^53 - 2: not a float */
     "    const int i = get_global_id(0);\n"
     "    out[i] = (int)(large - 9007199254740990.0) + 2 * i + 1;\n"
     "}\n"},
    {CLM_FEATURE_FP16,
     {"cl_khr_fp16", NULL},
     FEW,
     FEW,
     odd,
     "#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
     "__kernel void probe(__global int *out, __global const int *in)\n"
     "{\n"
     "    const half i = (half)get_global_id(0);\n"
     "    out[get_global_id(0)] = (int)(i + i + (half)in[0]);\n"
     "}\n"},
    {CLM_FEATURE_SUBGROUPS,
     {"cl_khr_subgroups", "cl_intel_subgroups"},
     FEW,
     FEW,
     odd,
     "#ifdef cl_khr_subgroups\n"
     "#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n"
     "#endif\n"
     "__kernel void probe(__global int *out, __global const int *in)\n"
     "{\n"
     "    const int i = get_global_id(0);\n"
     "    const int sum = sub_group_reduce_add(in[0]);\n"
     "    out[i] = 2 * i + (sum == (int)get_sub_group_size() ? 1 : 0);\n"
     "}\n"},
    {CLM_FEATURE_PREFETCH,
     {NULL, NULL},
     FEW,
     FEW,
     odd,
     "__kernel void probe(__global int *out, __global const int *in)\n"
     "{\n"
     "    const int i = get_global_id(0);\n"
     "    __builtin_prefetch(out + i, 1, 3);\n"
     "    out[i] = 2 * i + in[0];\n"
     "}\n"},
    {CLM_FEATURE_PTX, NVIDIA, FEW, FEW, odd,
     "__kernel void probe(__global int *out, __global const int *in)\n"
     "{\n"
     "    const int i = get_global_id(0);\n"
     "    int sum;\n"
     "#ifdef PTX\n"
     "    __asm__ volatile(\"add.s32 %0, %1, %2;\" : \"=r\"(sum) : \"r\"(i), \"r\"(in[i]));\n"
     "#else\n"
     "    sum = i + in[i];\n"
     "#endif\n"
     "    out[i] = sum;\n"
     "}\n"},
    {CLM_FEATURE_MMA_TF32, NVIDIA, 32, 128, product_8,
     MMA_HEAD
     "    uint a[4], b[2];\n"
     "    float c[4] = {0.0f, 0.0f, 0.0f, 0.0f};\n"
     "    for (int i = 0; i < 4; i++)\n"
     "        a[i] = clm_tf32((float)LEFT(row + i % 2 * 8, column + i / 2 * 4));\n"
     "    for (int i = 0; i < 2; i++) b[i] = clm_tf32((float)RIGHT(column + i * 4, row));\n"
     "    clm_mma_tf32(c, a, b, exchange);\n" MMA_TAIL},
    {CLM_FEATURE_MMA_BF16, NVIDIA, 32, 128, product_16,
     MMA_HEAD "    uint a[4], b[2];\n"
              "    float c[4] = {0.0f, 0.0f, 0.0f, 0.0f};\n"
              "    for (int i = 0; i < 4; i++) {\n"
              "        const int m = row + i % 2 * 8, k = 2 * column + i / 2 * 8;\n"
              "        a[i] = two(LEFT(m, k), LEFT(m, k + 1));\n"
              "    }\n"
              "    for (int i = 0; i < 2; i++) {\n"
              "        const int k = 2 * column + i * 8;\n"
              "        b[i] = two(RIGHT(k, row), RIGHT(k + 1, row));\n"
              "    }\n"
              "    clm_mma_bf16(c, a, b, exchange);\n" MMA_TAIL},
    {CLM_FEATURE_COPY_ASYNC, NVIDIA, 32, 128, half_copied,
     MMA_HEAD "    __local float words[128] __attribute__((aligned(16)));\n"
              "    clm_copy(&copies, words + 4 * lane, (__global const float *)in + lane % 8 * 4,\n"
              "             lane >= 16);\n"
              "    CLM_COMMIT_COPIES(&copies);\n"
              "    CLM_WAIT_COPIES(&copies, 0);\n"
              "    barrier(CLK_LOCAL_MEM_FENCE);\n"
              "    for (int i = 0; i < 4; i++) out[i * 32 + lane] = as_int(words[i * 32 + lane]);\n"
              "}\n"},
    {CLM_FEATURE_LOAD_MATRICES, NVIDIA, 32, 128, loaded_twice,
     MMA_HEAD "    __local uint words[128] __attribute__((aligned(16)));\n"
              "    uint a[4], t[4];\n"
              "    for (int i = 0; i < 4; i++) words[i * 32 + lane] = in[lane] + i * 1000;\n"
              "    barrier(CLK_LOCAL_MEM_FENCE);\n"
              "    clm_load_matrices(a, words + 4 * lane, exchange);\n"
              "    clm_load_transposed(t, words + 4 * lane, exchange);\n"
              "    for (int i = 0; i < 4; i++) out[i * 32 + lane] = (int)(a[i] - t[i]);\n"
              "}\n"},
    {CLM_FEATURE_SHUFFLE, NVIDIA, 32, 32, sum_of_8,
     MMA_HEAD "    float sum[1] = {(float)in[row * 4 + column]};\n"
              "    clm_lanes_sums(sum, 1, 8, exchange);\n"
              "    out[lane] = (int)sum[0];\n"
              "}\n"},
};

static clm_status run(clm_context *context, clm_scope *scope, const probe *row, const char *options,
                      bool *right)
{
    const clm_source source = {"probe", row->text};
    clm_kernel *kernel = NULL;
    clm_buffer *out = NULL, *in = NULL;
    int32_t given[INPUTS], got[MOST_RESULTS] = {0};
    for (int32_t i = 0; i < INPUTS; i++)
        given[i] = i + 1;
    CLM_TRY(clm_kernel_new(context, scope, &source, "probe", options, &kernel));
    CLM_TRY(clm_buffer_new(context, scope, "probe", sizeof got, &out));
    CLM_TRY(clm_buffer_new(context, scope, "probe", sizeof given, &in));
    CLM_TRY(clm_buffer_write(in, 0, given, sizeof given));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 0, out));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 1, in));
    const size_t items = (size_t)row->items;
    CLM_TRY(clm_kernel_launch(kernel, &(clm_range){{items}, {items}}));
    CLM_TRY(clm_buffer_read(out, 0, got, sizeof got));
    *right = true;
    for (int32_t i = 0; i < row->results; i++)
        *right = *right && got[i] == row->expected(i);
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

static bool works(const clm_device *device, const probe *row, const char *options)
{
    clm_scope scope = {0};
    const clm_context_options no_cache = {.cache = ""};
    clm_context *context = NULL;
    bool right = false;
    const bool ran = clm_context_open(&scope, device, &no_cache, &context) == CLM_OK &&
                     run(context, &scope, row, options, &right) == CLM_OK;
    clm_scope_end(&scope);
    return ran && right;
}

bool clm_probe_works(const clm_device *device, uint32_t feature, bool emulated)
{
    const char *options = feature < CLM_FEATURE_PTX ? "" : emulated ? "-DMMA=32" : "-DMMA=32 -DPTX";
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        if (probes[i].feature == feature) return works(device, &probes[i], options);
    return false;
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
        if (!clm_probe_works(device, row->feature, false)) continue;
        known.features |= row->feature;
        keep(folder, name, &known);
    }
    device->features = known.features;
    clm_scope_end(&scope);
}
