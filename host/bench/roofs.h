/* Roofs: the best a device can do, as `clmoe peak` measured it, kept per device key; and what of it
 * a kernel could use. Everything that shows a share of the roof takes it from here. */
#ifndef CLM_BENCH_ROOFS_H
#define CLM_BENCH_ROOFS_H

#include "ocl/ocl.h"

#include <jansson.h>

typedef enum clm_peak_kind {
    CLM_PEAK_FMA,    /* Gflop/s, an FMA counts 2; `of`: f32, f64, f16; of matrix units tf32, bf16 */
    CLM_PEAK_EXP,    /* Gexp/s; `of`: exp, native_exp, clm_exp */
    CLM_PEAK_READ,   /* GB/s, at a working set of `bytes` */
    CLM_PEAK_COPY,   /* GB/s, bytes read and bytes written, at a working set of `bytes` */
    CLM_PEAK_UPDATE, /* the same of one working set that is read and written in place */
    CLM_PEAK_LAUNCH_LATENCY,  /* ns from enqueue to the return of clFinish */
    CLM_PEAK_LAUNCH_INTERVAL, /* ns per launch, enqueued back to back */
    CLM_PEAK_TO_DEVICE,       /* GB/s of a blocking write of `bytes` from host memory */
    CLM_PEAK_TO_HOST,         /* GB/s of a blocking read of `bytes` */
    CLM_PEAK_ATOMIC,          /* Gop/s of integer atomic_add; `of`: "one address", "a line each" */
    CLM_PEAK_KINDS,
} clm_peak_kind;

/* One measured roof. */
typedef struct clm_peak {
    clm_peak_kind kind;
    const char *of;     /* which of its kind; "" where there is one only */
    double bytes;       /* working set or transfer; 0 where that means nothing */
    const char *status; /* ok; unsupported: no value; implausible or emulated: binds nothing */
    const char *reason; /* for everything but ok; else null */
    double median, low, high; /* low, high: 95 % interval of the median; NaN where unsupported */
    size_t samples;
    const char *how; /* the kernel shape that was best, "float16 x 24, 1 x 1"; null: one only */
} clm_peak;

typedef struct clm_roofs {
    const char *path;     /* the file; null: not from one */
    const char *key;      /* clm_device.key */
    const char *device;   /* name */
    const char *measured; /* when, "2030-01-31T23:59:59Z" */
    const char *timer;    /* "events" or "wall slope", and why */
    clm_peak *peak;
    size_t count;
    const json_t *environment; /* of the measurement; null: none */
} clm_roofs;

/* The roofs of a device from the user's cache; null where `clmoe peak` has not measured them, or
 * what it left cannot be read. Lives as long as `scope`. */
const clm_roofs *clm_roofs_load(clm_scope *scope, const clm_device *device);

/* Where they are kept; null when the environment names neither a cache nor a home folder. */
const char *clm_roofs_path(clm_scope *scope, const char *key);

/* One file of roofs. Errors: it cannot be read, or is not one. */
clm_status clm_roofs_read(clm_scope *scope, const char *path, const clm_roofs **roofs);

/* Keeps roofs in the user's cache, whole or not at all; `path` is where. */
clm_status clm_roofs_keep(clm_scope *scope, const clm_roofs *roofs, const char **path);

/* The roofs as a new JSON object, as they are kept. */
json_t *clm_roofs_json(const clm_roofs *roofs);

/* Name and unit of a kind: "fma", "Gflop/s". */
const char *clm_peak_name(clm_peak_kind kind);
const char *clm_peak_unit(clm_peak_kind kind);

/* What a kernel, or a group of kernels, has to do at least. */
typedef struct clm_work {
    double flops;           /* all of them (clm_cost); an exp counts 1 */
    double exps;            /* those of the flops that are exponentials; 0: none, or not known */
    double bytes;           /* compulsory traffic (clm_cost) */
    double footprint_bytes; /* memory touched: says which level of it the bytes come from; 0: as
                               many as `bytes` */
    bool in_place;          /* part of the memory is read and written in the same places */
    double launches;        /* kernel launches */
    const char *precision;  /* of the products: f32, f64, f16, bf16, tf32; null: f32 */
} clm_work;

/* The roof that binds. A member is NaN where its roof is not measured, 0 where no such work is to
 * be done. */
typedef struct clm_roof {
    const char *bound; /* "compute", "bandwidth" or "launch"; null: no roof is known */
    double least_ns;   /* the largest of the three, as all may overlap */
    double compute_ns, bandwidth_ns, launch_ns;
    double gflops, gbytes; /* per second: the two roofs at this precision and footprint */
} clm_roof;

/* Compute: flops at the FMA rate of the precision (f32 where the device computes it so), then exps
 * at the best exp rate, as both use the same units. Bandwidth: the best of read, copy and, in place,
 * update at the footprint, between two sizes on a line in logarithms. Launch: launches, back to back. `roofs`
 * null: none is known. */
clm_roof clm_roof_of(const clm_roofs *roofs, const clm_work *work);

/* A share of the roof, least over measured time, above this is implausible: work was left out, or
 * the roof or the time is wrong. */
#define CLM_IMPLAUSIBLE_SHARE 1.05

#endif
