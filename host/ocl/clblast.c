#define _GNU_SOURCE /* dladdr */
#include "ocl/clblast.h"

#include "base/text.h"
#include "ocl/runtime.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = "libclblast.so.1";

/* Of clblast_c.h, whose types these are in C: the library is not linked to. */
enum { ROW_MAJOR = 101, AS_STORED = 111, SINGLE = 32 };
typedef int sgemm_function(int layout, int a_form, int b_form, size_t m, size_t n, size_t k,
                           float alpha, cl_mem a, size_t a_first, size_t a_stride, cl_mem b,
                           size_t b_first, size_t b_stride, float beta, cl_mem c, size_t c_first,
                           size_t c_stride, cl_command_queue *queue, cl_event *event);
typedef int override_function(cl_device_id device, const char *kernel, int precision, size_t count,
                              const char **name, const size_t *value);

static struct library {
    bool asked;
    sgemm_function *sgemm; /* null: not installed */
    override_function *override;
    char version[32];
} library;

/* What each device uses now; the library keeps it for the process. */
enum { MOST_DEVICES = 64 };
static struct used {
    const void *device_handle;
    clm_clblast_parameters parameters; /* all zero: as it comes */
    clm_clblast_parameters refused;    /* the last ones that were; all zero: none */
    char why[256];
} used[MOST_DEVICES];

/* The library does not tell its version: the name of its file ends in it. */
static void read_version(void *symbol, char *version, size_t size)
{
    Dl_info info;
    char *path = dladdr(symbol, &info) != 0 ? realpath(info.dli_fname, NULL) : NULL;
    const char *at = path != NULL ? strstr(path, ".so.") : NULL;
    (void)snprintf(version, size, "%s", at != NULL ? at + strlen(".so.") : "of unknown version");
    free(path);
}

static const struct library *opened(void)
{
    if (library.asked) return &library;
    library.asked = true;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) return &library;
    void *const sgemm = dlsym(handle, "CLBlastSgemm");
    void *const override = dlsym(handle, "CLBlastOverrideParameters");
    if (sgemm == NULL || override == NULL) return &library;
    memcpy(&library.sgemm, &sgemm, sizeof sgemm); /* ISO C has no cast from data to functions */
    memcpy(&library.override, &override, sizeof override);
    read_version(sgemm, library.version, sizeof library.version);
    return &library;
}

const char *clm_clblast_version(void) { return opened()->sgemm != NULL ? library.version : NULL; }

clm_status clm_clblast_check(void)
{
    if (clm_clblast_version() != NULL) return CLM_OK;
    return clm_skip("%s is not installed (package libclblast1)", file);
}

static struct used *used_on(const clm_device *device)
{
    size_t i = 0;
    while (i < MOST_DEVICES - 1 && used[i].device_handle != NULL &&
           used[i].device_handle != device->device_handle)
        i++;
    used[i].device_handle = device->device_handle;
    return &used[i];
}

static bool equal(const clm_clblast_parameters *a, const clm_clblast_parameters *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static const clm_clblast_parameters as_it_comes;

static clm_status enqueue(clm_context *context, const clm_sgemm *gemm)
{
    clm_launch_events kept = {0};
    const bool keep = context->events_kept;
    if (keep) {
        /* The library's event is that of its last kernel, and it may run several. */
        CLM_TRY(clm_events_reserve(context));
        CLM_CL(context->device, clEnqueueMarkerWithWaitList(context->queue, 0, NULL, &kept.before),
               "marking the start of a product by CLBlast");
    }
    const int code =
        library.sgemm(ROW_MAJOR, AS_STORED, AS_STORED, gemm->rows, gemm->columns, gemm->depth, 1.0f,
                      gemm->a->handle, gemm->a_first, gemm->depth, gemm->b->handle, gemm->b_first,
                      gemm->columns, gemm->add ? 1.0f : 0.0f, gemm->c->handle, gemm->c_first,
                      gemm->columns, &context->queue, keep ? &kept.launch : NULL);
    if (keep) context->events[context->event_count++] = kept;
    CLM_CL_CODE(context->device, "CLBlastSgemm", code, "multiplying [%zu, %zu] by [%zu, %zu]",
                gemm->rows, gemm->depth, gemm->depth, gemm->columns);
    return CLM_OK;
}

/* --- parameters and their guard --- */

static clm_status override(const clm_device *device, const clm_clblast_parameters *p)
{
    const char *name[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                          "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    const size_t tile = (size_t)p->tile, threads = (size_t)p->threads, vector = (size_t)p->vector;
    const size_t value[] = {1, 1, 1, 1, 1, 1, tile, threads, threads, tile, 0, 0, 0, 0, vector, 1};
    CLM_CL_CODE(device, "CLBlastOverrideParameters",
                library.override(device->device_handle, "Xgemm", SINGLE,
                                 sizeof value / sizeof *value, name, value),
                "setting the parameters of its matrix kernel");
    /* The kernel that these are not for takes small products otherwise. */
    const char *from = "XGEMM_MIN_INDIRECT_SIZE";
    const size_t least = 1;
    CLM_CL_CODE(device, "CLBlastOverrideParameters",
                library.override(device->device_handle, "GemmRoutine", SINGLE, 1, &from, &least),
                "setting the size from which its matrix kernel is used");
    return CLM_OK;
}

/* Margin behind c, in elements, that no product may touch. */
enum { MARGIN = 256 };

typedef struct check {
    size_t rows, columns, depth;
    clm_buffer *a, *b, *c;
    float *a_value, *b_value, *c_value;
} check;

static clm_status filled(clm_context *context, clm_scope *scope, const char *what, size_t count,
                         unsigned seed, float **value, clm_buffer **buffer)
{
    *value = clm_alloc_array(scope, count, sizeof **value);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        (*value)[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
    CLM_TRY(clm_buffer_new(context, scope, what, count * sizeof **value, buffer));
    return clm_buffer_write(*buffer, 0, *value, count * sizeof **value);
}

/* Relative error of the product; infinite when the margin was written to. */
static double error_of(const check *k, const float *got)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < k->rows; i++)
        for (size_t j = 0; j < k->columns; j++) {
            double sum = 0;
            for (size_t l = 0; l < k->depth; l++)
                sum += (double)k->a_value[i * k->depth + l] * k->b_value[l * k->columns + j];
            difference += (got[i * k->columns + j] - sum) * (got[i * k->columns + j] - sum);
            norm += sum * sum;
        }
    const size_t count = k->rows * k->columns;
    const bool kept = memcmp(got + count, k->c_value + count, MARGIN * sizeof *got) == 0;
    return kept ? sqrt(difference / norm) : INFINITY;
}

static clm_status multiply(clm_context *context, clm_scope *scope, check *k, double *error)
{
    const size_t count = k->rows * k->columns;
    CLM_TRY(filled(context, scope, "a", k->rows * k->depth, 1, &k->a_value, &k->a));
    CLM_TRY(filled(context, scope, "b", k->depth * k->columns, 2, &k->b_value, &k->b));
    CLM_TRY(filled(context, scope, "c", count + MARGIN, 3, &k->c_value, &k->c));
    const clm_sgemm gemm = {
        .rows = k->rows, .columns = k->columns, .depth = k->depth, .a = k->a, .b = k->b, .c = k->c};
    CLM_TRY(enqueue(context, &gemm));
    float *got = clm_alloc_array(scope, count + MARGIN, sizeof *got);
    CLM_TRY(clm_buffer_read(k->c, 0, got, (count + MARGIN) * sizeof *got));
    *error = error_of(k, got);
    return CLM_OK;
}

/* Both paths of the kernel: sizes that are padded to its tiles, and that are multiples of them. */
static clm_status worst_error(clm_context *context, const clm_clblast_parameters *p, double *worst)
{
    const size_t two = 2 * (size_t)p->tile;
    check checks[] = {{.rows = 33, .columns = 47, .depth = 29},
                      {.rows = two, .columns = two, .depth = 64}};
    clm_scope scope = {0};
    clm_status status = CLM_OK;
    *worst = 0;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == CLM_OK; i++) {
        double error = 0;
        status = multiply(context, &scope, &checks[i], &error);
        if (!(error <= *worst)) *worst = error;
    }
    clm_scope_end(&scope);
    return status;
}

static clm_status refuse(const clm_clblast_parameters *p, const char *why)
{
    return clm_skip("CLBlast %s with VWM=%d MWG=NWG=%d NDIMC=%d: %s", library.version, p->vector,
                    p->tile, p->threads, why);
}

clm_status clm_clblast_use(clm_context *context, const clm_clblast_parameters *parameters)
{
    CLM_TRY(clm_clblast_check());
    struct used *now = used_on(context->device);
    if (equal(parameters, &now->parameters)) return CLM_OK;
    if (equal(parameters, &as_it_comes))
        return clm_skip("CLBlast's parameters were replaced in this process, and it has no call "
                        "that restores them");
    if (equal(parameters, &now->refused)) return refuse(parameters, now->why);
    const bool events_kept = context->events_kept;
    context->events_kept = false;
    double error = 0;
    clm_status status = override(context->device, parameters);
    now->parameters = *parameters;
    if (status == CLM_OK) status = worst_error(context, parameters, &error);
    context->events_kept = events_kept;
    const double allowed = 1e-5;
    if (status == CLM_OK && error <= allowed) return CLM_OK;
    if (status == CLM_OK)
        (void)snprintf(now->why, sizeof now->why, "products are wrong, off by %.2g", error);
    else
        (void)snprintf(now->why, sizeof now->why, "%.200s", clm_error_last()->what);
    now->refused = *parameters;
    now->parameters = (clm_clblast_parameters){.vector = -1}; /* of nobody */
    return refuse(parameters, now->why);
}

clm_status clm_clblast_sgemm(clm_context *context, const clm_sgemm *gemm)
{
    CLM_TRY(clm_clblast_use(context, &gemm->parameters));
    return enqueue(context, gemm);
}
