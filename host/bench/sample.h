/* Samples: timed executions of one unit of work on a device. */
#ifndef CLM_BENCH_SAMPLE_H
#define CLM_BENCH_SAMPLE_H

#include "ocl/timer.h"

/* What is timed: enqueues one unit of work, at least one launch, and does not wait for it. */
typedef struct clm_timed {
    clm_status (*enqueue)(void *user);
    void *user;
} clm_timed;

typedef struct clm_sampling {
    size_t least, most; /* samples */
    double budget_ns;   /* no further sample is begun after this long and `least` samples */
} clm_sampling;

typedef struct clm_samples {
    double *ns; /* [n] per unit of work; lives as long as the scope */
    size_t n;
} clm_samples;

enum { CLM_LEAST_SAMPLE_NS = 100000 };

/* Nanoseconds of one unit by the host's clock, from enqueue to the return of clFinish: for choosing
 * how much work a unit is to be. */
clm_status clm_time_once(clm_context *context, const clm_timed *timed, double *ns);

/* Takes samples of at least CLM_LEAST_SAMPLE_NS each, as many units as that needs. With events a
 * sample is the sum over its launches of end - start; without, the slope of the wall time over n,
 * 2 n, 4 n and 8 n units. The first executions (which may compile) are not counted. */
clm_status clm_samples_take(clm_scope *scope, clm_context *context, const clm_timer *timer,
                            const clm_timed *timed, const clm_sampling *sampling,
                            clm_samples *samples);

#endif
