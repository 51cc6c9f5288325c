/* Timer: by what launches on a device are timed, its event times or the host's clock. */
#ifndef CLM_OCL_TIMER_H
#define CLM_OCL_TIMER_H

#include "ocl/ocl.h"

typedef struct clm_timer {
    bool events;     /* event times can be trusted; else the host's clock and the slope over 1, 2, 4
                        and 8 times as many launches, which leaves the cost of submission out */
    char about[200]; /* "events", or "wall slope: " and why not events */
} clm_timer;

/* Launches a kernel whose work is known, once and twice, and judges what the device says of it:
 * queued, start and end in order; the sum not above the wall time; twice the work takes twice the
 * time. */
clm_status clm_timer_audit(clm_context *context, clm_timer *timer);

#endif
