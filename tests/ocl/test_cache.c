/* The program cache: used when sound, ignored when damaged, and the only source with --binaries. */
#include "base/text.h"
#include "ocl/ocl.h"
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const clm_source source = {
    "cache_test", "__kernel void k(__global int *x) { x[get_global_id(0)] = 41 + NUMBER; }\n"};

typedef struct fixture {
    clm_scope scope;
    const clm_device *device;
    char *folder;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    *state = &f;
    size_t count = 0;
    if (clm_devices_select(&f.scope, NULL, &f.device, &count) != CLM_OK) f.device = NULL;
    f.folder = clm_text(&f.scope, "/tmp/clmoe-test-cache-XXXXXX");
    return mkdtemp(f.folder) == NULL ? -1 : 0;
}

/* The only program of the folder; null when there is none. Fails on a second. */
static char *only_file(fixture *f)
{
    DIR *folder = opendir(f->folder);
    char *path = NULL;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".bin") == NULL || strstr(entry->d_name, ".once") != NULL)
            continue;
        assert_null(path);
        path = clm_text(&f->scope, "%s/%s", f->folder, entry->d_name);
    }
    (void)closedir(folder);
    return path;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    const int failed = system(clm_text(&f->scope, "rm -r '%s'", f->folder));
    clm_scope_end(&f->scope);
    return failed;
}

static clm_status run(const clm_device *device, const clm_context_options *options,
                      clm_scope *scope, int32_t *value)
{
    clm_context *context = NULL;
    clm_kernel *kernel = NULL;
    clm_buffer *x = NULL;
    CLM_TRY(clm_context_open(scope, device, options, &context));
    CLM_TRY(clm_kernel_new(context, scope, &source, "k", "-DNUMBER=1", &kernel));
    CLM_TRY(clm_buffer_new(context, scope, "x", sizeof *value, &x));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 0, x));
    CLM_TRY(clm_kernel_launch(kernel, &(clm_range){.global = {1}}));
    return clm_buffer_read(x, 0, value, sizeof *value);
}

static clm_status value_with(const fixture *f, const clm_context_options *options, int32_t *value)
{
    clm_scope scope = {0};
    *value = 0;
    const clm_status status = run(f->device, options, &scope, value);
    clm_scope_end(&scope);
    return status;
}

static fixture *cached_device(void **state)
{
    fixture *f = *state;
    if (f->device == NULL || (f->device->quirks & CLM_QUIRK_NO_BINARY_CACHE) != 0) skip();
    return f;
}

static long size_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    (void)fclose(file);
    return size;
}

static void damage(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    (void)fseek(file, at, SEEK_SET);
    const int byte = fgetc(file);
    (void)fseek(file, at, SEEK_SET);
    (void)fputc(byte ^ 0x55, file);
    (void)fclose(file);
}

/* Property: whatever happens to a cache entry, the result is right and the entry is whole again. */
static void damaged_entries_are_rebuilt(void **state)
{
    fixture *f = cached_device(state);
    const clm_context_options options = {.cache = f->folder}, alone = {.binaries = f->folder};
    int32_t value;
    assert_ok(value_with(f, &options, &value));
    assert_int_equal(value, 42);
    assert_null(only_file(f)); /* what is built once is not kept */
    assert_ok(value_with(f, &options, &value));
    const char *path = only_file(f);
    assert_non_null(path);
    const long size = size_of(path);
    assert_ok(value_with(f, &options, &value));
    assert_int_equal(value, 42);
    const long places[] = {0, 20, 80, 100, size / 2, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        damage(path, places[i]);
        assert_ok(value_with(f, &options, &value));
        assert_int_equal(value, 42);
        assert_ok(value_with(f, &alone, &value)); /* it is whole again */
        assert_int_equal(value, 42);
    }
    const long lengths[] = {0, 10, 81, 82, size - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        assert_ok(value_with(f, &options, &value));
        assert_int_equal(value, 42);
        assert_ok(value_with(f, &alone, &value));
    }
}

static void binaries_ahead_of_time_run_alone(void **state)
{
    fixture *f = cached_device(state);
    const clm_context_options alone = {.binaries = f->folder};
    int32_t value;
    assert_int_equal(value_with(f, &alone, &value), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "there is no usable binary"));
    assert_non_null(strstr(clm_error_last()->advice, "clmoe compile"));
    assert_ok(value_with(f, &(clm_context_options){.cache = "", .save = f->folder}, &value));
    assert_non_null(only_file(f));
    assert_ok(value_with(f, &alone, &value));
    assert_int_equal(value, 42);
}

static void no_cache_leaves_no_file(void **state)
{
    fixture *f = cached_device(state);
    int32_t value;
    assert_ok(value_with(f, &(clm_context_options){.cache = ""}, &value));
    assert_int_equal(value, 42);
    assert_null(only_file(f));
    /* A cache that cannot be written costs time only. */
    const char *unwritable = "/proc/clmoe/cache";
    assert_ok(value_with(f, &(clm_context_options){.cache = unwritable}, &value));
    assert_int_equal(value, 42);
}

static void make_old(int folder, const char *name)
{
    const struct timespec then = {.tv_sec = time(NULL) - 40 * 24 * 3600};
    assert_int_equal(utimensat(folder, name, (const struct timespec[]){then, then}, 0), 0);
}

/* The mark of a program built 40 days ago is removed, so that the second build counts as a first;
 * a file that is no entry stays. */
static void a_month_without_use_removes(void **state)
{
    fixture *f = cached_device(state);
    const clm_context_options options = {.cache = f->folder};
    int32_t value;
    assert_ok(value_with(f, &options, &value));
    const char *foreign = clm_text(&f->scope, "%s/notes", f->folder);
    assert_int_equal(fclose(fopen(foreign, "w")), 0);
    DIR *folder = opendir(f->folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') make_old(dirfd(folder), entry->d_name);
    (void)closedir(folder);
    assert_ok(value_with(f, &options, &value));
    assert_null(only_file(f));
    assert_int_equal(access(foreign, F_OK), 0);
    assert_ok(value_with(f, &options, &value));
    assert_non_null(only_file(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damaged_entries_are_rebuilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(binaries_ahead_of_time_run_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_month_without_use_removes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_cache_leaves_no_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
