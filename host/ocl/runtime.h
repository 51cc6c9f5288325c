/* What the files of host/ocl share: the inside of contexts, buffers and kernels. */
#ifndef CLM_OCL_RUNTIME_H
#define CLM_OCL_RUNTIME_H

#include "ocl/error.h"

typedef struct clm_program {
    struct clm_program *next;
    cl_program handle;
    char key[65]; /* SHA-256 of source, options, device and driver */
} clm_program;

typedef struct clm_launch_events {
    cl_event before; /* the launch starts when this ends; null: at its own event's start */
    cl_event launch; /* null: a launch of nothing */
} clm_launch_events;

struct clm_context {
    clm_scope *scope;
    const clm_device *device;
    clm_context_options options;
    cl_context handle;
    cl_command_queue queue;
    clm_program *programs;
    uint64_t bytes, peak_bytes;
    double build_ns;
    bool events_kept, cache_trimmed;
    clm_launch_events *events;
    size_t event_count, event_capacity;
};

struct clm_buffer {
    clm_context *context;
    cl_mem handle;
    clm_buffer *root; /* the buffer that owns the memory; itself unless this is a view */
    uint64_t offset;  /* within root */
    uint64_t bytes;
    const char *what;
};

struct clm_kernel {
    clm_context *context;
    cl_kernel handle;
    const char *name;
};

/* The built program of a source and options (the operator's own), from this context, the cache or
 * the compiler. */
clm_status clm_program_get(clm_context *context, const clm_source *source, const char *options,
                           cl_program *program);

/* The folder of cached programs that options->cache asks for, made if need be; null: none. */
const char *clm_cache_folder(clm_scope *scope, const char *asked);

/* A cache entry: reads the checked content into `scope`, false when absent or damaged; writes whole
 * or not at all, false with errno. */
bool clm_cache_read(clm_scope *scope, const char *folder, const char *name, uint8_t **data,
                    size_t *bytes);
bool clm_cache_write(const char *folder, const char *name, const uint8_t *data, size_t bytes);

/* Removes entries that nothing has read for a month: programs of other versions and devices would
 * pile up for ever. */
void clm_cache_trim(const char *folder);

/* Room for one more launch in context->events, before it: an event without a place would leak. */
clm_status clm_events_reserve(clm_context *context);

/* The quirks of a device whose other members are filled in, and its limits cut to usable ones. */
void clm_quirks_apply(clm_device *device);

/* To be called before the loader is first asked for platforms: where no driver is registered with it
 * (no .icd file, OCL_ICD_VENDORS unset) but the library of a known one is there, points it to that.
 * Sets POCL_AFFINITY to 1, unless it or POCL_MAX_PTHREAD_COUNT is set. */
void clm_loader_prepare(clm_scope *scope);

bool clm_device_has_extension(cl_device_id id, const char *extension);

/* Sets the features of a device: each is advertised, builds, and computes what it should. */
void clm_probe_features(clm_device *device);

/* Whether a feature's probe builds and computes what it should; `emulated`: in the portable body of
 * cl/mma.clh instead of PTX. False for what is no feature. */
bool clm_probe_works(const clm_device *device, uint32_t feature, bool emulated);

#endif
