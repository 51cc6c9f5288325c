#include "bench/peak_run.h"

#include "base/statistics.h"
#include "base/text.h"

#include <math.h>

extern const clm_source clm_source_peak;

enum { ROUNDS_AT = 1 }; /* place of the argument `rounds` */

enum { ENTRIES = 65, SAMPLES = 10 }; /* about as many as there are, and of each in a round */

/* The time there is for one entry in one round. */
static double each_ns(const clm_peak_run *run)
{
    return run->options->budget_s * 1e9 / (ENTRIES * CLM_PEAK_ROUNDS);
}

/* A launch that is sampled takes at least this long: longer than a sample has to, if there is time.
 * With the wall slope 15 launches make a sample, so they are shorter. */
static double launch_ns(const clm_peak_run *run)
{
    const double most = (run->timer.events ? 20 : 4) * (double)CLM_LEAST_SAMPLE_NS;
    return fmax(fmin(each_ns(run) / 50, most), CLM_LEAST_SAMPLE_NS);
}

/* --- kernels --- */

clm_status clm_peak_build(clm_peak_run *run, const char *name, const char *type, const char *define,
                          const clm_peak_shape *shape, clm_peak_kernel *kernel)
{
    const size_t local = (size_t)shape->local;
    const size_t groups = (size_t)shape->groups * run->device->compute_units;
    *kernel = (clm_peak_kernel){
        .shape = *shape, .range = {{groups * local}, {local}}, .rounds = 1, .most_rounds = 1 << 20};
    if ((run->device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0) kernel->most_rounds = 60000;
    return clm_kernel_new(run->context, run->round_scope, &clm_source_peak, name,
                          clm_text(run->scope, "-DTYPE=%s -DWIDTH=%d -DCHAINS=%d -DLOCAL=%d -D%s",
                                   type, shape->width, shape->chains, shape->local, define),
                          &kernel->kernel);
}

clm_status clm_peak_once(clm_peak_run *run, const clm_peak_kernel *kernel, int rounds)
{
    CLM_TRY(clm_kernel_arg_i32(kernel->kernel, ROUNDS_AT, rounds));
    CLM_TRY(clm_kernel_launch(kernel->kernel, &kernel->range));
    return clm_finish(run->context);
}

static clm_status launch(void *user)
{
    const clm_peak_kernel *kernel = user;
    return clm_kernel_launch(kernel->kernel, &kernel->range);
}

/* As many rounds as make a launch long enough; the first launch may compile. */
static clm_status choose_rounds(clm_peak_run *run, clm_peak_kernel *kernel)
{
    enum { STEPS = 12, MOST_GROWTH = 32 };
    const clm_timed timed = {launch, kernel};
    const double enough = launch_ns(run);
    kernel->rounds = 1;
    CLM_TRY(clm_peak_once(run, kernel, kernel->rounds));
    for (int i = 0; i < STEPS; i++) {
        double ns;
        CLM_TRY(clm_time_once(run->context, &timed, &ns));
        if (ns >= enough || kernel->rounds == kernel->most_rounds) break;
        const double growth = fmin(fmax(1.2 * enough / ns, 1.2), MOST_GROWTH);
        kernel->rounds = (int)fmin(ceil(growth * kernel->rounds), kernel->most_rounds);
        CLM_TRY(clm_kernel_arg_i32(kernel->kernel, ROUNDS_AT, kernel->rounds));
    }
    return CLM_OK;
}

/* --- samples --- */

static void summarise(clm_peak *peak, const clm_samples *samples, double work)
{
    for (size_t i = 0; i < samples->n && work > 0; i++)
        samples->ns[i] = work / samples->ns[i];
    peak->median = clm_summarise(samples->ns, samples->n).median;
    clm_median_interval(samples->ns, samples->n, &peak->low, &peak->high);
    peak->samples = samples->n;
}

static clm_sampling sampling(const clm_peak_run *run)
{
    return (clm_sampling){.least = 5, .most = SAMPLES, .budget_ns = each_ns(run) / 2};
}

/* The shortest of a few launches by the host's clock: enough to choose among shapes. */
static clm_status shortest(clm_peak_run *run, clm_peak_kernel *kernel, double *least)
{
    const clm_timed timed = {launch, kernel};
    CLM_TRY(choose_rounds(run, kernel));
    *least = INFINITY;
    for (int i = 0; i < 3; i++) {
        double ns;
        CLM_TRY(clm_time_once(run->context, &timed, &ns));
        *least = fmin(*least, ns);
    }
    return CLM_OK;
}

clm_status clm_peak_best(clm_peak_run *run, clm_peak_kernel *kernel, size_t kernels, clm_peak *peak)
{
    clm_peak_kernel *best = NULL;
    double most = 0, ns;
    for (size_t i = 0; i < kernels; i++) {
        if (kernel[i].kernel == NULL || shortest(run, &kernel[i], &ns) != CLM_OK) continue;
        const double rate = kernel[i].work * kernel[i].rounds / ns;
        if (rate <= most) continue;
        most = rate;
        best = &kernel[i];
    }
    if (best == NULL) {
        clm_peak_unsupported(run, peak, NULL);
        return CLM_OK;
    }
    const clm_timed timed = {launch, best};
    const clm_sampling how = sampling(run);
    clm_samples samples;
    peak->how = clm_text(run->scope, "%d lanes x %d, groups of %d", best->shape.width,
                         best->shape.chains, best->shape.local);
    CLM_TRY(clm_samples_take(run->round_scope, run->context, &run->timer, &timed, &how, &samples));
    summarise(peak, &samples, best->work * best->rounds);
    return CLM_OK;
}

clm_status clm_peak_wall(clm_peak_run *run, const clm_timed *timed, double work, clm_peak *peak)
{
    static const clm_timer wall = {.events = false};
    const clm_sampling how = sampling(run);
    clm_samples samples;
    CLM_TRY(clm_samples_take(run->round_scope, run->context, &wall, timed, &how, &samples));
    summarise(peak, &samples, work);
    return CLM_OK;
}

/* --- entries --- */

clm_peak *clm_peak_begin(clm_peak_run *run, clm_peak_kind kind, const char *of, double bytes)
{
    clm_peak *peak = &run->peak[run->round][run->count];
    *peak = (clm_peak){.kind = kind, .of = of, .bytes = bytes, .status = "ok"};
    peak->median = peak->low = peak->high = NAN;
    if (run->options->progress != NULL) {
        const char *size = bytes > 0 ? clm_text_bytes(run->scope, (uint64_t)bytes) : "";
        run->options->progress(
            run->options->user, clm_text(run->scope, "%s %s%s", clm_peak_name(kind), of, size),
            fmin((double)(run->round * ENTRIES + run->count) / (CLM_PEAK_ROUNDS * ENTRIES), 1));
    }
    run->count++;
    return peak;
}

void clm_peak_unsupported(clm_peak_run *run, clm_peak *peak, const char *reason)
{
    peak->status = "unsupported";
    peak->reason = clm_text(run->scope, "%s", reason != NULL ? reason : clm_error_last()->what);
}
