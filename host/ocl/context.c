#include "ocl/runtime.h"

#include <stdlib.h>
#include <time.h>

double clm_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void release_events(clm_context *context)
{
    for (size_t i = 0; i < context->event_count; i++) {
        if (context->events[i].before != NULL) (void)clReleaseEvent(context->events[i].before);
        if (context->events[i].launch != NULL) (void)clReleaseEvent(context->events[i].launch);
    }
    context->event_count = 0;
}

static void release_context(void *object)
{
    clm_context *context = object;
    if (context->queue != NULL) {
        (void)clFinish(context->queue);
        release_events(context);
        (void)clReleaseCommandQueue(context->queue);
    }
    free(context->events);
    if (context->handle != NULL) (void)clReleaseContext(context->handle);
}

clm_status clm_context_open(clm_scope *scope, const clm_device *device,
                            const clm_context_options *options, clm_context **context)
{
    clm_context *opened = clm_alloc(scope, sizeof *opened);
    opened->scope = scope;
    opened->device = device;
    if (options != NULL) opened->options = *options;
    clm_scope_defer(scope, release_context, opened);

    cl_device_id id = device->device_handle;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)device->platform_handle, 0};
    cl_int code = CL_SUCCESS;
    opened->handle = clCreateContext(properties, 1, &id, NULL, NULL, &code);
    CLM_CL_CODE(device, "clCreateContext", code, "opening the device");
    opened->queue = clCreateCommandQueue(opened->handle, id, CL_QUEUE_PROFILING_ENABLE, &code);
    CLM_CL_CODE(device, "clCreateCommandQueue", code, "opening a queue on the device");
    *context = opened;
    return CLM_OK;
}

const clm_device *clm_context_device(const clm_context *context) { return context->device; }

uint64_t clm_context_bytes(const clm_context *context) { return context->bytes; }

uint64_t clm_context_peak_bytes(const clm_context *context) { return context->peak_bytes; }

double clm_context_build_ns(const clm_context *context) { return context->build_ns; }

clm_status clm_finish(clm_context *context)
{
    CLM_CL(context->device, clFinish(context->queue), "waiting for the device");
    return CLM_OK;
}

size_t clm_events_count(const clm_context *context) { return context->event_count; }

static clm_status event_time(const clm_context *context, cl_event event, cl_profiling_info what,
                             size_t index, double *ns)
{
    cl_ulong time = 0;
    CLM_CL(context->device, clGetEventProfilingInfo(event, what, sizeof time, &time, NULL),
           "reading the times of launch %zu", index);
    *ns = (double)time;
    return CLM_OK;
}

clm_status clm_events_ns(const clm_context *context, size_t index, double *queued, double *start,
                         double *end)
{
    *queued = *start = *end = 0;
    if (index >= context->event_count)
        return clm_fail(CLM_ERROR_FAILED, "there is no launch %zu: %zu were recorded", index,
                        context->event_count);
    const cl_event launch = context->events[index].launch, before = context->events[index].before;
    if (launch == NULL) return CLM_OK;
    CLM_TRY(event_time(context, before != NULL ? before : launch, CL_PROFILING_COMMAND_QUEUED,
                       index, queued));
    CLM_TRY(event_time(context, before != NULL ? before : launch,
                       before != NULL ? CL_PROFILING_COMMAND_END : CL_PROFILING_COMMAND_START,
                       index, start));
    return event_time(context, launch, CL_PROFILING_COMMAND_END, index, end);
}

clm_status clm_events_reserve(clm_context *context)
{
    if (context->event_count < context->event_capacity) return CLM_OK;
    const size_t capacity = context->event_capacity == 0 ? 256 : 2 * context->event_capacity;
    clm_launch_events *grown = realloc(context->events, capacity * sizeof *grown);
    if (grown == NULL)
        return clm_fail(CLM_ERROR_OOM, "out of memory on the host for %zu events", capacity);
    context->events = grown;
    context->event_capacity = capacity;
    return CLM_OK;
}

void clm_events_start(clm_context *context)
{
    release_events(context);
    context->events_kept = true;
}

void clm_events_stop(clm_context *context) { context->events_kept = false; }
