#include "ocl/error.h"

#include <stdarg.h>
#include <string.h>

/* Every error of cl.h, and the loader's own. */
#define ERRORS(X)                                                                                  \
    X(CL_DEVICE_NOT_FOUND)                                                                         \
    X(CL_DEVICE_NOT_AVAILABLE)                                                                     \
    X(CL_COMPILER_NOT_AVAILABLE)                                                                   \
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE)                                                            \
    X(CL_OUT_OF_RESOURCES)                                                                         \
    X(CL_OUT_OF_HOST_MEMORY)                                                                       \
    X(CL_PROFILING_INFO_NOT_AVAILABLE)                                                             \
    X(CL_MEM_COPY_OVERLAP)                                                                         \
    X(CL_IMAGE_FORMAT_MISMATCH)                                                                    \
    X(CL_IMAGE_FORMAT_NOT_SUPPORTED)                                                               \
    X(CL_BUILD_PROGRAM_FAILURE)                                                                    \
    X(CL_MAP_FAILURE)                                                                              \
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET)                                                             \
    X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)                                                \
    X(CL_COMPILE_PROGRAM_FAILURE)                                                                  \
    X(CL_LINKER_NOT_AVAILABLE)                                                                     \
    X(CL_LINK_PROGRAM_FAILURE)                                                                     \
    X(CL_DEVICE_PARTITION_FAILED)                                                                  \
    X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE)                                                            \
    X(CL_INVALID_VALUE)                                                                            \
    X(CL_INVALID_DEVICE_TYPE)                                                                      \
    X(CL_INVALID_PLATFORM)                                                                         \
    X(CL_INVALID_DEVICE)                                                                           \
    X(CL_INVALID_CONTEXT)                                                                          \
    X(CL_INVALID_QUEUE_PROPERTIES)                                                                 \
    X(CL_INVALID_COMMAND_QUEUE)                                                                    \
    X(CL_INVALID_HOST_PTR)                                                                         \
    X(CL_INVALID_MEM_OBJECT)                                                                       \
    X(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR)                                                          \
    X(CL_INVALID_IMAGE_SIZE)                                                                       \
    X(CL_INVALID_SAMPLER)                                                                          \
    X(CL_INVALID_BINARY)                                                                           \
    X(CL_INVALID_BUILD_OPTIONS)                                                                    \
    X(CL_INVALID_PROGRAM)                                                                          \
    X(CL_INVALID_PROGRAM_EXECUTABLE)                                                               \
    X(CL_INVALID_KERNEL_NAME)                                                                      \
    X(CL_INVALID_KERNEL_DEFINITION)                                                                \
    X(CL_INVALID_KERNEL)                                                                           \
    X(CL_INVALID_ARG_INDEX)                                                                        \
    X(CL_INVALID_ARG_VALUE)                                                                        \
    X(CL_INVALID_ARG_SIZE)                                                                         \
    X(CL_INVALID_KERNEL_ARGS)                                                                      \
    X(CL_INVALID_WORK_DIMENSION)                                                                   \
    X(CL_INVALID_WORK_GROUP_SIZE)                                                                  \
    X(CL_INVALID_WORK_ITEM_SIZE)                                                                   \
    X(CL_INVALID_GLOBAL_OFFSET)                                                                    \
    X(CL_INVALID_EVENT_WAIT_LIST)                                                                  \
    X(CL_INVALID_EVENT)                                                                            \
    X(CL_INVALID_OPERATION)                                                                        \
    X(CL_INVALID_GL_OBJECT)                                                                        \
    X(CL_INVALID_BUFFER_SIZE)                                                                      \
    X(CL_INVALID_MIP_LEVEL)                                                                        \
    X(CL_INVALID_GLOBAL_WORK_SIZE)                                                                 \
    X(CL_INVALID_PROPERTY)                                                                         \
    X(CL_INVALID_IMAGE_DESCRIPTOR)                                                                 \
    X(CL_INVALID_COMPILER_OPTIONS)                                                                 \
    X(CL_INVALID_LINKER_OPTIONS)                                                                   \
    X(CL_INVALID_DEVICE_PARTITION_COUNT)                                                           \
    X(CL_INVALID_PIPE_SIZE)                                                                        \
    X(CL_INVALID_DEVICE_QUEUE)                                                                     \
    X(CL_INVALID_SPEC_ID)                                                                          \
    X(CL_MAX_SIZE_RESTRICTION_EXCEEDED)                                                            \
    X(CL_PLATFORM_NOT_FOUND_KHR)

const char *clm_cl_error_name(cl_int code)
{
    switch (code) {
#define NAME(error)                                                                                \
    case error: return #error;
        ERRORS(NAME)
#undef NAME
    default: return "an unknown error";
    }
}

/* Codes by which devices say that memory ran out. CL_OUT_OF_RESOURCES is also how some drivers
 * report a crashed kernel, hence the advice names both. */
static bool out_of_memory(cl_int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
           code == CL_OUT_OF_HOST_MEMORY;
}

static void advise(cl_int code)
{
    if (code == CL_OUT_OF_RESOURCES)
        clm_error_advice(
            "a smaller graph or width, or another device (clmoe devices); some drivers "
            "say this of a kernel that crashed");
    else if (out_of_memory(code))
        clm_error_advice("a smaller graph or width, or --device with more memory (clmoe devices)");
    else if (code == CL_PLATFORM_NOT_FOUND_KHR || code == CL_DEVICE_NOT_FOUND)
        clm_error_advice(
            "install an OpenCL implementation: pocl-opencl-icd for CPUs, or the driver "
            "of your GPU");
}

clm_status clm_cl_fail(const char *file, int line, const clm_device *device, const char *call,
                       cl_int code, const char *format, ...)
{
    const int name_length = (int)strcspn(call, "(");
    const clm_error_kind kind = out_of_memory(code) ? CLM_ERROR_OOM : CLM_ERROR_FAILED;
    (void)clm_fail_at(file, line, kind, "%.*s: %s (%d)", name_length, call, clm_cl_error_name(code),
                      code);
    char during[sizeof clm_error_last()->during];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(during, sizeof during, format, list);
    va_end(list);
    clm_error_during("%s", during);
    clm_error_code(code);
    if (device != NULL) {
        char name[sizeof clm_error_last()->device];
        (void)snprintf(name, sizeof name, "%.120s, %.60s, driver %.60s", device->name,
                       device->platform, device->driver);
        clm_error_device(name);
    }
    advise(code);
    return CLM_FAIL;
}
