#include "base/text.h"
#include "ocl/runtime.h"

#include <inttypes.h>
#include <sys/mman.h>

/* OpenCL has no empty buffers, graphs have empty relations: what is empty holds this much. */
enum { LEAST_BYTES = 4 };

static void release_buffer(void *object)
{
    clm_buffer *buffer = object;
    if (buffer->handle == NULL) return;
    (void)clReleaseMemObject(buffer->handle);
    if (buffer->root == buffer) buffer->context->bytes -= buffer->bytes;
}

/* Rows gathered from a large buffer miss the cache of page addresses as often as that of contents,
 * so a CPU is asked for huge pages, before anything has touched the memory. Only advice: where the
 * system has none, or a map is a copy, nothing changes. */
static clm_status ask_for_huge_pages(clm_buffer *buffer)
{
#ifdef MADV_HUGEPAGE
    enum { PAGE = 2 << 20 };
    const clm_device *device = buffer->context->device;
    const cl_command_queue queue = buffer->context->queue;
    if (device->device_class != CLM_CPU || !device->unified_memory || buffer->bytes < 2 * PAGE)
        return CLM_OK;
    cl_int code = CL_SUCCESS;
    void *map = clEnqueueMapBuffer(queue, buffer->handle, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION,
                                   0, (size_t)buffer->bytes, 0, NULL, NULL, &code);
    CLM_CL_CODE(device, "clEnqueueMapBuffer", code, "mapping %s", buffer->what);
    const uintptr_t begin = ((uintptr_t)map + PAGE - 1) / PAGE * PAGE;
    const uintptr_t end = ((uintptr_t)map + (uintptr_t)buffer->bytes) / PAGE * PAGE;
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    CLM_CL(device, clEnqueueUnmapMemObject(queue, buffer->handle, map, 0, NULL, NULL),
           "unmapping %s", buffer->what);
#endif
    return CLM_OK;
}

clm_status clm_buffer_new(clm_context *context, clm_scope *scope, const char *what, uint64_t bytes,
                          clm_buffer **buffer)
{
    const clm_device *device = context->device;
    if (bytes > device->max_allocation_bytes) {
        (void)clm_fail(CLM_ERROR_TOO_LARGE,
                       "%s needs one buffer of %" PRIu64 " bytes (%s), the device allows %" PRIu64
                       " (%s)",
                       what, bytes, clm_text_bytes(scope, bytes), device->max_allocation_bytes,
                       clm_text_bytes(scope, device->max_allocation_bytes));
        clm_error_device(device->name);
        clm_error_advice("a smaller graph or width, or --device with more memory (clmoe devices)");
        return CLM_FAIL;
    }
    clm_buffer *made = clm_alloc(scope, sizeof *made);
    *made = (clm_buffer){.context = context, .root = made, .bytes = bytes};
    made->what = clm_text(scope, "%s", what);
    clm_scope_defer(scope, release_buffer, made);
    cl_int code = CL_SUCCESS;
    const size_t held = bytes < LEAST_BYTES ? LEAST_BYTES : (size_t)bytes;
    made->handle = clCreateBuffer(context->handle, CL_MEM_READ_WRITE, held, NULL, &code);
    CLM_CL_CODE(device, "clCreateBuffer", code, "allocating %s, %" PRIu64 " bytes", what, bytes);
    context->bytes += bytes;
    if (context->bytes > context->peak_bytes) context->peak_bytes = context->bytes;
    *buffer = made;
    return ask_for_huge_pages(made);
}

/* A view of a view is made from the root, because OpenCL has one level of sub-buffers only. */
clm_status clm_buffer_view(clm_scope *scope, clm_buffer *parent, uint64_t offset, uint64_t bytes,
                           clm_buffer **view)
{
    clm_context *context = parent->context;
    const clm_device *device = context->device;
    if (offset > parent->bytes || bytes > parent->bytes - offset)
        return clm_fail(CLM_ERROR_FAILED,
                        "a view of %s at %" PRIu64 ", %" PRIu64 " bytes, leaves its %" PRIu64
                        " bytes",
                        parent->what, offset, bytes, parent->bytes);
    const uint64_t at = parent->offset + offset;
    if (at % device->base_align_bytes != 0)
        return clm_fail(CLM_ERROR_FAILED, "a view of %s at %" PRIu64 " is not aligned to %zu bytes",
                        parent->what, at, device->base_align_bytes);
    clm_buffer *made = clm_alloc(scope, sizeof *made);
    *made = (clm_buffer){.context = context,
                         .root = parent->root,
                         .offset = at,
                         .bytes = bytes,
                         .what = parent->what};
    clm_scope_defer(scope, release_buffer, made);
    const cl_buffer_region region = bytes == 0 ? (cl_buffer_region){0, LEAST_BYTES}
                                               : (cl_buffer_region){(size_t)at, (size_t)bytes};
    cl_int code = CL_SUCCESS;
    made->handle = clCreateSubBuffer(parent->root->handle, CL_MEM_READ_WRITE,
                                     CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    CLM_CL_CODE(device, "clCreateSubBuffer", code,
                "making a view of %s at %" PRIu64 ", %" PRIu64 " bytes", parent->what, at, bytes);
    *view = made;
    return CLM_OK;
}

static clm_status check_range(const clm_buffer *buffer, const char *verb, uint64_t offset,
                              uint64_t bytes)
{
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return CLM_OK;
    return clm_fail(CLM_ERROR_FAILED,
                    "%s %" PRIu64 " bytes at %" PRIu64 " of %s, which has %" PRIu64 " bytes", verb,
                    bytes, offset, buffer->what, buffer->bytes);
}

clm_status clm_buffer_write(clm_buffer *buffer, uint64_t offset, const void *from, uint64_t bytes)
{
    CLM_TRY(check_range(buffer, "writing", offset, bytes));
    if (bytes == 0) return CLM_OK;
    CLM_CL(buffer->context->device,
           clEnqueueWriteBuffer(buffer->context->queue, buffer->handle, CL_TRUE, (size_t)offset,
                                (size_t)bytes, from, 0, NULL, NULL),
           "writing %" PRIu64 " bytes of %s", bytes, buffer->what);
    return CLM_OK;
}

clm_status clm_buffer_read(clm_buffer *buffer, uint64_t offset, void *to, uint64_t bytes)
{
    CLM_TRY(check_range(buffer, "reading", offset, bytes));
    if (bytes == 0) return CLM_OK;
    CLM_CL(buffer->context->device,
           clEnqueueReadBuffer(buffer->context->queue, buffer->handle, CL_TRUE, (size_t)offset,
                               (size_t)bytes, to, 0, NULL, NULL),
           "reading %" PRIu64 " bytes of %s", bytes, buffer->what);
    return CLM_OK;
}

clm_status clm_buffer_fill(clm_buffer *buffer, uint64_t offset, uint32_t pattern, uint64_t bytes)
{
    CLM_TRY(check_range(buffer, "filling", offset, bytes));
    if (bytes == 0) return CLM_OK;
    CLM_CL(buffer->context->device,
           clEnqueueFillBuffer(buffer->context->queue, buffer->handle, &pattern, sizeof pattern,
                               (size_t)offset, (size_t)bytes, 0, NULL, NULL),
           "filling %" PRIu64 " bytes of %s", bytes, buffer->what);
    return CLM_OK;
}
