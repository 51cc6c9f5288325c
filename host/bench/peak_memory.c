/* Reads, copies and updates of working sets from the smallest cache to beyond the largest. */
#include "bench/peak_run.h"

#include "base/text.h"

enum {
    FROM_AT,
    ROUNDS_AT,
    SLICES_AT,
    SLICE_AT,
    SHIFT_AT,
    TO_AT, /* of a read: where its sums go; of filling: the factor; of an update: its bits */
};

enum { SMALLEST = 16 << 10, LANE_BYTES = 4, BITS = 1 << 30 };

typedef struct memory {
    clm_peak_run *run;
    clm_buffer *from, *to; /* the largest set, and half of it */
    uint64_t largest;
    clm_peak_kernel read[CLM_PEAK_SHAPES], copy[CLM_PEAK_SHAPES], update[CLM_PEAK_SHAPES];
    size_t shapes;
} memory;

/* How a kernel's buffer is cut. */
typedef struct cut {
    uint64_t slices, slice_bytes;
} cut;

/* Several times the largest cache, but never much of the device's memory. */
static uint64_t largest_set(const clm_device *device)
{
    uint64_t most = device->memory_bytes / 8, bytes = 256u << 20;
    if (most > device->max_allocation_bytes) most = device->max_allocation_bytes;
    while (bytes < 6 * device->cache_bytes)
        bytes *= 2;
    while (bytes > most)
        bytes /= 2;
    return bytes;
}

static size_t choose_shapes(const clm_peak_run *run, clm_peak_shape shape[CLM_PEAK_SHAPES])
{
    const int native = (int)run->device->vector_width, lanes = native > 16 ? 16 : native;
    const int local = run->device->device_class == CLM_GPU ? 256 : 64;
    shape[0] = run->vectors ? (clm_peak_shape){lanes, 8, 1, 1} : (clm_peak_shape){4, 4, local, 8};
    shape[1] = run->vectors ? (clm_peak_shape){lanes, 4, 1, 1} : (clm_peak_shape){1, 4, local, 8};
    shape[2] = (clm_peak_shape){4, 4, local, 32};
    return run->vectors ? 2 : 3;
}

/* Cuts `bytes` of a buffer into slices for a kernel; none when the kernel takes more at once. On
 * CPUs every core has one slice; on GPUs there are as many groups for few slices as for many, and
 * they wander over them. */
static clm_status set_cut(const memory *m, clm_peak_kernel *kernel, uint64_t bytes, cut *made)
{
    const clm_peak_shape *shape = &kernel->shape;
    const uint64_t least_slice = 4096, vector = (uint64_t)shape->width * LANE_BYTES;
    const uint64_t step = vector * (uint64_t)shape->chains * (uint64_t)shape->local;
    const uint64_t groups = m->run->device->compute_units * (uint64_t)shape->groups;
    *made = (cut){bytes / (step > least_slice ? step : least_slice), 0};
    if (made->slices == 0) return CLM_OK;
    if (made->slices > groups) made->slices = groups;
    made->slice_bytes = bytes / made->slices / step * step;
    const uint64_t working = m->run->vectors ? made->slices : groups;
    kernel->range.global[0] = (size_t)working * (size_t)shape->local;
    kernel->work = (double)(working * made->slice_bytes);
    if ((m->run->device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0)
        kernel->most_rounds = (int)(60000 / (made->slice_bytes / step)) + 1;
    CLM_TRY(clm_kernel_arg_i32(kernel->kernel, SLICES_AT, (int32_t)made->slices));
    CLM_TRY(clm_kernel_arg_i32(kernel->kernel, SLICE_AT, (int32_t)(made->slice_bytes / vector)));
    return clm_kernel_arg_i32(kernel->kernel, SHIFT_AT, m->run->vectors ? 0 : 1);
}

/* --- kernels --- */

/* Property: the last work-item adds the elements of its part of the slice, which are their own
 * indices: an arithmetic progression, modulo 2^32. Its chains start with 0, 1, 2 ... */
static clm_status check_read(const memory *m, const clm_peak_kernel *kernel, const cut *c)
{
    const uint64_t width = (uint64_t)kernel->shape.width, local = (uint64_t)kernel->shape.local;
    const uint64_t chains = (uint64_t)kernel->shape.chains, items = kernel->range.global[0];
    const uint64_t slice = (items / local - 1) % c->slices;
    const uint64_t n = c->slice_bytes / LANE_BYTES / (width * local);
    const uint64_t first = slice * c->slice_bytes / LANE_BYTES + local * width - 1;
    const uint64_t expected =
        chains * (chains - 1) / 2 + n * first + local * width * (n * (n - 1) / 2);
    uint32_t got = 0;
    CLM_TRY(clm_peak_once(m->run, kernel, 1));
    CLM_TRY(clm_buffer_read(m->to, (items * width - 1) * LANE_BYTES, &got, sizeof got));
    if (got == (uint32_t)expected) return CLM_OK;
    return clm_fail(CLM_ERROR_WRONG, "the kernel adds up to %u instead of %u", got,
                    (uint32_t)expected);
}

static clm_status check_copy(const memory *m, const clm_peak_kernel *kernel, const cut *c)
{
    const uint32_t last = (uint32_t)(c->slices * c->slice_bytes / LANE_BYTES - 1);
    uint32_t got = 0;
    CLM_TRY(clm_buffer_write(m->to, last * (uint64_t)LANE_BYTES, &got, sizeof got));
    CLM_TRY(clm_peak_once(m->run, kernel, 1));
    CLM_TRY(clm_buffer_read(m->to, last * (uint64_t)LANE_BYTES, &got, sizeof got));
    if (got == last) return CLM_OK;
    return clm_fail(CLM_ERROR_WRONG, "the kernel copies %u instead of %u", got, last);
}

/* Property: the last element, 0 before, has the bits that are set. */
static clm_status check_update(const memory *m, const clm_peak_kernel *kernel, const cut *c)
{
    const uint64_t last = c->slices * c->slice_bytes - LANE_BYTES;
    uint32_t got = 0;
    CLM_TRY(clm_buffer_write(m->to, last, &got, sizeof got));
    CLM_TRY(clm_peak_once(m->run, kernel, 1));
    CLM_TRY(clm_buffer_read(m->to, last, &got, sizeof got));
    if (got == BITS) return CLM_OK;
    return clm_fail(CLM_ERROR_WRONG, "the kernel leaves %u instead of %d", got, BITS);
}

static clm_status make_read(memory *m, const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    cut c;
    CLM_TRY(clm_peak_build(m->run, "peak_read", "int", "READ", shape, kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, FROM_AT, m->from));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, TO_AT, m->to));
    CLM_TRY(set_cut(m, kernel, m->largest, &c));
    return check_read(m, kernel, &c);
}

static clm_status make_copy(memory *m, const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    cut c;
    CLM_TRY(clm_peak_build(m->run, "peak_copy", "int", "COPY", shape, kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, FROM_AT, m->from));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, TO_AT, m->to));
    CLM_TRY(set_cut(m, kernel, m->largest / 2, &c));
    return check_copy(m, kernel, &c);
}

static clm_status make_update(memory *m, const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    cut c;
    CLM_TRY(clm_peak_build(m->run, "peak_update", "int", "UPDATE", shape, kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, FROM_AT, m->to));
    CLM_TRY(clm_kernel_arg_i32(kernel->kernel, TO_AT, BITS));
    CLM_TRY(set_cut(m, kernel, m->largest / 2, &c));
    return check_update(m, kernel, &c);
}

/* Memory is first written by the cores that use it later, so that on hosts with several memories
 * each has its part near. */
static clm_status fill(memory *m, const clm_peak_shape *like, clm_buffer *buffer, uint64_t bytes,
                       int factor)
{
    const clm_peak_shape shape = {1, like->chains, like->local, like->groups};
    clm_peak_kernel kernel;
    cut c;
    CLM_TRY(clm_peak_build(m->run, "peak_fill", "int", "FILL", &shape, &kernel));
    CLM_TRY(clm_kernel_arg_buffer(kernel.kernel, FROM_AT, buffer));
    CLM_TRY(clm_kernel_arg_i32(kernel.kernel, TO_AT, factor));
    CLM_TRY(set_cut(m, &kernel, bytes, &c));
    return clm_peak_once(m->run, &kernel, 1);
}

/* The buffers lie apart by more than a multiple of a page: a load that follows a store to the same
 * place of another page waits for it on some processors. */
static clm_status make_buffers(memory *m)
{
    const uint64_t align = m->run->device->base_align_bytes, offset = (2048 / align + 1) * align;
    clm_buffer *whole;
    CLM_TRY(
        clm_buffer_new(m->run->context, m->run->round_scope, "what is read", m->largest, &m->from));
    CLM_TRY(clm_buffer_new(m->run->context, m->run->round_scope, "what is written",
                           m->largest / 2 + offset, &whole));
    return clm_buffer_view(m->run->round_scope, whole, offset, m->largest / 2, &m->to);
}

static clm_status prepare(memory *m)
{
    clm_peak_shape shape[CLM_PEAK_SHAPES];
    m->largest = largest_set(m->run->device);
    m->shapes = choose_shapes(m->run, shape);
    CLM_TRY(make_buffers(m));
    CLM_TRY(fill(m, &shape[0], m->from, m->largest, 1));
    CLM_TRY(fill(m, &shape[0], m->to, m->largest / 2, 0));
    for (size_t i = 0; i < m->shapes; i++) {
        if (make_read(m, &shape[i], &m->read[i]) != CLM_OK) m->read[i].kernel = NULL;
        if (make_copy(m, &shape[i], &m->copy[i]) != CLM_OK) m->copy[i].kernel = NULL;
        if (make_update(m, &shape[i], &m->update[i]) != CLM_OK) m->update[i].kernel = NULL;
    }
    return CLM_OK;
}

/* --- the curve --- */

/* A copy's working set is in two buffers; all but reads move their bytes twice. */
static clm_status measure(memory *m, clm_peak_kind kind, const clm_peak_kernel *made,
                          uint64_t bytes)
{
    const uint64_t buffers = kind == CLM_PEAK_COPY ? 2 : 1, passes = kind == CLM_PEAK_READ ? 1 : 2;
    clm_peak_kernel ready[CLM_PEAK_SHAPES];
    bool fits = false;
    for (size_t i = 0; i < m->shapes; i++) {
        cut c = {0};
        ready[i] = made[i];
        if (ready[i].kernel != NULL) CLM_TRY(set_cut(m, &ready[i], bytes / buffers, &c));
        if (c.slices == 0) ready[i].kernel = NULL;
        ready[i].work *= (double)passes;
        fits = fits || ready[i].kernel != NULL;
    }
    if (!fits && bytes < m->largest) return CLM_OK; /* the curve starts later */
    return clm_peak_best(m->run, ready, m->shapes, clm_peak_begin(m->run, kind, "", (double)bytes));
}

clm_status clm_peak_memory(clm_peak_run *run)
{
    memory m = {.run = run};
    CLM_TRY(prepare(&m));
    for (uint64_t bytes = SMALLEST; bytes <= m.largest; bytes *= 2)
        CLM_TRY(measure(&m, CLM_PEAK_READ, m.read, bytes));
    for (uint64_t bytes = SMALLEST; bytes <= m.largest; bytes *= 2)
        CLM_TRY(measure(&m, CLM_PEAK_COPY, m.copy, bytes));
    for (uint64_t bytes = SMALLEST; bytes <= m.largest / 2; bytes *= 2)
        CLM_TRY(measure(&m, CLM_PEAK_UPDATE, m.update, bytes));
    return CLM_OK;
}
