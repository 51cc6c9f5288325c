#include "bench/peak_run.h"

#include "base/text.h"
#include "bench/environment.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* What is faster than something that is at least as fast by its nature was not measured right. */
typedef struct limit {
    clm_peak_kind kind;
    const char *of; /* null: any */
    double per_fma; /* most, for each f32 multiply-add */
    const char *reason;
} limit;

static const limit limits[] = {
    {CLM_PEAK_FMA, "f64", 2, "more flops than in f32"},
    {CLM_PEAK_EXP, NULL, 1, "more than one for each multiply-add"},
    {CLM_PEAK_ATOMIC, NULL, 1, "more than one for each multiply-add"},
};

static void mark_implausible(clm_peak *peak, double fma_f32)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const limit *row = &limits[i];
        if (peak->kind != row->kind || (row->of != NULL && strcmp(peak->of, row->of) != 0) ||
            !(peak->median > CLM_IMPLAUSIBLE_SHARE * row->per_fma * fma_f32))
            continue;
        peak->status = "implausible";
        peak->reason = row->reason;
    }
}

/* Whether `a` is the better of two measurements of one roof. */
static bool better(const clm_peak *a, const clm_peak *b)
{
    if (isnan(a->median) || isnan(b->median)) return isnan(b->median) && !isnan(a->median);
    const bool shorter_is_better =
        a->kind == CLM_PEAK_LAUNCH_LATENCY || a->kind == CLM_PEAK_LAUNCH_INTERVAL;
    return shorter_is_better ? a->median < b->median : a->median > b->median;
}

/* The best of each roof over the rounds, in those of the first. */
static void choose_best(clm_peak_run *run, size_t rounds)
{
    double fma_f32 = NAN;
    for (size_t i = 0; i < run->count; i++) {
        clm_peak *best = &run->peak[0][i];
        for (size_t round = 1; round < rounds; round++)
            if (better(&run->peak[round][i], best)) *best = run->peak[round][i];
        if (best->kind == CLM_PEAK_FMA && strcmp(best->of, "f32") == 0) fma_f32 = best->median / 2;
    }
    for (size_t i = 0; i < run->count; i++)
        mark_implausible(&run->peak[0][i], fma_f32);
}

static clm_status measure_parts(clm_peak_run *run)
{
    CLM_TRY(clm_peak_compute(run));
    CLM_TRY(clm_peak_memory(run));
    return clm_peak_host(run);
}

static clm_status measure_round(clm_peak_run *run, size_t round)
{
    clm_scope scope = {0};
    run->round_scope = &scope;
    run->round = round;
    run->count = 0;
    const clm_status status = measure_parts(run);
    clm_scope_end(&scope);
    return status;
}

/* As many rounds as the budget has time for, the first in any case. */
static clm_status measure_rounds(clm_peak_run *run)
{
    const double begun = clm_now_ns();
    size_t rounds = 0;
    double last_ns = 0;
    while (rounds == 0 || (rounds < CLM_PEAK_ROUNDS &&
                           clm_now_ns() + last_ns - begun <= run->options->budget_s * 1e9)) {
        const double round_begun = clm_now_ns();
        CLM_TRY(measure_round(run, rounds++));
        last_ns = clm_now_ns() - round_begun;
    }
    choose_best(run, rounds);
    return CLM_OK;
}

static const char *now(clm_scope *scope)
{
    const time_t seconds = time(NULL);
    struct tm utc;
    char text[32];
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    return clm_text(scope, "%s", text);
}

static void release(void *object) { json_decref(object); }

clm_status clm_peak_measure(clm_scope *scope, clm_context *context, const clm_peak_options *options,
                            const clm_roofs **roofs)
{
    const clm_device *device = clm_context_device(context);
    if ((device->quirks & CLM_QUIRK_EMULATED) != 0)
        return clm_skip("%s: %s", device->name, clm_quirk_about(CLM_QUIRK_EMULATED));
    clm_peak_run *run = clm_alloc(scope, sizeof *run);
    *run = (clm_peak_run){.scope = scope, .context = context, .device = device, .options = options};
    run->vectors = device->device_class == CLM_CPU && device->vector_width >= 4;
    json_t *environment = clm_environment(device);
    clm_scope_defer(scope, release, environment);
    CLM_TRY(clm_timer_audit(context, &run->timer));
    CLM_TRY(measure_rounds(run));
    (void)json_object_set_new(environment, "load_after", clm_host_load());
    clm_roofs *made = clm_alloc(scope, sizeof *made);
    *made = (clm_roofs){.key = device->key,
                        .device = device->name,
                        .measured = now(scope),
                        .timer = clm_text(scope, "%s", run->timer.about),
                        .peak = run->peak[0],
                        .count = run->count,
                        .environment = environment};
    *roofs = made;
    return CLM_OK;
}
