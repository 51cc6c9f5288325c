/* Programs: from this context, from ahead-of-time binaries, from the cache, or from the compiler.
 */
#include "base/sha256.h"
#include "base/text.h"
#include "ocl/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Made by the build: Random123's philox.h flattened to OpenCL C, and cl/<name>.clh. */
extern const clm_source clm_source_philox, clm_source_common, clm_source_special, clm_source_mma;

/* Each part starts at its own line 1, so that compilers name the operator's file and line. */
static char *full_source(clm_scope *scope, const clm_source *source)
{
    return clm_text(scope,
                    "#line 1 \"philox.h\"\n%s\n#line 1 \"cl/common.clh\"\n%s\n"
                    "#line 1 \"cl/special.clh\"\n%s\n#line 1 \"cl/mma.clh\"\n%s\n"
                    "#line 1 \"cl/%s/%s.cl\"\n%s\n",
                    clm_source_philox.text, clm_source_common.text, clm_source_special.text,
                    clm_source_mma.text, source->name, source->name, source->text);
}

/* -cl-fast-relaxed-math is never used: masks use finite sentinels and NaN shows what was unwritten.
 */
static char *full_options(clm_scope *scope, const clm_device *device, const char *options)
{
    const char *restricted = (device->quirks & CLM_QUIRK_NO_RESTRICT) != 0 ? "" : "restrict";
    const char *plain = (device->quirks & CLM_QUIRK_NO_OPTIMISER) != 0 ? " -cl-opt-disable" : "";
    return clm_text(scope, "-cl-std=CL1.2 -cl-mad-enable%s -DRST=%s%s%s", plain, restricted,
                    options[0] == '\0' ? "" : " ", options);
}

static void hash_key(const clm_device *device, const char *text, const char *options, char key[65])
{
    const char *const parts[] = {text,         options,         device->platform,
                                 device->name, device->version, device->driver};
    clm_sha256 hash;
    clm_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        clm_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    clm_sha256_end(&hash, key);
}

static void release_program(void *object)
{
    const clm_program *program = object;
    if (program->handle != NULL) (void)clReleaseProgram(program->handle);
}

/* The compiler's words for a failed build; the last resort is to say that there are none. */
static const char *build_log(clm_scope *scope, cl_program program, cl_device_id id)
{
    size_t size = 0;
    if (clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS)
        return "(there is no build log)";
    char *log = clm_alloc(scope, size + 1);
    if (clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS ||
        log[strspn(log, " \n")] == '\0')
        return "(the build log is empty)";
    return log;
}

static clm_status compile(clm_context *context, clm_scope *scope, const clm_source *source,
                          const char *text, const char *options, clm_program *program)
{
    cl_device_id id = context->device->device_handle;
    cl_int code = CL_SUCCESS;
    program->handle = clCreateProgramWithSource(context->handle, 1, &text, NULL, &code);
    CLM_CL_CODE(context->device, "clCreateProgramWithSource", code, "loading cl/%s/%s.cl",
                source->name, source->name);
    code = clBuildProgram(program->handle, 1, &id, options, NULL, NULL);
    if (code == CL_SUCCESS) return CLM_OK;
    (void)clm_cl_fail(__FILE__, __LINE__, context->device, "clBuildProgram", code,
                      "building cl/%s/%s.cl with %s", source->name, source->name, options);
    const clm_error failed = *clm_error_last();
    (void)clm_fail_at(__FILE__, __LINE__, failed.kind, "%s\n%s", failed.what,
                      build_log(scope, program->handle, id));
    clm_error_during("%s", failed.during);
    clm_error_device(failed.device);
    clm_error_code(code);
    return CLM_FAIL;
}

/* False when the driver does not take the binary: then it is built anew. */
static bool load_binary(clm_context *context, const uint8_t *data, size_t bytes,
                        const char *options, clm_program *program)
{
    cl_device_id id = context->device->device_handle;
    cl_int code = CL_SUCCESS, taken = CL_SUCCESS;
    cl_program made =
        clCreateProgramWithBinary(context->handle, 1, &id, &bytes, &data, &taken, &code);
    if (code != CL_SUCCESS || taken != CL_SUCCESS ||
        clBuildProgram(made, 1, &id, options, NULL, NULL) != CL_SUCCESS) {
        if (made != NULL) (void)clReleaseProgram(made);
        return false;
    }
    program->handle = made;
    return true;
}

/* Writes the program's binary as folder/name. */
static clm_status save_binary(clm_context *context, clm_scope *scope, const clm_program *program,
                              const char *folder, const char *name)
{
    size_t bytes = 0;
    CLM_CL(context->device,
           clGetProgramInfo(program->handle, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL),
           "asking for the size of program %s", name);
    if (bytes == 0)
        return clm_fail(CLM_ERROR_FAILED, "the device gives no binary of program %s", name);
    uint8_t *data = clm_alloc(scope, bytes);
    CLM_CL(context->device,
           clGetProgramInfo(program->handle, CL_PROGRAM_BINARIES, sizeof data, &data, NULL),
           "asking for program %s, %zu bytes", name, bytes);
    if (clm_cache_write(folder, name, data, bytes)) return CLM_OK;
    const int code = errno;
    (void)clm_fail(CLM_ERROR_FAILED, "%s/%s cannot be written: %s", folder, name, strerror(code));
    clm_error_code(code);
    clm_error_advice("free some space, or name a folder on another disk");
    return CLM_FAIL;
}

/* Keeps a program that is built for the second time: making a binary can cost as much as the build
 * (PoCL compiles every kernel for it), which programs that are built once never earn back. A cache
 * that cannot be written costs time, not the run. */
static void keep_binary(clm_context *context, clm_scope *scope, const clm_program *program,
                        const char *folder, const char *name)
{
    static const uint8_t mark[] = "built once";
    const char *once = clm_text(scope, "%s.once", name);
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (!context->cache_trimmed) clm_cache_trim(folder);
    context->cache_trimmed = true;
    if (clm_cache_read(scope, folder, once, &data, &bytes))
        (void)save_binary(context, scope, program, folder, name);
    else
        (void)clm_cache_write(folder, once, mark, sizeof mark);
}

static clm_status load_ahead_of_time(clm_context *context, clm_scope *scope, const char *name,
                                     const char *options, clm_program *program)
{
    const char *folder = context->options.binaries;
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (clm_cache_read(scope, folder, name, &data, &bytes) &&
        load_binary(context, data, bytes, options, program))
        return CLM_OK;
    (void)clm_fail(CLM_ERROR_FAILED, "there is no usable binary %s/%s", folder, name);
    clm_error_during("loading ahead-of-time program binaries (options %s)", options);
    clm_error_device(context->device->name);
    clm_error_advice("clmoe compile with the same device, driver and clmoe, or no --binaries");
    return CLM_FAIL;
}

static clm_status build(clm_context *context, clm_scope *scope, const clm_source *source,
                        const char *text, const char *options, clm_program *program)
{
    const char *name = clm_text(scope, "%s-%.32s.bin", source->name, program->key);
    if (context->options.binaries != NULL)
        return load_ahead_of_time(context, scope, name, options, program);
    const bool cached = (context->device->quirks & CLM_QUIRK_NO_BINARY_CACHE) == 0;
    const char *folder = cached ? clm_cache_folder(scope, context->options.cache) : NULL;
    uint8_t *data = NULL;
    size_t bytes = 0;
    const bool found = folder != NULL && clm_cache_read(scope, folder, name, &data, &bytes) &&
                       load_binary(context, data, bytes, options, program);
    if (!found) {
        CLM_TRY(compile(context, scope, source, text, options, program));
        if (folder != NULL) keep_binary(context, scope, program, folder, name);
    }
    if (context->options.save == NULL) return CLM_OK;
    return save_binary(context, scope, program, context->options.save, name);
}

/* CLMOE_SOURCES names a folder to leave every program in as its compiler gets it, options in the
 * first line: for linting and for looking into a kernel. What cannot be written is left out. */
static void leave_source(clm_scope *scope, const clm_source *source, const char *text,
                         const char *options, const char *key)
{
    const char *folder = getenv("CLMOE_SOURCES");
    if (folder == NULL || folder[0] == '\0') return;
    FILE *file = fopen(clm_text(scope, "%s/%s-%.16s.cl", folder, source->name, key), "w");
    if (file == NULL) return;
    fprintf(file, "// %s\n%s", options, text);
    (void)fclose(file);
}

static clm_status get(clm_context *context, clm_scope *scope, const clm_source *source,
                      const char *options, cl_program *program)
{
    const char *text = full_source(scope, source);
    const char *all = full_options(scope, context->device, options);
    char key[65];
    hash_key(context->device, text, all, key);
    for (const clm_program *known = context->programs; known != NULL; known = known->next) {
        if (strcmp(known->key, key) != 0) continue;
        *program = known->handle;
        return CLM_OK;
    }

    clm_program *made = clm_alloc(context->scope, sizeof *made);
    memcpy(made->key, key, sizeof made->key);
    clm_scope_defer(context->scope, release_program, made);
    leave_source(scope, source, text, all, key);
    const double start = clm_now_ns();
    const clm_status status = build(context, scope, source, text, all, made);
    context->build_ns += clm_now_ns() - start;
    CLM_TRY(status);
    made->next = context->programs;
    context->programs = made;
    *program = made->handle;
    return CLM_OK;
}

clm_status clm_program_get(clm_context *context, const clm_source *source, const char *options,
                           cl_program *program)
{
    clm_scope scope = {0};
    const clm_status status = get(context, &scope, source, options, program);
    clm_scope_end(&scope);
    return status;
}
