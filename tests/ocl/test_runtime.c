/* Programs, kernels, arguments, buffers and views on the first device there is, and its threads. */
#define _GNU_SOURCE /* sched_getaffinity of a thread */
#include "base/philox.h"
#include "ocl/runtime.h"
#include "unit.h"

#include <glob.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const clm_source source = {
    "runtime_test",
    "__kernel void draw(__global uint *RST words, __global float *RST uniform, int seed)\n"
    "{\n"
    "    const uint i = get_global_id(0);\n"
    "    const uint4 drawn = clm_philox(i, 7u, CLM_STREAM_MASK, 2u, seed);\n"
    "    vstore4(drawn, i, words);\n"
    "    uniform[2 * i] = clm_uniform(drawn.x);\n"
    "    uniform[2 * i + 1] = (float)clm_uniform_below(drawn.y, 1000u);\n"
    "}\n"
    "__kernel void scale(__global float *RST x, __global const float *RST add, float by,\n"
    "                    __local float *tile)\n"
    "{\n"
    "    const int i = get_global_id(0), l = get_local_id(0);\n"
    "    tile[l] = x[i];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    x[i] = by * tile[get_local_size(0) - 1 - l] + (add == 0 ? 0.0f : add[i]);\n"
    "}\n",
};

typedef struct fixture {
    clm_scope scope;
    clm_context *context;
} fixture;

static int open_device(void **state)
{
    static fixture f;
    f = (fixture){0};
    *state = &f;
    const clm_device *devices = NULL;
    size_t count = 0;
    if (clm_devices_select(&f.scope, NULL, &devices, &count) != CLM_OK) {
        clm_error_print(stderr);
        return clm_error_last()->kind == CLM_ERROR_NO_DEVICE ? 0 : -1;
    }
    const clm_context_options options = {.cache = ""};
    return clm_context_open(&f.scope, &devices[0], &options, &f.context) == CLM_OK ? 0 : -1;
}

static int close_device(void **state)
{
    clm_scope_end(&((fixture *)*state)->scope);
    return 0;
}

static fixture *device_of(void **state)
{
    fixture *f = *state;
    if (f->context == NULL) skip();
    return f;
}

/* Property: a device draws the words of the host, and turns them into the same floats. */
static void philox_is_the_same_on_the_device(void **state)
{
    enum { COUNT = 513, SEED = 12345 };
    fixture *f = device_of(state);
    clm_buffer *words = NULL, *uniform = NULL;
    clm_kernel *kernel = NULL;
    assert_ok(clm_buffer_new(f->context, &f->scope, "words", 4 * COUNT * sizeof(uint32_t), &words));
    assert_ok(
        clm_buffer_new(f->context, &f->scope, "uniform", 2 * COUNT * sizeof(float), &uniform));
    assert_ok(clm_kernel_new(f->context, &f->scope, &source, "draw", NULL, &kernel));
    assert_ok(clm_kernel_arg_buffer(kernel, 0, words));
    assert_ok(clm_kernel_arg_buffer(kernel, 1, uniform));
    assert_ok(clm_kernel_arg_i32(kernel, 2, SEED));
    assert_ok(clm_kernel_launch(kernel, &(clm_range){.global = {COUNT}}));
    static uint32_t drawn[4 * COUNT];
    static float floats[2 * COUNT];
    assert_ok(clm_buffer_read(words, 0, drawn, sizeof drawn));
    assert_ok(clm_buffer_read(uniform, 0, floats, sizeof floats));
    for (uint32_t i = 0; i < COUNT; i++) {
        const clm_philox expected = clm_philox_draw(i, 7, CLM_STREAM_MASK, 2, SEED);
        assert_memory_equal(drawn + 4 * i, expected.word, sizeof expected.word);
        const float values[2] = {clm_uniform(expected.word[0]),
                                 (float)clm_uniform_below(expected.word[1], 1000)};
        assert_memory_equal(floats + 2 * i, values, sizeof values);
    }
}

/* Property: views address their part of the buffer, a view of a view adds its offset, and null
 * buffers and local memory reach the kernel. */
static void kernels_take_views_null_and_local(void **state)
{
    fixture *f = device_of(state);
    const size_t align = clm_context_device(f->context)->base_align_bytes;
    const size_t count = 4 * align / sizeof(float), part = align / sizeof(float);
    clm_buffer *all = NULL, *half = NULL, *quarter = NULL, *empty = NULL;
    assert_ok(clm_buffer_new(f->context, &f->scope, "all", 4 * align, &all));
    assert_ok(clm_buffer_view(&f->scope, all, 2 * align, 2 * align, &half));
    assert_ok(clm_buffer_view(&f->scope, half, align, align, &quarter));
    assert_ok(clm_buffer_view(&f->scope, half, 0, 0, &empty));
    assert_int_equal(clm_context_bytes(f->context), 4 * align);
    float *x = clm_alloc_array(&f->scope, count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)i;
    assert_ok(clm_buffer_write(all, 0, x, 4 * align));

    clm_kernel *kernel = NULL;
    assert_ok(clm_kernel_new(f->context, &f->scope, &source, "scale", "-DVEC=4", &kernel));
    assert_ok(clm_kernel_arg_buffer(kernel, 0, quarter));
    assert_ok(clm_kernel_arg_buffer(kernel, 1, NULL));
    assert_ok(clm_kernel_arg_f32(kernel, 2, 3));
    const size_t local = part < 32 ? part : 32;
    assert_ok(clm_kernel_arg_local(kernel, 3, local * sizeof(float)));
    clm_events_start(f->context);
    assert_ok(clm_kernel_launch(kernel, &(clm_range){{part}, {local}}));
    assert_ok(clm_finish(f->context));
    double queued, start, end;
    assert_int_equal(clm_events_count(f->context), 1);
    assert_ok(clm_events_ns(f->context, 0, &queued, &start, &end));
    assert_true(queued <= start && start <= end);

    assert_ok(clm_buffer_read(all, 0, x, 4 * align));
    for (size_t i = 0; i < count; i++) {
        const size_t in_group = i % local;
        const size_t from = i - in_group + local - 1 - in_group;
        const float expected = i < 3 * part ? (float)i : 3 * (float)from;
        assert_true(x[i] == expected);
    }
}

static void build_errors_name_the_line(void **state)
{
    fixture *f = device_of(state);
    const clm_source broken = {"broken",
                               "\n\n__kernel void k(__global int *x) { x[0] = missing; }\n"};
    clm_kernel *kernel = NULL;
    assert_int_equal(clm_kernel_new(f->context, &f->scope, &broken, "k", NULL, &kernel), CLM_FAIL);
    const clm_error *error = clm_error_last();
    assert_non_null(strstr(error->what, "CL_BUILD_PROGRAM_FAILURE (-11)"));
    assert_non_null(strstr(error->what, "cl/broken/broken.cl:3"));
    assert_non_null(strstr(error->what, "missing"));
    assert_int_equal(error->code, -11);
}

static void too_large_buffers_are_refused(void **state)
{
    fixture *f = device_of(state);
    clm_buffer *buffer = NULL;
    const uint64_t bytes = clm_context_device(f->context)->max_allocation_bytes + 1;
    assert_int_equal(clm_buffer_new(f->context, &f->scope, "huge", bytes, &buffer), CLM_FAIL);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_TOO_LARGE);
    assert_non_null(strstr(clm_error_last()->what, "huge"));
}

/* The probes of matrix units compare with products that the host computes; so must their emulation,
 * where there is no such unit: else a probe would fail on a device that has one. */
static void probes_are_right_in_emulation(void **state)
{
    const clm_device *device = clm_context_device(device_of(state)->context);
    for (uint32_t bit = CLM_FEATURE_PTX; clm_feature_name(bit) != NULL; bit <<= 1)
        if (!clm_probe_works(device, bit, true)) fail_msg("%s", clm_feature_name(bit));
}

/* Property: PoCL's threads, where there are as many as processors, have one each, which is that of no
 * other. Threads of other origin may go anywhere. */
static void threads_have_processors_of_their_own(void **state)
{
    const clm_device *device = clm_context_device(device_of(state)->context);
    const char *asked = getenv("POCL_AFFINITY");
    cpu_set_t all, settled, one;
    if (strstr(device->id, "pthread") == NULL || asked == NULL || strcmp(asked, "1") != 0 ||
        sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2 ||
        CPU_COUNT(&all) != (int)device->compute_units)
        skip();
    CPU_ZERO(&settled);
    glob_t threads = {0};
    assert_int_equal(glob("/proc/self/task/*", GLOB_NOSORT, NULL, &threads), 0);
    for (size_t i = 0; i < threads.gl_pathc; i++) {
        const int id = atoi(strrchr(threads.gl_pathv[i], '/') + 1);
        if (sched_getaffinity(id, sizeof one, &one) == 0 && CPU_COUNT(&one) == 1)
            CPU_OR(&settled, &settled, &one);
    }
    globfree(&threads);
    assert_true(CPU_EQUAL(&settled, &all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(philox_is_the_same_on_the_device, open_device,
                                        close_device),
        cmocka_unit_test_setup_teardown(kernels_take_views_null_and_local, open_device,
                                        close_device),
        cmocka_unit_test_setup_teardown(build_errors_name_the_line, open_device, close_device),
        cmocka_unit_test_setup_teardown(too_large_buffers_are_refused, open_device, close_device),
        cmocka_unit_test_setup_teardown(probes_are_right_in_emulation, open_device, close_device),
        cmocka_unit_test_setup_teardown(threads_have_processors_of_their_own, open_device,
                                        close_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
