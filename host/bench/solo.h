/* Solo: one call of a planned tape taken out of it, with operands of its own that hold what they
 * hold when a replay comes to the call; for timing it again and again, with any choice. */
#ifndef CLM_BENCH_SOLO_H
#define CLM_BENCH_SOLO_H

#include "nn/tape.h"
#include "op/plan.h"

typedef struct clm_solo {
    clm_context *context;
    clm_call call;
    void *start[CLM_OPERANDS];      /* operands updated in place: before the call */
    double *expected[CLM_OPERANDS]; /* results by default; null until clm_solo_expect */
} clm_solo;

/* Replays the tape up to call `index` with a learning rate of zero and copies its operands. */
clm_status clm_solo_new(clm_scope *scope, clm_context *context, clm_tape *tape, size_t index,
                        clm_solo *solo);

/* A plan with this call alone. */
clm_status clm_solo_plan(clm_scope *scope, const clm_solo *solo, const clm_choice *choice,
                         clm_plan **plan);

/* Runs the plan on outputs filled with NaN and keeps the results as those to expect. */
clm_status clm_solo_expect(clm_scope *scope, clm_solo *solo, clm_plan *plan);

/* Runs the plan on outputs filled with NaN and compares: the largest error of a result as a multiple
 * of what the operator calls wrong, so that more than 1 is wrong. Elements that neither plan writes
 * agree. */
clm_status clm_solo_compare(const clm_solo *solo, clm_plan *plan, double *excess);

/* Interleaved timing of two plans, in rounds a b b a of equal samples by the host's clock. */
typedef struct clm_duel {
    double effect;    /* median over rounds of ln(time of a / time of b) */
    double low, high; /* its 95 % interval by order statistics; infinite below 6 rounds */
    double noise;     /* median of |ln| between the two samples of a, halved as in `effect` */
    double p;         /* two-sided, exact sign-flip test of the rounds */
    double a_ns;      /* median of a run of a */
} clm_duel;

enum { CLM_MOST_ROUNDS = 12 };

clm_status clm_solo_duel(const clm_solo *solo, clm_plan *a, clm_plan *b, int rounds,
                         clm_duel *duel);

/* Nanoseconds of one run of a plan, warm: the least of three. */
clm_status clm_solo_time(const clm_solo *solo, clm_plan *plan, double *ns);

#endif
