#include "base/text.h"
#include "ocl/runtime.h"

static void release_kernel(void *object)
{
    const clm_kernel *kernel = object;
    if (kernel->handle != NULL) (void)clReleaseKernel(kernel->handle);
}

clm_status clm_kernel_new(clm_context *context, clm_scope *scope, const clm_source *source,
                          const char *kernel_name, const char *options, clm_kernel **kernel)
{
    cl_program program = NULL;
    CLM_TRY(clm_program_get(context, source, options == NULL ? "" : options, &program));
    clm_kernel *made = clm_alloc(scope, sizeof *made);
    made->context = context;
    made->name = clm_text(scope, "%s", kernel_name);
    clm_scope_defer(scope, release_kernel, made);
    cl_int code = CL_SUCCESS;
    made->handle = clCreateKernel(program, kernel_name, &code);
    CLM_CL_CODE(context->device, "clCreateKernel", code, "making kernel %s of cl/%s/%s.cl",
                kernel_name, source->name, source->name);
    *kernel = made;
    return CLM_OK;
}

static clm_status set_arg(clm_kernel *kernel, unsigned index, size_t bytes, const void *value)
{
    CLM_CL(kernel->context->device, clSetKernelArg(kernel->handle, index, bytes, value),
           "setting argument %u of kernel %s", index, kernel->name);
    return CLM_OK;
}

clm_status clm_kernel_arg_buffer(clm_kernel *kernel, unsigned index, const clm_buffer *buffer)
{
    const cl_mem handle = buffer == NULL ? NULL : buffer->handle;
    return set_arg(kernel, index, sizeof handle, &handle);
}

clm_status clm_kernel_arg_i32(clm_kernel *kernel, unsigned index, int32_t value)
{
    return set_arg(kernel, index, sizeof value, &value);
}

clm_status clm_kernel_arg_f32(clm_kernel *kernel, unsigned index, float value)
{
    return set_arg(kernel, index, sizeof value, &value);
}

clm_status clm_kernel_arg_local(clm_kernel *kernel, unsigned index, size_t bytes)
{
    return set_arg(kernel, index, bytes, NULL);
}

static cl_uint dimensions(const size_t size[3]) { return size[2] != 0 ? 3 : size[1] != 0 ? 2 : 1; }

clm_status clm_kernel_launch(clm_kernel *kernel, const clm_range *range)
{
    clm_context *context = kernel->context;
    const bool profile = context->events_kept;
    clm_launch_events kept = {0};
    if (profile) CLM_TRY(clm_events_reserve(context));
    if (range->global[0] != 0) {
        CLM_CL(context->device,
               clEnqueueNDRangeKernel(context->queue, kernel->handle, dimensions(range->global),
                                      NULL, range->global,
                                      range->local[0] == 0 ? NULL : range->local, 0, NULL,
                                      profile ? &kept.launch : NULL),
               "launching kernel %s, global %zu %zu %zu, local %zu %zu %zu", kernel->name,
               range->global[0], range->global[1], range->global[2], range->local[0],
               range->local[1], range->local[2]);
    }
    if (profile) context->events[context->event_count++] = kept;
    return CLM_OK;
}
