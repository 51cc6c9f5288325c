/* Peak: measures the roofs of a device (bench/roofs.h) through OpenCL, with kernels of cl/peak. */
#ifndef CLM_BENCH_PEAK_H
#define CLM_BENCH_PEAK_H

#include "bench/roofs.h"

typedef struct clm_peak_options {
    double budget_s; /* time for samples; building kernels comes on top */
    /* Told what is measured next and which share of all is done; null: nobody. */
    void (*progress)(void *user, const char *what, double done);
    void *user;
    bool emulate; /* also measure what the device lacks and cl/mma.clh emulates: its kernels are
                     checked, its roofs bind nothing */
} clm_peak_options;

/* Measures every roof; what the device lacks is an entry with the reason. The medians are of as many
 * samples as the budget allows, 5 to 10. CLM_SKIP on an emulator, whose times mean nothing. Errors:
 * the device fails, or computes something wrong. */
clm_status clm_peak_measure(clm_scope *scope, clm_context *context, const clm_peak_options *options,
                            const clm_roofs **roofs);

#endif
