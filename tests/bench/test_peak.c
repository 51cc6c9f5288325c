/* Measuring the roofs of a device, in little time: figures are rough, the rest is as it is. */
#include "base/text.h"
#include "bench/peak.h"
#include "bench/sample.h"
#include "device.h"

#include <math.h>
#include <string.h>

static bool without_times(const fixture *f)
{
    return f->context == NULL || (clm_context_device(f->context)->quirks & CLM_QUIRK_EMULATED) != 0;
}

/* Every roof there is, each with a value and its interval or a reason. */
static void assert_complete(const clm_roofs *roofs)
{
    size_t of_kind[CLM_PEAK_KINDS] = {0};
    for (size_t i = 0; i < roofs->count; i++) {
        const clm_peak *peak = &roofs->peak[i];
        of_kind[peak->kind]++;
        if (strcmp(peak->status, "ok") != 0) assert_non_null(peak->reason);
        if (strcmp(peak->status, "unsupported") == 0) {
            assert_true(isnan(peak->median));
            continue;
        }
        assert_true(peak->median > 0 && peak->low <= peak->median && peak->median <= peak->high);
        assert_true(peak->samples >= 5);
    }
    for (int kind = 0; kind < CLM_PEAK_KINDS; kind++)
        assert_true(of_kind[kind] > 0);
}

/* Property: products on matrix units are right, emulated where there are none. */
static void assert_products(const clm_roofs *roofs)
{
    size_t products = 0;
    for (size_t i = 0; i < roofs->count; i++) {
        const clm_peak *peak = &roofs->peak[i];
        if (strcmp(peak->of, "tf32") != 0 && strcmp(peak->of, "bf16") != 0) continue;
        products++;
        if (strcmp(peak->status, "unsupported") == 0) fail_msg("%s: %s", peak->of, peak->reason);
    }
    assert_int_equal(products, 2);
}

static void test_all_roofs_are_measured(void **state)
{
    fixture *f = *state;
    if (without_times(f)) skip();
    const clm_peak_options options = {.budget_s = 0.1, .emulate = true};
    const clm_roofs *roofs;
    const clm_status status = clm_peak_measure(&f->scope, f->context, &options, &roofs);
    if (status != CLM_OK) fail_msg("%s", clm_error_last()->what);
    assert_string_equal(roofs->key, clm_context_device(f->context)->key);
    assert_complete(roofs);
    assert_products(roofs);
    const clm_work small = {.flops = 1e9, .bytes = 1e9, .footprint_bytes = 1 << 20, .launches = 1};
    clm_work large = small;
    large.footprint_bytes = 1e15;
    const clm_roof in_cache = clm_roof_of(roofs, &small), in_memory = clm_roof_of(roofs, &large);
    assert_true(in_cache.compute_ns > 0 && in_memory.bandwidth_ns > 0 && in_cache.launch_ns > 0);
}

static void test_emulators_are_not_measured(void **state)
{
    fixture *f = *state;
    if (f->context == NULL) skip();
    clm_device emulated = *clm_context_device(f->context);
    emulated.quirks |= CLM_QUIRK_EMULATED;
    clm_scope scope = {0};
    clm_context *context;
    const clm_peak_options options = {.budget_s = 0.1};
    const clm_roofs *roofs;
    assert_int_equal(clm_context_open(&scope, &emulated, NULL, &context), CLM_OK);
    assert_int_equal(clm_peak_measure(&scope, context, &options, &roofs), CLM_SKIP);
    clm_scope_end(&scope);
}

/* --- timers and samples --- */

static const clm_source source = {
    "sample_test", "__kernel void k(__global uint *x, int rounds)\n"
                   "{\n"
                   "    uint y = x[0];\n"
                   "    for (int i = 0; i < rounds; i++) y = y * 1664525u + (y >> 16);\n"
                   "    x[0] = y;\n"
                   "}\n"};

static clm_status launch(void *kernel) { return clm_kernel_launch(kernel, &(clm_range){{1}, {1}}); }

static double least_of(fixture *f, clm_kernel *kernel, const clm_timer *timer)
{
    const clm_sampling how = {.least = 5, .most = 5};
    clm_samples samples;
    assert_int_equal(clm_samples_take(&f->scope, f->context, timer, &(clm_timed){launch, kernel},
                                      &how, &samples),
                     CLM_OK);
    assert_int_equal(samples.n, 5);
    double least = samples.ns[0];
    for (size_t i = 1; i < samples.n; i++)
        least = fmin(least, samples.ns[i]);
    return least;
}

/* Property: four times the work takes about four times the time, by events where they can be trusted
 * and by the wall slope everywhere. Bounds are wide, and it may take tries: other work runs beside. */
static void test_samples_follow_the_work(void **state)
{
    fixture *f = *state;
    if (without_times(f)) skip();
    clm_timer timers[2] = {{.events = false}};
    clm_kernel *kernel;
    clm_buffer *x;
    assert_int_equal(clm_timer_audit(f->context, &timers[1]), CLM_OK);
    assert_int_equal(clm_kernel_new(f->context, &f->scope, &source, "k", "", &kernel), CLM_OK);
    assert_int_equal(clm_buffer_new(f->context, &f->scope, "test", 4, &x), CLM_OK);
    assert_int_equal(clm_buffer_fill(x, 0, 1, 4), CLM_OK);
    assert_int_equal(clm_kernel_arg_buffer(kernel, 0, x), CLM_OK);
    for (size_t i = 0; i < 2; i++) {
        bool follow = false;
        for (int tries = 0; tries < 5 && !follow; tries++) {
            assert_int_equal(clm_kernel_arg_i32(kernel, 1, 15000), CLM_OK);
            const double once = least_of(f, kernel, &timers[i]);
            assert_int_equal(clm_kernel_arg_i32(kernel, 1, 60000), CLM_OK);
            const double four_times = least_of(f, kernel, &timers[i]);
            follow = four_times > 2 * once && four_times < 8 * once;
        }
        assert_true(follow);
    }
}

static void test_events_that_lie_are_not_used(void **state)
{
    fixture *f = *state;
    if (f->context == NULL) skip();
    clm_device lying = *clm_context_device(f->context);
    lying.quirks |= CLM_QUIRK_FAKE_EVENTS;
    clm_scope scope = {0};
    clm_context *context;
    clm_timer timer = {.events = true};
    assert_int_equal(clm_context_open(&scope, &lying, NULL, &context), CLM_OK);
    assert_int_equal(clm_timer_audit(context, &timer), CLM_OK);
    assert_false(timer.events);
    assert_non_null(strstr(timer.about, "wall slope: "));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_roofs_are_measured),
        cmocka_unit_test(test_emulators_are_not_measured),
        cmocka_unit_test(test_samples_follow_the_work),
        cmocka_unit_test(test_events_that_lie_are_not_used),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
