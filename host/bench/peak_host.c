/* What passes between host and device, launches and transfers; and integer atomics. */
#include "bench/peak_run.h"

#include "base/text.h"

#include <string.h>

/* --- launches --- */

typedef struct empty {
    clm_context *context;
    clm_kernel *kernel;
    clm_range range;
} empty;

static clm_status launch(void *user)
{
    const empty *e = user;
    return clm_kernel_launch(e->kernel, &e->range);
}

static clm_status launch_and_finish(void *user)
{
    const empty *e = user;
    CLM_TRY(clm_kernel_launch(e->kernel, &e->range));
    return clm_finish(e->context);
}

static clm_status measure_launches(clm_peak_run *run)
{
    clm_peak_kernel kernel;
    clm_buffer *out;
    CLM_TRY(
        clm_peak_build(run, "peak_empty", "int", "EMPTY", &(clm_peak_shape){1, 4, 1, 1}, &kernel));
    CLM_TRY(clm_buffer_new(run->context, run->round_scope, "an empty kernel's output",
                           run->device->compute_units * sizeof(int32_t), &out));
    CLM_TRY(clm_kernel_arg_buffer(kernel.kernel, 0, out));
    empty e = {run->context, kernel.kernel, kernel.range};
    CLM_TRY(clm_peak_wall(run, &(clm_timed){launch_and_finish, &e}, 0,
                          clm_peak_begin(run, CLM_PEAK_LAUNCH_LATENCY, "", 0)));
    return clm_peak_wall(run, &(clm_timed){launch, &e}, 0,
                         clm_peak_begin(run, CLM_PEAK_LAUNCH_INTERVAL, "", 0));
}

/* --- transfers --- */

typedef struct transfer {
    clm_buffer *buffer;
    void *host;
    uint64_t bytes;
} transfer;

static clm_status to_device(void *user)
{
    const transfer *t = user;
    return clm_buffer_write(t->buffer, 0, t->host, t->bytes);
}

static clm_status to_host(void *user)
{
    const transfer *t = user;
    return clm_buffer_read(t->buffer, 0, t->host, t->bytes);
}

static clm_status measure_transfers(clm_peak_run *run)
{
    static const uint64_t sizes[] = {64 << 10, 1 << 20, 64 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        transfer t = {.bytes = sizes[i]};
        if (t.bytes > run->device->memory_bytes / 8) break;
        t.host = clm_alloc(run->round_scope, (size_t)t.bytes);
        memset(t.host, 1, (size_t)t.bytes); /* pages that were never written are all one */
        CLM_TRY(clm_buffer_new(run->context, run->round_scope, "a transfer", t.bytes, &t.buffer));
        clm_peak *peak = clm_peak_begin(run, CLM_PEAK_TO_DEVICE, "", (double)t.bytes);
        CLM_TRY(clm_peak_wall(run, &(clm_timed){to_device, &t}, (double)t.bytes, peak));
        peak = clm_peak_begin(run, CLM_PEAK_TO_HOST, "", (double)t.bytes);
        CLM_TRY(clm_peak_wall(run, &(clm_timed){to_host, &t}, (double)t.bytes, peak));
    }
    return CLM_OK;
}

/* --- atomics --- */

enum { COUNTER_AT, ROUNDS_AT, STRIDE_AT };

/* Property: an address holds the number of additions to it. */
static clm_status check(clm_peak_run *run, const clm_peak_kernel *kernel, clm_buffer *counter,
                        int stride)
{
    enum { CHECKED_ROUNDS = 10 };
    const uint64_t items = kernel->range.global[0];
    const uint64_t last = stride == 0 ? 0 : (items - 1) * (uint64_t)stride;
    const int32_t expected = CHECKED_ROUNDS * (stride == 0 ? (int32_t)items : 1);
    int32_t got = 0;
    CLM_TRY(clm_buffer_write(counter, last * sizeof got, &got, sizeof got));
    CLM_TRY(clm_peak_once(run, kernel, CHECKED_ROUNDS));
    CLM_TRY(clm_buffer_read(counter, last * sizeof got, &got, sizeof got));
    if (got == expected) return CLM_OK;
    return clm_fail(CLM_ERROR_WRONG, "atomic additions come to %d instead of %d", (int)got,
                    (int)expected);
}

static clm_status make_atomic(clm_peak_run *run, int stride, clm_peak_kernel *kernel)
{
    const int local = run->device->device_class == CLM_GPU ? 256 : 64;
    const clm_peak_shape shape =
        run->vectors ? (clm_peak_shape){1, 4, 1, 1} : (clm_peak_shape){1, 4, local, 8};
    clm_buffer *counter;
    CLM_TRY(clm_peak_build(run, "peak_atomic", "int", "ATOMIC", &shape, kernel));
    const size_t items = kernel->range.global[0];
    const size_t counters = stride == 0 ? 1 : items * (size_t)stride;
    CLM_TRY(clm_buffer_new(run->context, run->round_scope, "counters", counters * sizeof(int32_t),
                           &counter));
    CLM_TRY(clm_buffer_fill(counter, 0, 0, counters * sizeof(int32_t)));
    CLM_TRY(clm_kernel_arg_buffer(kernel->kernel, COUNTER_AT, counter));
    CLM_TRY(clm_kernel_arg_i32(kernel->kernel, STRIDE_AT, stride));
    kernel->work = (double)items;
    return check(run, kernel, counter, stride);
}

static clm_status measure_atomics(clm_peak_run *run)
{
    static const struct {
        const char *of;
        int stride;
    } rows[] = {{"one address", 0}, {"a line each", 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clm_peak *peak = clm_peak_begin(run, CLM_PEAK_ATOMIC, rows[i].of, 0);
        clm_peak_kernel kernel;
        if (make_atomic(run, rows[i].stride, &kernel) != CLM_OK) kernel.kernel = NULL;
        CLM_TRY(clm_peak_best(run, &kernel, 1, peak));
    }
    return CLM_OK;
}

clm_status clm_peak_host(clm_peak_run *run)
{
    CLM_TRY(measure_launches(run));
    CLM_TRY(measure_transfers(run));
    return measure_atomics(run);
}
