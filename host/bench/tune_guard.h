/* Guard: a search (bench/tune.h) in a process of its own, because some drivers end the process that
 * builds or runs what they do not like. The choice at which it ended is put into the table of the
 * device, so that no search tries it again, and the search goes on in a new process. */
#ifndef CLM_BENCH_TUNE_GUARD_H
#define CLM_BENCH_TUNE_GUARD_H

#include "op/tuning.h"

typedef struct clm_tune_guard {
    const clm_device *device;
    const char *const
        *argument; /* of this program, as the searching process; ends with null. One is
                                    added: --worker=SECONDS, what is left of the budget */
    double budget_s, candidate_s; /* in all; the most that one candidate may take */
    const volatile int *interrupted;
} clm_tune_guard;

/* Runs the search until it ends by itself, the budget is spent, or it is interrupted; *exit_code is
 * that of the last process. Fails when no process can be started, or one ends without having said
 * what it was trying. */
clm_status clm_tune_guarded(const clm_tune_guard *guard, int *exit_code);

/* The searching process' side: says what is being tried (clm_tune_job.trying). */
void clm_tune_say_trying(const clm_tuned *candidate);

/* The table of a device to go on with: the one there is, else an empty one. */
clm_status clm_tune_table(clm_scope *scope, const clm_device *device, clm_tuning **tuning);

#endif
