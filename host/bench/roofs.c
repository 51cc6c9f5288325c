/* Which roof binds. Rates are kept per nanosecond: 1 Gflop/s is 1 flop/ns, 1 GB/s is 1 byte/ns. */
#include "bench/roofs.h"

#include <math.h>
#include <string.h>

static bool binds(const clm_peak *peak, clm_peak_kind kind)
{
    return peak->kind == kind && strcmp(peak->status, "ok") == 0 && peak->median > 0;
}

/* The largest of a kind; `of` null: any. NaN when there is none. */
static double best(const clm_roofs *roofs, clm_peak_kind kind, const char *of)
{
    double most = NAN;
    for (size_t i = 0; i < roofs->count; i++) {
        const clm_peak *peak = &roofs->peak[i];
        if (!binds(peak, kind) || (of != NULL && strcmp(peak->of, of) != 0)) continue;
        most = fmax(most, peak->median);
    }
    return most;
}

/* A device without instructions for a precision converts and computes in f32. */
static double fma_rate(const clm_roofs *roofs, const char *precision)
{
    const double rate = best(roofs, CLM_PEAK_FMA, precision != NULL ? precision : "f32");
    return isnan(rate) ? best(roofs, CLM_PEAK_FMA, "f32") : rate;
}

/* The rate of read, copy or update at a working set, beyond the measured sizes that of the nearest. */
static double at_footprint(const clm_roofs *roofs, clm_peak_kind kind, double bytes)
{
    const clm_peak *below = NULL, *above = NULL;
    for (size_t i = 0; i < roofs->count; i++) {
        const clm_peak *peak = &roofs->peak[i];
        if (!binds(peak, kind)) continue;
        if (peak->bytes <= bytes && (below == NULL || peak->bytes > below->bytes)) below = peak;
        if (peak->bytes >= bytes && (above == NULL || peak->bytes < above->bytes)) above = peak;
    }
    if (below == NULL && above == NULL) return NAN;
    if (below == NULL) return above->median;
    if (above == NULL || above->bytes <= below->bytes) return below->median;
    const double part = log(bytes / below->bytes) / log(above->bytes / below->bytes);
    return below->median * pow(above->median / below->median, part);
}

static double bandwidth(const clm_roofs *roofs, double bytes, bool in_place)
{
    const double apart =
        fmax(at_footprint(roofs, CLM_PEAK_READ, bytes), at_footprint(roofs, CLM_PEAK_COPY, bytes));
    return in_place ? fmax(apart, at_footprint(roofs, CLM_PEAK_UPDATE, bytes)) : apart;
}

static double time_of(double work, double rate) { return work > 0 ? work / rate : 0; }

clm_roof clm_roof_of(const clm_roofs *roofs, const clm_work *work)
{
    static const clm_roofs none = {0};
    if (roofs == NULL) roofs = &none;
    const double touched = work->footprint_bytes > 0 ? work->footprint_bytes : work->bytes;
    const double exps = fmin(work->exps, work->flops);
    clm_roof roof = {.gflops = fma_rate(roofs, work->precision),
                     .gbytes = bandwidth(roofs, touched, work->in_place)};
    roof.compute_ns =
        time_of(work->flops - exps, roof.gflops) + time_of(exps, best(roofs, CLM_PEAK_EXP, NULL));
    roof.bandwidth_ns = time_of(work->bytes, roof.gbytes);
    roof.launch_ns = time_of(work->launches, 1 / best(roofs, CLM_PEAK_LAUNCH_INTERVAL, NULL));
    const struct {
        const char *name;
        double ns;
    } bounds[] = {
        {"compute", roof.compute_ns}, {"bandwidth", roof.bandwidth_ns}, {"launch", roof.launch_ns}};
    roof.least_ns = NAN;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (!(bounds[i].ns > 0) || bounds[i].ns <= roof.least_ns) continue;
        roof.bound = bounds[i].name;
        roof.least_ns = bounds[i].ns;
    }
    return roof;
}
