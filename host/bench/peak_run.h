/* What the files that measure roofs share. */
#ifndef CLM_BENCH_PEAK_RUN_H
#define CLM_BENCH_PEAK_RUN_H

#include "bench/peak.h"
#include "bench/sample.h"

/* Other work on the host, and threads that wait for each other on one core, slow whole stretches of
 * time down, and never speed one up: everything is measured in several rounds, and the best counts. */
enum { CLM_PEAK_ROUNDS = 3, CLM_PEAK_ROOM = 128, CLM_PEAK_SHAPES = 4 };

typedef struct clm_peak_run {
    clm_scope *scope;       /* for texts */
    clm_scope *round_scope; /* for kernels and buffers */
    clm_context *context;
    const clm_device *device;
    const clm_peak_options *options;
    clm_timer timer;
    bool vectors; /* explicit vectors by single work-items, as CPUs want them */
    clm_peak peak[CLM_PEAK_ROUNDS][CLM_PEAK_ROOM];
    size_t round, count; /* entries so far in this round */
} clm_peak_run;

/* One way to do the work: vectors of `width` lanes, `chains` of them side by side, `groups` groups
 * of `local` work-items for each compute unit. */
typedef struct clm_peak_shape {
    int width, chains, local, groups;
} clm_peak_shape;

/* A kernel of cl/peak in one shape. How often it does its work is argument 1. */
typedef struct clm_peak_kernel {
    clm_kernel *kernel; /* null: it could not be built; passed over */
    clm_peak_shape shape;
    clm_range range;
    int rounds, most_rounds; /* at least 1 */
    double work;             /* of one round by all work-items */
} clm_peak_kernel;

/* Builds kernel `name` of cl/peak for vectors of `type`, with `define` ("FMA=fma"), one work-group
 * after the other in `range`. */
clm_status clm_peak_build(clm_peak_run *run, const char *name, const char *type, const char *define,
                          const clm_peak_shape *shape, clm_peak_kernel *kernel);

/* Runs the kernel once with so many rounds, and waits. */
clm_status clm_peak_once(clm_peak_run *run, const clm_peak_kernel *kernel, int rounds);

/* Fills in value, samples and shape of a peak: work per nanosecond of the fastest of the kernels,
 * found with few samples, timed with more. Unsupported, with the last error, when there is none. */
clm_status clm_peak_best(clm_peak_run *run, clm_peak_kernel *kernel, size_t kernels,
                         clm_peak *peak);

/* Takes samples of a unit of work by the host's clock. `work` 0: the peak is nanoseconds per unit,
 * else work per nanosecond. */
clm_status clm_peak_wall(clm_peak_run *run, const clm_timed *timed, double work, clm_peak *peak);

/* Begins an entry: says that it is measured now, and returns it for its value to be filled in. */
clm_peak *clm_peak_begin(clm_peak_run *run, clm_peak_kind kind, const char *of, double bytes);

/* Marks an entry as one that has no value; `reason` null: the last error. */
void clm_peak_unsupported(clm_peak_run *run, clm_peak *peak, const char *reason);

/* The parts; each adds the same entries in every round. */
clm_status clm_peak_compute(clm_peak_run *run);
clm_status clm_peak_memory(clm_peak_run *run);
clm_status clm_peak_host(clm_peak_run *run);

#endif
