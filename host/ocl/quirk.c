/* Quirks: what devices do against the standard, one row each. Vendors are named here and nowhere
 * else; the rest of the program asks for the effect. */
#include "ocl/runtime.h"

#include <stdlib.h>
#include <string.h>

typedef struct quirk {
    const char *platform, *device; /* text in the platform's and device's name; null: any */
    long driver_below;             /* drivers with a lower major version only; 0: all */
    uint32_t effect;
    const char *why, *source;
} quirk;

static const quirk quirks[] = {
    {"rusticl", NULL, 25, CLM_QUIRK_FAKE_EVENTS, "every event lasts 1 ns",
     "measured, 22.3.6; fixed in Mesa 25.0"},
    {"rusticl", NULL, 0, CLM_QUIRK_NO_SUB_DEVICES, "clCreateSubDevices ends the process",
     "measured, 22.3.6"},
    {"rusticl", NULL, 0, CLM_QUIRK_NO_BINARY_CACHE,
     "a damaged binary ends the process; Mesa has a cache of its own", "measured, 22.3.6"},
    {"rusticl", "llvmpipe", 0, CLM_QUIRK_SHORT_LOOPS,
     "the loops of a work-item end after 65535 rounds together", "measured, 22.3.6"},
    {"rusticl", NULL, 0, CLM_QUIRK_NO_PREFETCH,
     "its SPIR-V translator ends the process on a prefetch", "measured, 22.3.6"},
    {"Clover", NULL, 0, CLM_QUIRK_FAKE_EVENTS | CLM_QUIRK_NO_BINARY_CACHE,
     "profiling is never available; a damaged binary ends the process", "measured, 22.3.6"},
    {"Oclgrind", NULL, 0, CLM_QUIRK_NO_RESTRICT, "aborts on restrict in an inlined function",
     "Oclgrind issues 205 and 223, 21.10"},
    {"Oclgrind", NULL, 0, CLM_QUIRK_NO_OPTIMISER,
     "optimised code has intrinsics it lacks (ctpop, fshl), and widens true to 255 in vectors",
     "measured, 21.10; Oclgrind issues 205 and 223"},
    {"Oclgrind", NULL, 0, CLM_QUIRK_NO_PREFETCH, "reports a prefetch as an unknown function",
     "measured, 21.10"},
    {"Oclgrind", NULL, 0, CLM_QUIRK_EMULATED | CLM_QUIRK_NO_USER_EVENTS,
     "an interpreter; clFinish spins on an unset user event", "measured, 21.10"},
    {"Oclgrind", NULL, 0, CLM_QUIRK_NO_BINARY_CACHE,
     "its findings name lines only in programs built from source", "measured, 21.10"},
    {"Portable Computing Language", "basic", 0, CLM_QUIRK_NO_USER_EVENTS,
     "clSetUserEventStatus never returns once a kernel waits", "measured, 3.1"},
    {"Portable Computing Language", "cpu-minimal", 0, CLM_QUIRK_NO_USER_EVENTS,
     "the later name of the driver basic", "PoCL 4.0 release notes"},
    {"Portable Computing Language", NULL, 0, CLM_QUIRK_BARRIER_LOOPS,
     "values go wrong across barriers in nested loops", "measured, 3.1"},
    {"FPGA Emulation", NULL, 0, CLM_QUIRK_EMULATED,
     "a CPU plays the FPGA: results count, times do not", "measured, 2025.0.5"},
};

void clm_quirks_apply(clm_device *device)
{
    const char *digits = device->driver + strcspn(device->driver, "0123456789");
    const long driver = strtol(digits, NULL, 10);
    for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++) {
        const quirk *row = &quirks[i];
        if (row->platform != NULL && strstr(device->platform, row->platform) == NULL) continue;
        if (row->device != NULL && strstr(device->name, row->device) == NULL) continue;
        if (row->driver_below != 0 && driver >= row->driver_below) continue;
        device->quirks |= row->effect;
    }
    /* Emulators report limits without meaning (64 Mi work-items, 64 MiB of local memory). */
    const size_t largest_group = 8192;
    const uint64_t largest_local = 2u << 20;
    if (device->max_work_group > largest_group) device->max_work_group = largest_group;
    if (device->local_bytes > largest_local) device->local_bytes = largest_local;
}

const char *clm_quirk_about(uint32_t bit)
{
    switch (bit) {
    case CLM_QUIRK_FAKE_EVENTS: return "event times are not times: the host clock is used";
    case CLM_QUIRK_NO_RESTRICT: return "its compiler fails on restrict: kernels are built without";
    case CLM_QUIRK_NO_SUB_DEVICES: return "sub-devices crash: none are made";
    case CLM_QUIRK_EMULATED: return "an interpreter or emulator: results count, times do not";
    case CLM_QUIRK_NO_BINARY_CACHE: return "program binaries are not cached";
    case CLM_QUIRK_NO_USER_EVENTS: return "user events hang: none are used";
    case CLM_QUIRK_NO_OPTIMISER: return "optimised kernels go wrong: they are built without";
    case CLM_QUIRK_SHORT_LOOPS:
        return "loops end after 65535 rounds in a work-item: GPU kernels are used, results of very "
               "uneven graphs can be wrong";
    case CLM_QUIRK_BARRIER_LOOPS:
        return "barriers in nested loops go wrong: some emulations are left out";
    case CLM_QUIRK_NO_PREFETCH: return "its compiler crashes on prefetches: kernels do without";
    default: return NULL;
    }
}

const char *clm_feature_name(uint32_t bit)
{
    switch (bit) {
    case CLM_FEATURE_FP64: return "fp64";
    case CLM_FEATURE_FP16: return "fp16";
    case CLM_FEATURE_SUBGROUPS: return "subgroups";
    case CLM_FEATURE_PREFETCH: return "prefetch";
    case CLM_FEATURE_PTX: return "ptx";
    case CLM_FEATURE_MMA_TF32: return "mma_tf32";
    case CLM_FEATURE_MMA_BF16: return "mma_bf16";
    case CLM_FEATURE_COPY_ASYNC: return "copy_async";
    case CLM_FEATURE_LOAD_MATRICES: return "load_matrices";
    case CLM_FEATURE_SHUFFLE: return "shuffle";
    default: return NULL;
    }
}
