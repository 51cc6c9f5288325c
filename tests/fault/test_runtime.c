/* The 1st, 2nd, 3rd ... OpenCL call and host allocation of a small piece of work fails in turn. */
#include "base/text.h"
#include "fault/fault.h"
#include "ocl/ocl.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const clm_source source = {
    "fault_test", "__kernel void twice(__global int *RST x) { x[get_global_id(0)] *= 2; }\n"};

enum { COUNT = 1024 };

/* Uses every part of the runtime once; the second half of x is doubled, through a view. */
static clm_status work(clm_scope *scope, const char *cache, int32_t x[COUNT])
{
    const clm_device *devices = NULL;
    size_t count = 0;
    clm_context *context = NULL;
    clm_kernel *kernel = NULL;
    clm_buffer *all = NULL, *half = NULL;
    double queued, start, end;
    CLM_TRY(clm_devices_select(scope, NULL, &devices, &count));
    const clm_context_options options = {.cache = cache};
    CLM_TRY(clm_context_open(scope, &devices[0], &options, &context));
    CLM_TRY(clm_kernel_new(context, scope, &source, "twice", NULL, &kernel));
    CLM_TRY(clm_buffer_new(context, scope, "x", COUNT * sizeof *x, &all));
    CLM_TRY(clm_buffer_view(scope, all, COUNT / 2 * sizeof *x, COUNT / 2 * sizeof *x, &half));
    CLM_TRY(clm_buffer_fill(all, 0, 5, COUNT * sizeof *x));
    CLM_TRY(clm_buffer_write(all, 0, x, COUNT / 4 * sizeof *x));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 0, half));
    clm_events_start(context);
    CLM_TRY(clm_kernel_launch(kernel, &(clm_range){.global = {COUNT / 2}}));
    CLM_TRY(clm_finish(context));
    CLM_TRY(clm_events_ns(context, 0, &queued, &start, &end));
    return clm_buffer_read(all, 0, x, COUNT * sizeof *x);
}

static clm_status work_with_fault(const char *cache, fault_kind kind, size_t n, bool *right)
{
    clm_scope scope = {0};
    int32_t x[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = 7;
    fault_arm(kind, n);
    const clm_status status = work(&scope, cache, x);
    fault_disarm();
    clm_scope_end(&scope);
    *right = true;
    for (int i = 0; i < COUNT; i++)
        *right = *right && x[i] == (i < COUNT / 4 ? 7 : i < COUNT / 2 ? 5 : 10);
    return status;
}

static char folder[] = "/tmp/clmoe-test-fault-XXXXXX";

/* Feature probes keep their answers here, so that only the first, faultless work makes them. */
static int private_cache(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || setenv("XDG_CACHE_HOME", folder, 1) != 0) return -1;
    return 0;
}

static int remove_cache(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const int failed = system(clm_text(&scope, "rm -r '%s'", folder));
    clm_scope_end(&scope);
    return failed;
}

static bool device_exists(void)
{
    bool right = false;
    return work_with_fault("", FAULT_NONE, 0, &right) == CLM_OK ||
           clm_error_last()->kind != CLM_ERROR_NO_DEVICE;
}

/* Runs the work in a child that fails at the n-th allocation; returns its exit status and the
 * number of allocations it came to. The parent has not touched OpenCL yet, so that it may fork. */
static int allocation_fails(size_t n, size_t *calls, char *message, size_t size)
{
    int ends[2];
    size_t *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], 2);
        bool right = false;
        const clm_status status = work_with_fault("", FAULT_ALLOCATION, n, &right);
        *shared = fault_calls();
        if (status != CLM_OK) clm_error_print(stderr);
        _exit(status == CLM_OK && right ? 0 : clm_error_last()->kind == CLM_ERROR_OOM ? 1 : 2);
    }
    (void)close(ends[1]);
    memset(message, 0, size);
    for (size_t used = 0; used + 1 < size;) {
        const ssize_t got = read(ends[0], message + used, size - 1 - used);
        if (got <= 0) break;
        used += (size_t)got;
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    *calls = *shared;
    (void)munmap(shared, sizeof *shared);
    return WEXITSTATUS(status);
}

/* Property: whichever host allocation fails, the process says so and ends with status 1. */
static void failing_allocations_are_named(void **state)
{
    (void)state;
    size_t calls = 0, unused = 0;
    char message[4096];
    /* The first run also probes the device, the second counts what all further ones allocate. */
    (void)allocation_fails(0, &calls, message, sizeof message);
    if (strstr(message, "there is no OpenCL device") != NULL) skip();
    assert_int_equal(allocation_fails(0, &calls, message, sizeof message), 0);
    assert_true(calls > 20);
    for (size_t n = 1; n <= calls; n++) {
        assert_int_equal(allocation_fails(n, &unused, message, sizeof message), 1);
        assert_non_null(strstr(message, "out of memory on the host"));
    }
}

static bool one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0) return true;
    return false;
}

/* Fails each OpenCL call in turn. `optional`: calls whose answer the runtime can do without. */
static void fail_each_call(const char *cache, const char *const *optional)
{
    clm_scope scope = {0};
    size_t n = 1, named = 0;
    for (bool more = true; more; n++) {
        bool right = false;
        const clm_status status = work_with_fault(cache, FAULT_OPENCL, n, &right);
        const char *name = fault_hit();
        more = name != NULL;
        if (status == CLM_OK) {
            assert_true(right);
            if (more && !one_of(name, optional)) fail_msg("call %zu, %s, fails unseen", n, name);
        } else {
            assert_true(more);
            const char *expected = clm_text(&scope, "%s: CL_OUT_OF_HOST_MEMORY (-6)", name);
            if (strncmp(clm_error_last()->what, expected, strlen(expected)) != 0)
                fail_msg("call %zu, %s, is named \"%s\"", n, name, clm_error_last()->what);
            assert_true(clm_error_last()->during[0] != '\0');
            assert_int_equal(clm_error_last()->code, FAULT_CODE);
            named++;
        }
        assert_int_equal(fault_live_objects(), 0);
    }
    assert_true(named >= 20);
    clm_scope_end(&scope);
}

static void failing_calls_are_named(void **state)
{
    (void)state;
    if (!device_exists()) skip();
    const char *const optional[] = {"clGetDeviceInfo", NULL};
    fail_each_call("", optional);
}

/* Property: with a cache, a binary that cannot be read, loaded or built is built from source. */
static void failing_cache_calls_fall_back(void **state)
{
    (void)state;
    if (!device_exists()) skip();
    const char *const optional[] = {"clGetDeviceInfo", "clGetProgramInfo",
                                    "clCreateProgramWithBinary", "clBuildProgram", NULL};
    bool right = false;
    assert_ok(work_with_fault(NULL, FAULT_NONE, 0, &right));
    assert_true(right);
    fail_each_call(NULL, optional);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_allocations_are_named),
        cmocka_unit_test(failing_calls_are_named),
        cmocka_unit_test(failing_cache_calls_fall_back),
    };
    return cmocka_run_group_tests(tests, private_cache, remove_cache);
}
