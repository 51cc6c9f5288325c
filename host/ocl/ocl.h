/* OpenCL: devices, contexts, buffers, kernels. Only host/ocl calls cl*().
 *
 * Every failing call is named with its error, what it was for, the device and the place. */
#ifndef CLM_OCL_OCL_H
#define CLM_OCL_OCL_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes of devices, as bits. */
enum { CLM_CPU = 1, CLM_GPU = 2, CLM_ACCELERATOR = 4, CLM_ANY_DEVICE = 7 };

/* Probed features, as bits: a kernel variant names those it needs. */
enum {
    CLM_FEATURE_FP64 = 1,
    CLM_FEATURE_FP16 = 2,
    CLM_FEATURE_SUBGROUPS = 4,
    CLM_FEATURE_PREFETCH = 8, /* __builtin_prefetch builds */
    CLM_FEATURE_PTX = 16,     /* inline PTX; with it what cl/mma.clh offers: */
    CLM_FEATURE_MMA_TF32 = 32,
    CLM_FEATURE_MMA_BF16 = 64,
    CLM_FEATURE_COPY_ASYNC = 128,
    CLM_FEATURE_LOAD_MATRICES = 256,
    CLM_FEATURE_SHUFFLE = 512,
};

/* Effects of quirks, as bits (host/ocl/quirk.c says which device has which, and why). */
enum {
    CLM_QUIRK_FAKE_EVENTS = 1,    /* event times are not times: use the host clock */
    CLM_QUIRK_NO_RESTRICT = 2,    /* build with -DRST= */
    CLM_QUIRK_NO_SUB_DEVICES = 4, /* clCreateSubDevices crashes */
    CLM_QUIRK_EMULATED = 8,       /* an interpreter or emulator: results count, times do not */
    CLM_QUIRK_NO_BINARY_CACHE = 16,
    CLM_QUIRK_NO_USER_EVENTS = 32,
    CLM_QUIRK_NO_PREFETCH = 64,   /* __builtin_prefetch ends the process */
    CLM_QUIRK_NO_OPTIMISER = 128, /* optimised kernels go wrong: build with -cl-opt-disable */
    CLM_QUIRK_SHORT_LOOPS =
        256, /* loops of a work-item end after 65535 rounds, results are wrong */
    CLM_QUIRK_BARRIER_LOOPS = 512, /* values go wrong across barriers in nested loops */
};

typedef struct clm_device {
    char id[160]; /* stable: pci:0000:01:00.0, uuid:..., or name:"...", with #n when several are
                     equal */
    char key[32]; /* short hash of what must match for times to be comparable */
    char name[256], vendor[128], platform[128], driver[128], version[128];
    int device_class;                     /* CLM_CPU, CLM_GPU or CLM_ACCELERATOR */
    uint32_t compute_units, vector_width; /* vector_width: native float lanes, at least 1 */
    uint64_t memory_bytes, max_allocation_bytes, local_bytes;
    uint64_t cache_bytes; /* as the driver says, which may be less than there is; 0: none */
    size_t max_work_group, base_align_bytes;
    uint32_t features, quirks;
    double timer_resolution_ns;
    bool unified_memory;
    void *platform_handle, *device_handle; /* cl_platform_id, cl_device_id */
} clm_device;

/* All devices of all platforms, ordered by platform name, device name, id. CLM_FAIL with
 * CLM_ERROR_NO_DEVICE and what to install when there is none. */
clm_status clm_devices(clm_scope *scope, const clm_device **devices, size_t *count);

/* The devices that `selector` names: cpu, gpu, accelerator, all, an id, a fragment of a name or
 * platform (case does not matter), or several of these with commas; null: the first GPU, else the
 * first CPU, else the first device. Error with the list of devices and a suggestion when none fits.
 */
clm_status clm_devices_select(clm_scope *scope, const char *selector, const clm_device **devices,
                              size_t *count);

/* Words for a device's quirks and features, for `clmoe devices` and for records; null past the end.
 */
const char *clm_quirk_about(
    uint32_t bit); /* "event times are not times: host clock is used (rusticl < 25.0)" */
const char *clm_feature_name(uint32_t bit);

/* Name and version of the OpenCL loader ("OpenCL 3.0, ocl-icd 2.3.1"); null when it does not say.
 */
const char *clm_loader_version(clm_scope *scope);

typedef struct clm_context clm_context; /* one device, one in-order queue with profiling */
typedef struct clm_buffer clm_buffer;
typedef struct clm_kernel clm_kernel;

typedef struct clm_context_options {
    const char
        *binaries;     /* folder of ahead-of-time program binaries to run from alone; null: build */
    const char *cache; /* folder of the program cache; null: the user's cache folder; "": none */
    const char *save;  /* folder to leave program binaries in (clmoe compile); null: none */
} clm_context_options;

/* Opens a context that lives as long as `scope`; `options` null: defaults. */
clm_status clm_context_open(clm_scope *scope, const clm_device *device,
                            const clm_context_options *options, clm_context **context);
const clm_device *clm_context_device(const clm_context *context);

/* Bytes held by buffers of this context now, and the most ever held. */
uint64_t clm_context_bytes(const clm_context *context);
uint64_t clm_context_peak_bytes(const clm_context *context);

/* Nanoseconds spent building programs, by the host clock, since the context was opened. */
double clm_context_build_ns(const clm_context *context);

/* A device buffer that lives as long as `scope`; `what` appears in errors ("features"). */
clm_status clm_buffer_new(clm_context *context, clm_scope *scope, const char *what, uint64_t bytes,
                          clm_buffer **buffer);
/* Part of a buffer; offset is a multiple of the device's base_align_bytes. Views may overlap. */
clm_status clm_buffer_view(clm_scope *scope, clm_buffer *parent, uint64_t offset, uint64_t bytes,
                           clm_buffer **view);

/* Blocking copies between host and device, in bytes, and a fill with a 32-bit pattern. */
clm_status clm_buffer_write(clm_buffer *buffer, uint64_t offset, const void *from, uint64_t bytes);
clm_status clm_buffer_read(clm_buffer *buffer, uint64_t offset, void *to, uint64_t bytes);
clm_status clm_buffer_fill(clm_buffer *buffer, uint64_t offset, uint32_t pattern, uint64_t bytes);

/* OpenCL C of an operator: `text` is cl/<name>/<name>.cl; the runtime puts the flattened Philox and
 * cl/<name>.clh before it, each with a #line, so that build logs name the file. */
typedef struct clm_source {
    const char *name, *text;
} clm_source;

/* A kernel of its own (own arguments) from the program (source, options), built once per context
 * and cached on disk. Build failures carry the log. */
clm_status clm_kernel_new(clm_context *context, clm_scope *scope, const clm_source *source,
                          const char *kernel_name, const char *options, clm_kernel **kernel);

/* Arguments are set once and kept. A null buffer passes a null pointer. */
clm_status clm_kernel_arg_buffer(clm_kernel *kernel, unsigned index, const clm_buffer *buffer);
clm_status clm_kernel_arg_i32(clm_kernel *kernel, unsigned index, int32_t value);
clm_status clm_kernel_arg_f32(clm_kernel *kernel, unsigned index, float value);
clm_status clm_kernel_arg_local(clm_kernel *kernel, unsigned index, size_t bytes);

typedef struct clm_range {
    size_t global[3],
        local[3]; /* trailing zeros: fewer dimensions; local[0] == 0: device chooses */
} clm_range;

/* Enqueues the kernel; returns at once. */
clm_status clm_kernel_launch(clm_kernel *kernel, const clm_range *range);

/* Waits until all that was enqueued is done. */
clm_status clm_finish(clm_context *context);

/* Between start and stop every launch keeps its event; count and times (device nanoseconds) of the
 * launches since start, to be asked for after clm_finish and before the next start. */
void clm_events_start(clm_context *context);
void clm_events_stop(clm_context *context);
size_t clm_events_count(const clm_context *context);
clm_status clm_events_ns(const clm_context *context, size_t index, double *queued, double *start,
                         double *end);

/* Host clock (CLOCK_MONOTONIC) in nanoseconds. */
double clm_now_ns(void);

#endif
