/* Tune: searches, within a time budget, for choices that compute the calls of tapes faster than the
 * default does, and keeps those that are proven right and faster.
 *
 * A case is a shape class (op/tuning.h) that occurs on a tape; the time of its calls in a replay is
 * its weight, and the budget is split by weight. The search goes from the best choice known along
 * one coordinate at a time (variants meant for the device, then each tunable over its range) until
 * no neighbour is better. A candidate must build, compute at the case's shape what the default
 * computes, and win an interleaved duel; before the search moves there, all examples of the operator
 * are verified with exactly its values. In the end the best one meets the default again, in fresh
 * samples: it is kept when it is faster by 3 % and by more than the noise, else the default is. */
#ifndef CLM_BENCH_TUNE_H
#define CLM_BENCH_TUNE_H

#include "nn/tape.h"

typedef struct clm_tune_job {
    clm_context *context;
    clm_tuning *tuning; /* where entries are kept, and where the search goes on from */
    const char *from;   /* what the tapes are, for the entries */
    double deadline_ns; /* on the host's clock */
    bool again;         /* also classes whose search is complete */
    const volatile int *interrupted;

    /* Whoever asks for it; each may be null. `trying`: this choice is about to be built and run (its
     * operator, class, variant, tunables); null: no longer. `found`: an entry was put into the table.
     * `met`: a class is on the tapes, where all its calls take so long in a replay of each.
     * `wrong`: a choice computed something else than the default or the reference. */
    void (*trying)(void *user, const clm_tuned *candidate);
    void (*found)(void *user, const clm_tuned *entry);
    void (*met)(void *user, const clm_op *op, const char *shape, double ns);
    void (*wrong)(void *user, const clm_tuned *candidate, const char *reason);
    void *user;
} clm_tune_job;

/* Tunes the calls of planned tapes that were made without a tuning. Ends early, with CLM_OK, at the
 * deadline or when interrupted; fails when the default itself fails. */
clm_status clm_tune_tapes(const clm_tune_job *tune, clm_tape *const *tape, size_t tapes);

#endif
