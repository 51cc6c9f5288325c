/* Roofs: the file they are kept in, and which of them binds. */
#include "base/text.h"
#include "bench/roofs.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A made-up device: 200 Gflop/s, 2 Gexp/s, reads 400 GB/s at 1 MiB falling to 25 GB/s at 16 MiB,
 * where a copy does 30, and 2 us per launch. The f16 rate is implausible, f64 is unsupported. */
static clm_peak made_up[] = {
    {CLM_PEAK_FMA, "f32", 0, "ok", NULL, 200, 195, 205, 20, "float16 x 24"},
    {CLM_PEAK_FMA, "bf16", 0, "ok", NULL, 800, 790, 810, 20, NULL},
    {CLM_PEAK_FMA, "f16", 0, "implausible", "beyond the tensor cores", 9e9, 9e9, 9e9, 5, NULL},
    {CLM_PEAK_FMA, "f64", 0, "unsupported", "no fp64", NAN, NAN, NAN, 0, NULL},
    {CLM_PEAK_EXP, "exp", 0, "ok", NULL, 1, 1, 1, 20, NULL},
    {CLM_PEAK_EXP, "clm_exp", 0, "ok", NULL, 2, 2, 2, 20, NULL},
    {CLM_PEAK_READ, "", 1 << 24, "ok", NULL, 25, 24, 26, 20, NULL},
    {CLM_PEAK_READ, "", 1 << 20, "ok", NULL, 400, 390, 410, 20, NULL},
    {CLM_PEAK_COPY, "", 1 << 20, "ok", NULL, 300, 290, 310, 20, NULL},
    {CLM_PEAK_COPY, "", 1 << 24, "ok", NULL, 30, 29, 31, 20, NULL},
    {CLM_PEAK_UPDATE, "", 1 << 24, "ok", NULL, 40, 39, 41, 20, NULL},
    {CLM_PEAK_LAUNCH_LATENCY, "", 0, "ok", NULL, 20000, 19000, 21000, 20, NULL},
    {CLM_PEAK_LAUNCH_INTERVAL, "", 0, "ok", NULL, 2000, 1900, 2100, 20, NULL},
};

static const clm_roofs device = {.key = "0123456789abcdef",
                                 .device = "a \"device\"",
                                 .measured = "2030-01-31T23:59:59Z",
                                 .timer = "events",
                                 .peak = made_up,
                                 .count = sizeof made_up / sizeof *made_up};

static void assert_close(double got, double expected)
{
    assert_true(fabs(got - expected) <= 1e-9 * fabs(expected));
}

static void test_the_roof_that_takes_longest_binds(void **state)
{
    (void)state;
    const clm_work heavy = {.flops = 2e9, .bytes = 1e6, .launches = 1};
    clm_roof roof = clm_roof_of(&device, &heavy);
    assert_string_equal(roof.bound, "compute");
    assert_close(roof.least_ns, 1e7);
    const clm_work streaming = {.flops = 2e6, .bytes = 1 << 28, .launches = 1};
    roof = clm_roof_of(&device, &streaming);
    assert_string_equal(roof.bound, "bandwidth");
    assert_close(roof.least_ns, (1 << 28) / 30.0);
    assert_close(roof.compute_ns, 1e4);
    const clm_work small = {.flops = 1000, .bytes = 4000, .launches = 3};
    roof = clm_roof_of(&device, &small);
    assert_string_equal(roof.bound, "launch");
    assert_close(roof.least_ns, 6000);
}

/* Property: bytes of a small footprint come from the cache however often they are read. */
static void test_the_footprint_says_which_bandwidth(void **state)
{
    (void)state;
    clm_work work = {.bytes = 1e9, .footprint_bytes = 1 << 20};
    assert_close(clm_roof_of(&device, &work).gbytes, 400);
    work.footprint_bytes = 1 << 10; /* below what was measured */
    assert_close(clm_roof_of(&device, &work).gbytes, 400);
    work.footprint_bytes = 1 << 22; /* half way, in logarithms: sqrt(400 * 25) */
    assert_close(clm_roof_of(&device, &work).gbytes, 100);
    work.footprint_bytes = 0; /* as many as bytes, beyond what was measured */
    assert_close(clm_roof_of(&device, &work).gbytes, 30);
    work.in_place = true; /* half of the lines are not moved */
    assert_close(clm_roof_of(&device, &work).gbytes, 40);
}

static void test_the_precision_says_which_rate(void **state)
{
    (void)state;
    clm_work work = {.flops = 1e9, .precision = "bf16"};
    assert_close(clm_roof_of(&device, &work).compute_ns, 1e9 / 800);
    work.precision = "f16"; /* implausible: computed in f32 as far as is known */
    assert_close(clm_roof_of(&device, &work).compute_ns, 1e9 / 200);
    work.precision = NULL;
    work.exps = 4e8;
    assert_close(clm_roof_of(&device, &work).compute_ns, 6e8 / 200 + 4e8 / 2);
}

static void test_nothing_measured_binds_nothing(void **state)
{
    (void)state;
    const clm_work work = {.flops = 1e9, .bytes = 1e6, .launches = 1};
    const clm_roof none = clm_roof_of(NULL, &work);
    assert_null(none.bound);
    assert_true(isnan(none.least_ns));
    const clm_roofs compute_only = {.peak = made_up, .count = 1};
    const clm_roof one = clm_roof_of(&compute_only, &work);
    assert_string_equal(one.bound, "compute");
    assert_true(isnan(one.bandwidth_ns));
}

/* --- the file --- */

typedef struct fixture {
    clm_scope scope;
    char *folder;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    *state = &f;
    f.folder = clm_text(&f.scope, "/tmp/clmoe-test-roofs-XXXXXX");
    if (mkdtemp(f.folder) == NULL) return -1;
    return setenv("XDG_CACHE_HOME", f.folder, 1);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    const int failed = system(clm_text(&f->scope, "rm -r '%s'", f->folder));
    clm_scope_end(&f->scope);
    return failed;
}

static void assert_same_number(double got, double expected)
{
    assert_true(isnan(expected) ? isnan(got) : got == expected);
}

static void assert_same_text(const char *got, const char *expected)
{
    if (expected == NULL)
        assert_null(got);
    else
        assert_string_equal(got, expected);
}

/* Property: what was kept is what is loaded, unknown values and reasons included. */
static void test_kept_roofs_are_loaded_again(void **state)
{
    fixture *f = *state;
    clm_device described = {.key = "0123456789abcdef"};
    assert_null(clm_roofs_load(&f->scope, &described));
    const char *path;
    assert_int_equal(clm_roofs_keep(&f->scope, &device, &path), CLM_OK);
    const clm_roofs *got = clm_roofs_load(&f->scope, &described);
    assert_non_null(got);
    assert_string_equal(got->path, path);
    assert_string_equal(got->device, device.device);
    assert_string_equal(got->measured, device.measured);
    assert_string_equal(got->timer, device.timer);
    assert_int_equal(got->count, device.count);
    for (size_t i = 0; i < got->count; i++) {
        const clm_peak *a = &got->peak[i], *b = &made_up[i];
        assert_int_equal(a->kind, b->kind);
        assert_same_text(a->of, b->of);
        assert_same_text(a->status, b->status);
        assert_same_text(a->reason, b->reason);
        assert_same_text(a->how, b->how);
        assert_same_number(a->bytes, b->bytes);
        assert_same_number(a->median, b->median);
        assert_same_number(a->low, b->low);
        assert_same_number(a->high, b->high);
        assert_int_equal(a->samples, b->samples);
    }
    described.key[0] = 'f';
    assert_null(clm_roofs_load(&f->scope, &described));
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A file cut short, of another device or another version is as good as none. */
static void test_what_is_no_file_of_roofs_is_refused(void **state)
{
    fixture *f = *state;
    const char *path;
    const clm_roofs *roofs;
    assert_int_equal(clm_roofs_keep(&f->scope, &device, &path), CLM_OK);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(clm_roofs_read(&f->scope, path, &roofs), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, path));
    write_text(path, "{\"schema\": 0, \"device_key\": \"0123456789abcdef\", \"roofs\": []}");
    assert_int_equal(clm_roofs_read(&f->scope, path, &roofs), CLM_FAIL);
    write_text(path, "{\"schema\": 1, \"device_key\": \"0123456789abcdee\", \"roofs\": []}");
    assert_null(clm_roofs_load(&f->scope, &(clm_device){.key = "0123456789abcdef"}));
    write_text(path, "{\"schema\": 1, \"device_key\": \"0123456789abcdef\", \"roofs\": "
                     "[{\"roof\": \"speed\", \"of\": \"\", \"status\": \"ok\"}]}");
    assert_int_equal(clm_roofs_read(&f->scope, path, &roofs), CLM_FAIL);
}

static void test_a_cache_that_cannot_be_written_is_named(void **state)
{
    fixture *f = *state;
    const char *path;
    write_text(clm_text(&f->scope, "%s/clmoe", f->folder), "in the way");
    assert_int_equal(clm_roofs_keep(&f->scope, &device, &path), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, f->folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_roof_that_takes_longest_binds),
        cmocka_unit_test(test_the_footprint_says_which_bandwidth),
        cmocka_unit_test(test_the_precision_says_which_rate),
        cmocka_unit_test(test_nothing_measured_binds_nothing),
        cmocka_unit_test_setup_teardown(test_kept_roofs_are_loaded_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_of_roofs_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_cache_that_cannot_be_written_is_named, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
