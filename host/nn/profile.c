#include "nn/profile.h"

#include "base/text.h"
#include "nn/tape_internal.h"

#include <math.h>
#include <string.h>

enum { LEAST = 5, MOST = 20, WINDOW = 8, MOST_WARM = 4096, MOST_REPLAYS = 4096, POINTS = 4 };

clm_profile_options clm_profile_default(void)
{
    return (clm_profile_options){.warm_s = 0.2, .most_warm_s = 2, .seconds = 1, .least_ns = 100e3};
}

typedef struct profiler {
    clm_scope *scope;
    clm_context *context;
    clm_tape *const *tape;
    int tapes, next; /* next: whose turn it is */
    size_t calls;
    const clm_profile_options *options;
    clm_profile *out;
    double *sample;    /* [calls, MOST] */
    double idle[MOST]; /* share of a sample without a kernel */
    size_t samples;
} profiler;

/* The calls first ... end - 1 of the next tape, `times` times. */
static clm_status replay(profiler *p, size_t first, size_t end, int64_t times)
{
    for (int64_t i = 0; i < times; i++) {
        CLM_TRY(clm_plan_run_calls(p->tape[p->next]->plan, first, end));
        p->next = (p->next + 1) % p->tapes;
    }
    return CLM_OK;
}

/* Host time per replay of `times` of them, ended by a finish. */
static clm_status timed(profiler *p, size_t first, size_t end, int64_t times, double *ns)
{
    const double start = clm_now_ns();
    CLM_TRY(replay(p, first, end, times));
    CLM_TRY(clm_finish(p->context));
    *ns = (clm_now_ns() - start) / (double)times;
    return CLM_OK;
}

/* Until the median of a window of replays is that of the window before, within 1 %. The first
 * replay compiles; `median` is of the last ones. */
static clm_status warm_up(profiler *p, double *median)
{
    double *ns = clm_alloc_array(p->scope, MOST_WARM, sizeof *ns);
    const double start = clm_now_ns();
    size_t n = 0;
    for (int t = 0; t < p->tapes; t++)
        CLM_TRY(timed(p, 0, p->calls, 1, &ns[0]));
    for (double seconds = 0; n < MOST_WARM; seconds = (clm_now_ns() - start) * 1e-9) {
        if (n >= LEAST && seconds > p->options->most_warm_s) break;
        if (n >= 2 * WINDOW && seconds > p->options->warm_s) {
            const double before = clm_summarise(ns + n - 2 * WINDOW, WINDOW).median;
            if (fabs(clm_summarise(ns + n - WINDOW, WINDOW).median / before - 1) < 0.01) break;
        }
        CLM_TRY(timed(p, 0, p->calls, 1, &ns[n++]));
    }
    const size_t last = n < WINDOW ? n : WINDOW;
    *median = clm_summarise(ns + n - last, last).median;
    return CLM_OK;
}

/* Whether there are samples enough. */
static bool enough(const profiler *p, size_t samples, double start)
{
    return samples == MOST ||
           (samples >= LEAST && (clm_now_ns() - start) * 1e-9 > p->options->seconds);
}

static clm_status measure_wall(profiler *p)
{
    double ns[MOST];
    size_t n = 0;
    for (const double start = clm_now_ns(); !enough(p, n, start); n++)
        CLM_TRY(timed(p, 0, p->calls, p->out->replays, &ns[n]));
    p->out->wall_ns = clm_summarise(ns, n);
    return CLM_OK;
}

/* --- by events --- */

/* One sample of every call: the mean over the replays of a batch. Tapes record the same calls, so
 * that launches of all of them are numbered alike. */
static clm_status sample_events(profiler *p)
{
    const clm_plan *plan = p->tape[0]->plan;
    const size_t launches = clm_plan_launches(plan);
    clm_profile *out = p->out;
    double first = 0, wall = 0, busy = 0;
    clm_events_start(p->context);
    clm_status status = timed(p, 0, p->calls, out->replays, &wall);
    for (size_t i = 0; status == CLM_OK && i < clm_events_count(p->context); i++) {
        const size_t call = clm_plan_launch_call(plan, i % launches);
        clm_launch_profile l = {.call = call};
        status = clm_events_ns(p->context, i, &l.queued, &l.start, &l.end);
        if (i % launches == 0) first = l.queued;
        busy += (l.end - l.start) / out->replays;
        p->sample[call * MOST + p->samples] += (l.end - l.start) / out->replays;
        out->launch[i % launches] =
            (clm_launch_profile){call, l.queued - first, l.start - first, l.end - first};
    }
    clm_events_stop(p->context);
    p->idle[p->samples++] = 1 - busy / wall; /* of the same replays: a machine's speed drifts */
    return status;
}

static clm_status measure_events(profiler *p)
{
    p->out->timer = "events";
    p->out->launches = clm_plan_launches(p->tape[0]->plan);
    p->out->launch = clm_alloc_array(p->scope, p->out->launches + 1, sizeof *p->out->launch);
    for (const double start = clm_now_ns(); !enough(p, p->samples, start);)
        CLM_TRY(sample_events(p));
    p->out->overhead = clm_summarise(p->idle, p->samples).median;
    return CLM_OK;
}

/* --- by wall slope --- */

/* Slope of the least-squares line through the host's time of n, 2n, 4n and 8n repetitions: what is
 * paid once for each finish is its intercept. */
static clm_status slope(profiler *p, size_t call, int64_t n, double *ns)
{
    double x[POINTS], y[POINTS], mx = 0, my = 0, above = 0, below = 0;
    for (int i = 0; i < POINTS; i++, n *= 2) {
        CLM_TRY(timed(p, call, call + 1, n, &y[i]));
        x[i] = (double)n;
        y[i] *= x[i];
        mx += x[i] / POINTS;
        my += y[i] / POINTS;
    }
    for (int i = 0; i < POINTS; i++) {
        above += (x[i] - mx) * (y[i] - my);
        below += (x[i] - mx) * (x[i] - mx);
    }
    *ns = above / below;
    return CLM_OK;
}

/* Calls are repeated where they stand in the replay, while what they read is there and what comes
 * later has not taken its place. */
static clm_status measure_slopes(profiler *p)
{
    p->out->timer = "wall slope";
    p->out->why = clm_quirk_about(CLM_QUIRK_FAKE_EVENTS);
    const double share_s = p->options->seconds / (double)(p->calls + 1);
    for (size_t c = 0; c < p->calls; c++) {
        double once = 0;
        p->next = 0;
        for (int t = 0; t < p->tapes; t++)
            CLM_TRY(timed(p, c, c + 1, 1, &once));
        const double wanted = p->options->least_ns / (once > 1 ? once : 1);
        const int64_t n = wanted < 1 ? 1 : wanted > MOST_REPLAYS ? MOST_REPLAYS : (int64_t)wanted;
        size_t s = 0;
        for (const double start = clm_now_ns();
             s < LEAST || (s < MOST && (clm_now_ns() - start) * 1e-9 < share_s); s++)
            CLM_TRY(slope(p, c, n, &p->sample[c * MOST + s]));
        if (p->samples == 0 || s < p->samples) p->samples = s;
    }
    return CLM_OK;
}

/* --- the result --- */

static double footprint(const clm_call *call)
{
    double bytes = 0;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        bool seen = !call->arg[o];
        for (int before = 0; before < o; before++)
            seen |= call->arg[before] == call->arg[o];
        if (!seen) bytes += (double)clm_tensor_bytes(call->arg[o]);
    }
    return bytes;
}

static void describe(profiler *p)
{
    const clm_tape *tape = p->tape[0];
    clm_profile *out = p->out;
    out->calls = p->calls;
    out->call = clm_alloc_array(p->scope, p->calls + 1, sizeof *out->call);
    for (size_t c = 0; c < p->calls; c++) {
        const clm_choice *choice = clm_plan_choice(tape->plan, c);
        const clm_call *call = tape->call[c];
        out->call[c] = (clm_call_profile){.call = call,
                                          .variant = choice->variant->name,
                                          .tunables = clm_choice_text(p->scope, choice),
                                          .library = clm_choice_library(p->scope, choice),
                                          .ns = clm_summarise(p->sample + c * MOST, p->samples),
                                          .footprint_bytes = footprint(call)};
        if (call->op->cost) out->call[c].cost = call->op->cost(call);
    }
    for (size_t i = 0; i < clm_plan_launches(tape->plan); i++)
        out->call[clm_plan_launch_call(tape->plan, i)].launches++;
}

clm_status clm_profile_tapes(clm_scope *scope, clm_tape *const *tape, int tapes,
                             const clm_profile_options *options, clm_profile *profile)
{
    profiler p = {.scope = scope,
                  .context = tape[0]->context,
                  .tape = tape,
                  .tapes = tapes,
                  .calls = tape[0]->calls,
                  .options = options,
                  .out = profile};
    const clm_device *device = clm_context_device(p.context);
    double median;
    *profile = (clm_profile){.replays = 1};
    p.sample = clm_alloc_array(scope, p.calls * MOST + 1, sizeof *p.sample);
    for (int t = 0; t < tapes; t++)
        CLM_TRY(clm_tape_run(tape[t], options->step_index, 0));
    CLM_TRY(warm_up(&p, &median));
    if (median < options->least_ns)
        profile->replays = (int)fmin(ceil(options->least_ns / median), MOST_REPLAYS);
    CLM_TRY(measure_wall(&p));
    if (device->quirks & CLM_QUIRK_FAKE_EVENTS)
        CLM_TRY(measure_slopes(&p));
    else
        CLM_TRY(measure_events(&p));
    describe(&p);
    if (device->quirks & CLM_QUIRK_FAKE_EVENTS)
        profile->overhead = 1 - clm_profile_ns(profile, 0, p.calls) / profile->wall_ns.median;
    return CLM_OK;
}

double clm_profile_ns(const clm_profile *profile, size_t first, size_t end)
{
    double sum = 0;
    for (size_t c = first; c < end; c++)
        sum += profile->call[c].ns.median;
    return sum;
}
