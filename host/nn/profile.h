/* Profile: how long each call of a planned tape takes, and how much of a replay is no kernel.
 *
 * Times of calls are the device's events where those are times; elsewhere each call is repeated in
 * its place, and the slope of the host's time over the number of repetitions is its time. Asking
 * costs time: nothing is measured unless somebody does. */
#ifndef CLM_NN_PROFILE_H
#define CLM_NN_PROFILE_H

#include "base/statistics.h"
#include "nn/tape.h"

/* Where the values were left by the last use: in caches, or not. */
typedef struct clm_profile_options {
    double warm_s, most_warm_s; /* replays before measuring: at least, at most; 5 in any case */
    double seconds;             /* for the samples of one kind, of which there are 5 to 20 */
    double least_ns;            /* shorter replays are measured several at a time */
    int32_t step_index;         /* for the tensor `step`; the learning rate is 0 */
} clm_profile_options;

/* 0.2 s, 2 s; 1 s; 100 us; step 0. */
clm_profile_options clm_profile_default(void);

typedef struct clm_call_profile {
    const clm_call *call;
    const char *variant, *tunables; /* as planned; "VEC=16 MR=12" */
    const char *library;            /* "CLBlast 1.5.3"; null: an own kernel */
    size_t launches;
    clm_summary ns; /* over samples; zeros for a call without launches */
    clm_cost cost;
    double footprint_bytes; /* of its operands, each once */
} clm_call_profile;

/* One kernel of one replay, in nanoseconds since the first was enqueued. */
typedef struct clm_launch_profile {
    size_t call;
    double queued, start, end;
} clm_launch_profile;

typedef struct clm_profile {
    const char *timer;   /* "events" or "wall slope" */
    const char *why;     /* the reason for a wall slope, else null */
    int replays;         /* in one sample */
    clm_summary wall_ns; /* of a replay by the host's clock, over samples */
    double overhead;     /* share of a replay's time that no kernel ran; median over samples */
    clm_call_profile *call;
    size_t calls;
    clm_launch_profile *launch; /* of the last replay; null where events are not times */
    size_t launches;
} clm_profile;

/* Measures `tapes` tapes that record the same calls and are planned: one, whose operands are found
 * where the last replay left them, or several replayed in turn, so that together they exceed the
 * caches. The tapes' values are those of so many replays afterwards. */
clm_status clm_profile_tapes(clm_scope *scope, clm_tape *const *tape, int tapes,
                             const clm_profile_options *options, clm_profile *profile);

/* Sum of the calls' medians, first ... end - 1. */
double clm_profile_ns(const clm_profile *profile, size_t first, size_t end);

#endif
