#include "fault/fault.h"

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

static fault_kind armed;
static size_t fail_at, calls;
static const char *hit;
static long live;

void fault_arm(fault_kind kind, size_t n)
{
    armed = kind;
    fail_at = n;
    calls = 0;
    hit = NULL;
}

void fault_disarm(void) { armed = FAULT_NONE; }

const char *fault_hit(void) { return hit; }

size_t fault_calls(void) { return calls; }

long fault_live_objects(void) { return live; }

static bool fails(fault_kind kind, const char *name)
{
    if (armed != kind || ++calls != fail_at) return false;
    hit = name;
    return true;
}

/* A call that returns its code. */
#define CODE(name, parameters, arguments)                                                          \
    cl_int __real_##name parameters;                                                               \
    cl_int __wrap_##name parameters;                                                               \
    cl_int __wrap_##name parameters                                                                \
    {                                                                                              \
        return fails(FAULT_OPENCL, #name) ? FAULT_CODE : __real_##name arguments;                  \
    }

/* A call that returns an object and leaves its code in *code. */
#define MAKE(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (fails(FAULT_OPENCL, #name)) {                                                          \
            *code = FAULT_CODE;                                                                    \
            return NULL;                                                                           \
        }                                                                                          \
        type made = __real_##name arguments;                                                       \
        live += made != NULL;                                                                      \
        return made;                                                                               \
    }

#define RELEASE(type, name)                                                                        \
    cl_int __real_##name(type object);                                                             \
    cl_int __wrap_##name(type object);                                                             \
    cl_int __wrap_##name(type object)                                                              \
    {                                                                                              \
        live--;                                                                                    \
        return __real_##name(object);                                                              \
    }

typedef void(CL_CALLBACK *program_done)(cl_program, void *);
typedef void(CL_CALLBACK *context_error)(const char *, const void *, size_t, void *);

CODE(clGetPlatformIDs, (cl_uint n, cl_platform_id *ids, cl_uint *count), (n, ids, count))
CODE(clGetPlatformInfo,
     (cl_platform_id id, cl_platform_info what, size_t size, void *to, size_t *n),
     (id, what, size, to, n))
CODE(clGetDeviceIDs,
     (cl_platform_id id, cl_device_type type, cl_uint n, cl_device_id *ids, cl_uint *count),
     (id, type, n, ids, count))
CODE(clGetDeviceInfo, (cl_device_id id, cl_device_info what, size_t size, void *to, size_t *n),
     (id, what, size, to, n))
CODE(clBuildProgram,
     (cl_program program, cl_uint n, const cl_device_id *ids, const char *options,
      program_done done, void *data),
     (program, n, ids, options, done, data))
CODE(clGetProgramBuildInfo,
     (cl_program program, cl_device_id id, cl_program_build_info what, size_t size, void *to,
      size_t *n),
     (program, id, what, size, to, n))
CODE(clGetProgramInfo, (cl_program program, cl_program_info what, size_t size, void *to, size_t *n),
     (program, what, size, to, n))
CODE(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
     (kernel, index, size, value))
CODE(clFinish, (cl_command_queue queue), (queue))
CODE(clGetEventProfilingInfo,
     (cl_event event, cl_profiling_info what, size_t size, void *to, size_t *n),
     (event, what, size, to, n))
CODE(clEnqueueReadBuffer,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, void *to,
      cl_uint n, const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, to, n, wait, event))
CODE(clEnqueueWriteBuffer,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
      const void *from, cl_uint n, const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, from, n, wait, event))
CODE(clEnqueueFillBuffer,
     (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
      size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event),
     (queue, buffer, pattern, pattern_size, offset, size, n, wait, event))

MAKE(cl_context, clCreateContext,
     (const cl_context_properties *properties, cl_uint n, const cl_device_id *ids,
      context_error error, void *data, cl_int *code),
     (properties, n, ids, error, data, code))
MAKE(cl_command_queue, clCreateCommandQueue,
     (cl_context context, cl_device_id id, cl_command_queue_properties kind, cl_int *code),
     (context, id, kind, code))
MAKE(cl_mem, clCreateBuffer,
     (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),
     (context, flags, size, host, code))
MAKE(cl_mem, clCreateSubBuffer,
     (cl_mem parent, cl_mem_flags flags, cl_buffer_create_type type, const void *region,
      cl_int *code),
     (parent, flags, type, region, code))
MAKE(cl_program, clCreateProgramWithSource,
     (cl_context context, cl_uint n, const char **texts, const size_t *lengths, cl_int *code),
     (context, n, texts, lengths, code))
MAKE(cl_program, clCreateProgramWithBinary,
     (cl_context context, cl_uint n, const cl_device_id *ids, const size_t *lengths,
      const unsigned char **binaries, cl_int *taken, cl_int *code),
     (context, n, ids, lengths, binaries, taken, code))
MAKE(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),
     (program, name, code))

RELEASE(cl_context, clReleaseContext)
RELEASE(cl_command_queue, clReleaseCommandQueue)
RELEASE(cl_mem, clReleaseMemObject)
RELEASE(cl_program, clReleaseProgram)
RELEASE(cl_kernel, clReleaseKernel)
RELEASE(cl_event, clReleaseEvent)

#define LAUNCH_PARAMETERS                                                                          \
    (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,           \
     const size_t *global, const size_t *local, cl_uint n, const cl_event *wait, cl_event *event)
cl_int __real_clEnqueueNDRangeKernel LAUNCH_PARAMETERS;
cl_int __wrap_clEnqueueNDRangeKernel LAUNCH_PARAMETERS;
cl_int __wrap_clEnqueueNDRangeKernel LAUNCH_PARAMETERS
{
    if (fails(FAULT_OPENCL, "clEnqueueNDRangeKernel")) return FAULT_CODE;
    const cl_int code = __real_clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global,
                                                      local, n, wait, event);
    live += code == CL_SUCCESS && event != NULL;
    return code;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails(FAULT_ALLOCATION, "calloc") ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return fails(FAULT_ALLOCATION, "realloc") ? NULL : __real_realloc(old, size);
}
