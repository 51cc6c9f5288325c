/* Property: whatever the machine, every member is there, and one that is null says why. */
#include "bench/environment.h"
#include "bench/topology.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void assert_complete(const json_t *object, const char *const *names)
{
    const json_t *unknown = json_object_get(object, "unknown");
    for (; *names != NULL; names++) {
        const json_t *value = json_object_get(object, *names);
        if (value == NULL) fail_msg("%s is missing", *names);
        const json_t *reason = json_object_get(unknown, *names);
        if (json_is_null(value) != (reason != NULL)) fail_msg("%s: null needs a reason", *names);
        if (reason != NULL) assert_true(json_string_length(reason) > 5);
    }
}

static void the_host_is_described(void **state)
{
    (void)state;
    assert_int_equal(setenv("POCL_TEST_OF_ENVIRONMENT", "a value", 1), 0);
    json_t *object = clm_environment(NULL);
    const char *const names[] = {"kernel",       "machine",   "governor", "topology",
                                 "limit_cpu",    "load",      "loader",   "variables",
                                 "limit_memory", "commit",    "dirty",    "program_sha256",
                                 "compiler",     "optimised", NULL};
    assert_complete(object, names);
    assert_string_equal(json_string_value(json_object_get(json_object_get(object, "variables"),
                                                          "POCL_TEST_OF_ENVIRONMENT")),
                        "a value");
    assert_int_equal(json_string_length(json_object_get(object, "program_sha256")), 64);
    assert_null(json_object_get(object, "device"));
    json_decref(object);
}

static void devices_are_described(void **state)
{
    (void)state;
    clm_device device = {.id = "name:\"x\"",
                         .key = "0123",
                         .name = "x",
                         .driver = "1.0",
                         .platform = "p",
                         .features = CLM_FEATURE_FP16,
                         .quirks = CLM_QUIRK_EMULATED};
    json_t *object = clm_environment(&device);
    const char *const names[] = {"device_id",      "device_key", "device", "vendor",
                                 "platform",       "driver",     "quirks", "features",
                                 "device_version", NULL};
    assert_complete(object, names);
    assert_true(json_is_null(json_object_get(object, "vendor"))); /* this one says none */
    assert_int_equal(json_array_size(json_object_get(object, "quirks")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "features"), 0)),
                        "fp16");
    json_decref(object);
}

static void the_topology_adds_up(void **state)
{
    (void)state;
    json_t *object = clm_topology();
    assert_non_null(object);
    const json_int_t pus = json_integer_value(json_object_get(object, "pus"));
    assert_true(pus >= sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(json_integer_value(json_object_get(object, "cores")) <= pus);
    assert_true(json_integer_value(json_object_get(object, "allowed_pus")) >= 1);
    assert_true(json_integer_value(json_object_get(object, "memory_bytes")) > 1 << 20);
    json_decref(object);
}

static void only_devices_on_a_bus_bind(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device cpu = {.id = "name:\"x\"", .device_class = CLM_CPU};
    const clm_device gone = {.id = "pci:ffff:ff:1f.7#2", .device_class = CLM_GPU};
    assert_string_equal(clm_bind_near(&scope, &cpu),
                        "not bound: the device is the host's processors");
    assert_non_null(strstr(clm_bind_near(&scope, &gone), "hwloc does not see ffff:ff:1f.7"));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_is_described),
        cmocka_unit_test(devices_are_described),
        cmocka_unit_test(the_topology_adds_up),
        cmocka_unit_test(only_devices_on_a_bus_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
