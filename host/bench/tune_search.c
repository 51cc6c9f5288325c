#include "bench/tune_search.h"

#include "base/text.h"
#include "bench/solo.h"
#include "op/verify.h"

#include <math.h>
#include <string.h>

enum { QUICK_ROUNDS = 3, MOST_TRIALS = 256 };

/* ln of what counts as faster: in the search, and to be kept. */
static const double step = 0.01, worth = 0.03;
/* A candidate whose single run takes this many times the default's is not looked at further. */
static const double hopeless = 3;

typedef struct search {
    clm_scope *scope;
    const clm_tune_case *one;
    const clm_device *device;
    clm_solo solo;
    clm_choice fallback, best; /* fallback: the default */
    clm_plan *fallback_plan, *best_plan;
    double fallback_ns;            /* of one run */
    clm_choice tried[MOST_TRIALS]; /* in this search */
    int trials;
    bool cut_short; /* some neighbour of the best was not tried */
} search;

static clm_tuned candidate_of(const search *s, clm_scope *scope, const clm_choice *choice)
{
    return (clm_tuned){
        .op = clm_text(scope, "%s", s->solo.call.op->name),
        .shape = clm_text(scope, "%s", s->one->shape),
        .variant = clm_text(scope, "%s", choice->variant->name),
        .tunables = clm_text(scope, "%s", clm_choice_text(scope, choice)),
    };
}

static void say_wrong(const search *s, const clm_choice *choice, const char *reason)
{
    clm_scope scope = {0};
    const clm_tuned candidate = candidate_of(s, &scope, choice);
    if (s->one->tune->wrong) s->one->tune->wrong(s->one->tune->user, &candidate, reason);
    clm_scope_end(&scope);
}

/* --- judging a candidate --- */

/* Whether all examples of the operator are right with exactly these values. */
static bool verified(const search *s, const clm_choice *choice)
{
    clm_verdict verdict;
    const double most = clm_verify_most(s->device, choice->variant);
    if (clm_verify(s->one->tune->context, s->solo.call.op, choice, clm_call_real(&s->solo.call),
                   most, &verdict) != CLM_OK)
        return false;
    if (verdict.wrong) say_wrong(s, choice, verdict.reason);
    return !verdict.wrong && verdict.examples > 0;
}

/* Whether the plan computes at this shape what the default does. */
static clm_status agrees(const search *s, const clm_choice *choice, clm_plan *plan, bool *right)
{
    double excess;
    CLM_TRY(clm_solo_compare(&s->solo, plan, &excess));
    *right = excess <= 1;
    if (*right) return CLM_OK;
    char reason[128];
    (void)snprintf(reason, sizeof reason, "differs from the default by %.2g of what is allowed",
                   excess);
    say_wrong(s, choice, reason);
    return CLM_OK;
}

/* Whether the plan is faster than that of the best choice: quickly, then surely. */
static clm_status faster(const search *s, clm_plan *plan, bool *is)
{
    clm_duel duel;
    double ns;
    *is = false;
    CLM_TRY(clm_solo_time(&s->solo, plan, &ns));
    if (ns > hopeless * s->fallback_ns) return CLM_OK;
    CLM_TRY(clm_solo_duel(&s->solo, s->best_plan, plan, QUICK_ROUNDS, &duel));
    if (duel.effect < step) return CLM_OK;
    CLM_TRY(clm_solo_duel(&s->solo, s->best_plan, plan, CLM_MOST_ROUNDS / 2, &duel));
    *is = duel.effect >= step && duel.p <= 0.05;
    return CLM_OK;
}

/* Moves the search to the candidate when it is right and faster; `scope` holds its plan. */
static clm_status judge(search *s, clm_scope *scope, const clm_choice *choice, bool *moved)
{
    clm_plan *plan;
    bool is = false;
    CLM_TRY(clm_solo_plan(scope, &s->solo, choice, &plan));
    CLM_TRY(agrees(s, choice, plan, &is));
    if (is) CLM_TRY(faster(s, plan, &is));
    if (!is || !verified(s, choice)) return CLM_OK;
    *moved = true;
    return clm_solo_plan(s->scope, &s->solo, choice, &s->best_plan);
}

static bool out_of_time(const search *s)
{
    const clm_tune_job *tune = s->one->tune;
    return clm_now_ns() >= s->one->deadline_ns || (tune->interrupted && *tune->interrupted);
}

static bool known(const search *s, const clm_choice *choice)
{
    clm_scope scope = {0};
    bool is = clm_tuning_ended(s->one->tune->tuning, s->solo.call.op->name, s->one->shape,
                               choice->variant->name, clm_choice_text(&scope, choice));
    for (int i = 0; i < s->trials; i++)
        is |= clm_choice_equal(&s->tried[i], choice);
    clm_scope_end(&scope);
    return is;
}

static void announce(const search *s, const clm_choice *choice)
{
    const clm_tune_job *tune = s->one->tune;
    clm_scope scope = {0};
    const clm_tuned candidate = choice ? candidate_of(s, &scope, choice) : (clm_tuned){0};
    if (tune->trying) tune->trying(tune->user, choice ? &candidate : NULL);
    clm_scope_end(&scope);
}

/* A candidate that fails to build or to run is passed over, unless the device fails with it. */
static clm_status try(search *s, const clm_choice *choice, bool *moved)
{
    if (known(s, choice)) return CLM_OK;
    if (out_of_time(s) || s->trials == MOST_TRIALS) {
        s->cut_short = true;
        return CLM_OK;
    }
    s->tried[s->trials++] = *choice;
    announce(s, choice);
    clm_scope scope = {0};
    bool better = false;
    clm_status status = judge(s, &scope, choice, &better);
    clm_scope_end(&scope);
    if (status == CLM_OK && better) {
        s->best = *choice;
        *moved = true;
    } else if (status != CLM_OK) {
        status = clm_plan_run(s->fallback_plan);
        if (status == CLM_OK) status = clm_finish(s->one->tune->context);
    }
    if (status == CLM_OK) announce(s, NULL); /* else the device is to blame for what was tried */
    return status;
}

/* --- the way --- */

/* Variants meant for the device's class, or those for any device. The latter have loops that grow
 * with the call: where long ones go wrong, being right at one shape says nothing of a larger one of
 * the same class. */
static clm_status try_variants(search *s, bool any, bool *moved)
{
    const clm_call *call = &s->solo.call;
    if (any && (s->device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0) return CLM_OK;
    for (const clm_variant *v = call->op->variant; v->name; v++) {
        if ((v->classes == CLM_ANY_DEVICE) != any || !clm_variant_suits(v, call, s->device))
            continue;
        const clm_choice choice = clm_choice_of(v, call, s->device);
        CLM_TRY(try(s, &choice, moved));
    }
    return CLM_OK;
}

/* The value of a tunable's range that is nearest to `from` by ratio among those not yet used. */
static int nearest(const clm_tunable *tunable, int from, bool *used, int room)
{
    int best = -1;
    for (int i = 0; i < room && tunable->choice[i] != 0; i++) {
        const double d = fabs(log((double)tunable->choice[i] / (from > 0 ? from : 1)));
        if (!used[i] &&
            (best < 0 || d < fabs(log((double)tunable->choice[best] / (from > 0 ? from : 1)))))
            best = i;
    }
    if (best >= 0) used[best] = true;
    return best;
}

static clm_status try_values(search *s, int tunable, bool *moved)
{
    const clm_tunable *t = &s->best.variant->tunable[tunable];
    enum { ROOM = sizeof t->choice / sizeof *t->choice };
    bool used[ROOM] = {false};
    const int from = s->best.tune[tunable];
    if (from == 0) return CLM_OK; /* off, because the device lacks what it needs */
    for (int i; (i = nearest(t, from, used, ROOM)) >= 0;) {
        clm_choice choice = s->best;
        choice.tune[tunable] = t->choice[i];
        CLM_TRY(try(s, &choice, moved));
    }
    return CLM_OK;
}

static clm_status climb(search *s)
{
    bool moved = true;
    CLM_TRY(try_variants(s, false, &moved));
    while (moved && !s->cut_short) {
        moved = false;
        for (int t = 0; t < clm_tunables(s->best.variant); t++)
            CLM_TRY(try_values(s, t, &moved));
        if (!moved) CLM_TRY(try_variants(s, true, &moved));
    }
    return CLM_OK;
}

/* --- start and end --- */

/* Goes on from what an earlier search kept, when it is still right. */
static clm_status start_from_entry(search *s)
{
    clm_choice choice;
    clm_plan *plan;
    bool right = false;
    if (s->one->tune->again ||
        !clm_tuning_find(s->one->tune->tuning, &s->solo.call, s->device, &choice))
        return CLM_OK;
    announce(s, &choice);
    clm_status status = clm_solo_plan(s->scope, &s->solo, &choice, &plan);
    if (status == CLM_OK) status = agrees(s, &choice, plan, &right);
    if (status == CLM_OK && right && verified(s, &choice)) {
        s->best = choice;
        s->best_plan = plan;
    }
    s->tried[s->trials++] = choice;
    announce(s, NULL);
    return CLM_OK;
}

static clm_status start(search *s)
{
    const clm_tune_case *one = s->one;
    CLM_TRY(clm_solo_new(s->scope, one->tune->context, one->tape, one->call, &s->solo));
    s->fallback = s->best = clm_choice_default(&s->solo.call, s->device);
    CLM_TRY(clm_solo_plan(s->scope, &s->solo, &s->fallback, &s->fallback_plan));
    s->best_plan = s->fallback_plan;
    CLM_TRY(clm_solo_expect(s->scope, &s->solo, s->fallback_plan));
    CLM_TRY(clm_solo_time(&s->solo, s->fallback_plan, &s->fallback_ns));
    s->tried[s->trials++] = s->fallback;
    return start_from_entry(s);
}

/* The best meets the default in fresh samples; the default stays within the noise. */
static clm_status finish(search *s)
{
    const clm_tune_job *tune = s->one->tune;
    const clm_tuned *before = clm_tuning_entry(tune->tuning, s->solo.call.op->name, s->one->shape);
    clm_duel duel = {.a_ns = s->fallback_ns};
    bool kept = !clm_choice_equal(&s->best, &s->fallback);
    if (kept) {
        CLM_TRY(clm_solo_duel(&s->solo, s->fallback_plan, s->best_plan, CLM_MOST_ROUNDS, &duel));
        kept = duel.effect >= fmax(worth, duel.noise) && duel.p <= 0.05 && duel.low > 0;
    }
    clm_tuned entry = candidate_of(s, s->scope, &s->best);
    if (!kept) entry.variant = entry.tunables = NULL;
    entry.default_ns = duel.a_ns;
    entry.ratio = kept ? exp(duel.effect) : 1;
    entry.low = kept ? exp(duel.low) : 1;
    entry.high = kept ? exp(duel.high) : 1;
    entry.trials = s->trials - 1 + (before ? before->trials : 0);
    entry.complete = !s->cut_short;
    entry.from = clm_text(s->scope, "%s", tune->from);
    clm_tuning_put(tune->tuning, &entry);
    if (tune->found) tune->found(tune->user, &entry);
    return CLM_OK;
}

clm_status clm_tune_search(clm_scope *scope, const clm_tune_case *one)
{
    search *s = clm_alloc(scope, sizeof *s);
    s->scope = scope;
    s->one = one;
    s->device = clm_context_device(one->tune->context);
    CLM_TRY(start(s));
    CLM_TRY(climb(s));
    return finish(s);
}
