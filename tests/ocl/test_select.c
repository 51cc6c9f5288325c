/* --device against whatever devices this machine has. */
#include "base/text.h"
#include "ocl/ocl.h"
#include "unit.h"

#include <ctype.h>
#include <string.h>

typedef struct fixture {
    clm_scope scope;
    const clm_device *devices;
    size_t count;
} fixture;

static int list(void **state)
{
    static fixture f;
    f = (fixture){0};
    *state = &f;
    (void)clm_devices(&f.scope, &f.devices, &f.count);
    return 0;
}

static int forget(void **state)
{
    clm_scope_end(&((fixture *)*state)->scope);
    return 0;
}

static fixture *devices_of(void **state)
{
    fixture *f = *state;
    if (f->count == 0) skip();
    return f;
}

/* Property: what `selector` means are the devices that `fits` says, in the order of the list. */
static void assert_selects(fixture *f, const char *selector, const bool *fits)
{
    const clm_device *chosen = NULL;
    size_t count = 0, next = 0;
    assert_ok(clm_devices_select(&f->scope, selector, &chosen, &count));
    for (size_t i = 0; i < f->count; i++) {
        if (!fits[i]) continue;
        assert_true(next < count);
        assert_string_equal(chosen[next++].id, f->devices[i].id);
    }
    assert_int_equal(next, count);
}

static void devices_are_described(void **state)
{
    const fixture *f = devices_of(state);
    for (size_t i = 0; i < f->count; i++) {
        const clm_device *d = &f->devices[i];
        assert_true(d->name[0] != '\0' && d->platform[0] != '\0' && d->driver[0] != '\0');
        assert_true(strncmp(d->id, "pci:", 4) == 0 || strncmp(d->id, "uuid:", 5) == 0 ||
                    strncmp(d->id, "name:", 5) == 0);
        assert_int_equal(strlen(d->key), 16);
        assert_true(d->compute_units >= 1 && d->vector_width >= 1 && d->max_work_group >= 1);
        assert_true(d->max_allocation_bytes <= d->memory_bytes && d->max_allocation_bytes > 0);
        assert_true(d->local_bytes > 0 && d->base_align_bytes > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(d->id, f->devices[j].id);
    }
}

static void ids_and_fragments_select(void **state)
{
    fixture *f = devices_of(state);
    bool *fits = clm_alloc_array(&f->scope, f->count, sizeof *fits);
    for (size_t i = 0; i < f->count; i++) {
        fits[i] = true;
        assert_selects(f, f->devices[i].id, fits);
        assert_selects(f, clm_text(&f->scope, " %s ,%s", f->devices[i].id, f->devices[i].id), fits);
        fits[i] = false;
    }
    char *fragment = clm_text(&f->scope, "%.6s", f->devices[0].platform);
    for (char *c = fragment; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    for (size_t i = 0; i < f->count; i++)
        fits[i] = strncasecmp(f->devices[i].platform, fragment, strlen(fragment)) == 0;
    assert_selects(f, fragment, fits);
    for (size_t i = 0; i < f->count; i++)
        fits[i] = true;
    assert_selects(f, "all", fits);
    assert_selects(f, "ALL", fits);
}

static void classes_select(void **state)
{
    fixture *f = devices_of(state);
    static const struct {
        const char *name;
        int device_class;
    } classes[] = {{"cpu", CLM_CPU}, {"gpu", CLM_GPU}, {"accelerator", CLM_ACCELERATOR}};
    bool *fits = clm_alloc_array(&f->scope, f->count, sizeof *fits);
    for (size_t c = 0; c < 3; c++) {
        size_t expected = 0;
        for (size_t i = 0; i < f->count; i++)
            expected += fits[i] = f->devices[i].device_class == classes[c].device_class;
        if (expected > 0) {
            assert_selects(f, classes[c].name, fits);
            continue;
        }
        const clm_device *chosen = NULL;
        size_t count = 0;
        assert_int_equal(clm_devices_select(&f->scope, classes[c].name, &chosen, &count), CLM_FAIL);
    }
}

/* Property: no selector means one device, a GPU if there is any, else a CPU if there is any. */
static void without_a_selector_one_is_preferred(void **state)
{
    fixture *f = devices_of(state);
    const clm_device *chosen = NULL;
    size_t count = 0;
    assert_ok(clm_devices_select(&f->scope, NULL, &chosen, &count));
    assert_int_equal(count, 1);
    int classes = 0;
    for (size_t i = 0; i < f->count; i++)
        classes |= f->devices[i].device_class;
    const int best = (classes & CLM_GPU) != 0   ? CLM_GPU
                     : (classes & CLM_CPU) != 0 ? CLM_CPU
                                                : CLM_ACCELERATOR;
    assert_int_equal(chosen[0].device_class, best);
}

static void what_fits_nothing_is_explained(void **state)
{
    fixture *f = devices_of(state);
    const clm_device *chosen = NULL;
    size_t count = 0;
    assert_int_equal(clm_devices_select(&f->scope, "acelerator", &chosen, &count), CLM_FAIL);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_USAGE);
    assert_non_null(strstr(clm_error_last()->advice, "\"accelerator\""));
    assert_non_null(strstr(clm_error_last()->what, f->devices[0].id));
    assert_int_equal(clm_devices_select(&f->scope, "all,", &chosen, &count), CLM_FAIL);
    assert_int_equal(clm_devices_select(&f->scope, "", &chosen, &count), CLM_FAIL);
}

static void bits_have_words(void **state)
{
    (void)state;
    for (uint32_t bit = 1; bit <= CLM_QUIRK_BARRIER_LOOPS; bit *= 2)
        assert_non_null(clm_quirk_about(bit));
    assert_null(clm_quirk_about(2 * CLM_QUIRK_BARRIER_LOOPS));
    for (uint32_t bit = 1; bit <= CLM_FEATURE_SHUFFLE; bit *= 2)
        assert_non_null(clm_feature_name(bit));
    assert_null(clm_feature_name(2 * CLM_FEATURE_SHUFFLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_are_described, list, forget),
        cmocka_unit_test_setup_teardown(ids_and_fragments_select, list, forget),
        cmocka_unit_test_setup_teardown(classes_select, list, forget),
        cmocka_unit_test_setup_teardown(without_a_selector_one_is_preferred, list, forget),
        cmocka_unit_test_setup_teardown(what_fits_nothing_is_explained, list, forget),
        cmocka_unit_test(bits_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
