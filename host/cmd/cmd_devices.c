/* clmoe devices: what there is to run on, with probes, quirks and measured roofs. */
#include "cmd/options.h"

#include "base/text.h"
#include "bench/roofs.h"
#include "ocl/ocl.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *selector;
    bool json;
} options;

static const struct argp_option table[] = {
    {"device", 'd', "DEV", 0, "Only these: cpu, gpu, accelerator, all, an id, or part of a name",
     0},
    {"json", 'j', NULL, 0, "Print a JSON array instead of text", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case 'd': o->selector = argument; return 0;
    case 'j': o->json = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const char *class_name(int device_class)
{
    return device_class == CLM_GPU           ? "gpu"
           : device_class == CLM_ACCELERATOR ? "accelerator"
                                             : "cpu";
}

/* Bandwidth of a working set of so many bytes, beyond the largest measured that of the memory. */
static double bandwidth(const clm_roofs *roofs, double footprint_bytes)
{
    const clm_work work = {.bytes = 1, .footprint_bytes = footprint_bytes};
    return clm_roof_of(roofs, &work).gbytes;
}

static void print_roofs(clm_scope *scope, const clm_device *device)
{
    const clm_roofs *roofs = clm_roofs_load(scope, device);
    if (roofs == NULL) {
        const bool emulated = (device->quirks & CLM_QUIRK_EMULATED) != 0;
        printf("  roofs     %s\n", emulated ? "none: emulated" : "not measured (clmoe peak)");
        return;
    }
    printf("  roofs    ");
    for (size_t i = 0; i < roofs->count; i++) {
        const clm_peak *peak = &roofs->peak[i];
        const bool compute = peak->kind == CLM_PEAK_FMA || peak->kind == CLM_PEAK_EXP;
        const bool launch = peak->kind == CLM_PEAK_LAUNCH_INTERVAL;
        if (strcmp(peak->status, "ok") != 0) continue;
        if (compute) printf(" %s %.4g %s,", peak->of, peak->median, clm_peak_unit(peak->kind));
        if (launch) printf(" launch %s,", clm_text_ns(scope, peak->median));
    }
    printf(" memory %.4g GB/s (in 1 MiB %.4g GB/s), measured %s\n", bandwidth(roofs, 1e15),
           bandwidth(roofs, 1 << 20), roofs->measured);
}

static void print_device(clm_scope *scope, const clm_device *device)
{
    printf("%s\n", device->name);
    printf("  id        %s\n", device->id);
    printf("  class     %s, %s\n", class_name(device->device_class), device->vendor);
    printf("  platform  %s, %s, driver %s\n", device->platform, device->version, device->driver);
    printf("  size      %u compute units, %u float lanes, %s memory (%s in one buffer), %s local, "
           "work-groups up to %zu\n",
           device->compute_units, device->vector_width, clm_text_bytes(scope, device->memory_bytes),
           clm_text_bytes(scope, device->max_allocation_bytes),
           clm_text_bytes(scope, device->local_bytes), device->max_work_group);
    printf("  timer     %.0f ns\n", device->timer_resolution_ns);
    printf("  probes   ");
    for (uint32_t bit = 1; clm_feature_name(bit) != NULL; bit <<= 1)
        printf(" %s %s", clm_feature_name(bit), device->features & bit ? "yes" : "no");
    printf("\n");
    for (uint32_t bit = 1; clm_quirk_about(bit) != NULL; bit <<= 1)
        if (device->quirks & bit) printf("  quirk     %s\n", clm_quirk_about(bit));
    print_roofs(scope, device);
}

/* As `clmoe peak --json` prints them, without the environment; null: not measured. */
static json_t *roofs_json(clm_scope *scope, const clm_device *device)
{
    const clm_roofs *roofs = clm_roofs_load(scope, device);
    if (roofs == NULL) return json_null();
    json_t *object = clm_roofs_json(roofs);
    (void)json_object_del(object, "environment");
    return object;
}

static json_t *device_json(clm_scope *scope, const clm_device *device)
{
    json_t *features = json_object(), *quirks = json_array();
    for (uint32_t bit = 1; clm_feature_name(bit) != NULL; bit <<= 1)
        json_object_set_new(features, clm_feature_name(bit),
                            json_boolean((device->features & bit) != 0));
    for (uint32_t bit = 1; clm_quirk_about(bit) != NULL; bit <<= 1)
        if (device->quirks & bit) json_array_append_new(quirks, json_string(clm_quirk_about(bit)));
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "id", device->id,
        "key", device->key, "name", device->name, "class", class_name(device->device_class),
        "vendor", device->vendor, "platform", device->platform, "driver", device->driver, "version",
        device->version, "compute_units", (json_int_t)device->compute_units, "vector_width",
        (json_int_t)device->vector_width, "memory_bytes", (json_int_t)device->memory_bytes,
        "max_allocation_bytes", (json_int_t)device->max_allocation_bytes, "local_bytes",
        (json_int_t)device->local_bytes, "cache_bytes", (json_int_t)device->cache_bytes, "features",
        features, "quirks", quirks, "roofs", roofs_json(scope, device));
}

static clm_status print_all(clm_scope *scope, const options *o)
{
    const clm_device *devices;
    size_t count;
    CLM_TRY(clm_devices_select(scope, o->selector != NULL ? o->selector : "all", &devices, &count));
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (o->json)
            json_array_append_new(array, device_json(scope, &devices[i]));
        else
            print_device(scope, &devices[i]);
    }
    if (o->json) {
        json_dumpf(array, stdout, JSON_INDENT(2));
        puts("");
    }
    json_decref(array);
    return CLM_OK;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Lists the OpenCL devices with their probed features, known quirks and, where `clmoe peak` "
        "measured them, roofs.\v"
        "Without a device it says which package brings one.",
        NULL,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = print_all(&scope, &o);
    clm_scope_end(&scope);
    return status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
}

const clm_command clm_command_devices = {"devices", "platforms, devices, probes, quirks and roofs",
                                         run};
