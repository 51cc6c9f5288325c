#include "bench/sample.h"

/* Other work on the host can turn a slope round; if this long no sample came, something is wrong. */
enum { PATIENCE_NS = 1000000000 };

static clm_status enqueue(const clm_timed *timed, size_t units)
{
    for (size_t i = 0; i < units; i++)
        CLM_TRY(timed->enqueue(timed->user));
    return CLM_OK;
}

static clm_status wall_ns(clm_context *context, const clm_timed *timed, size_t units, double *ns)
{
    const double before = clm_now_ns();
    CLM_TRY(enqueue(timed, units));
    CLM_TRY(clm_finish(context));
    *ns = clm_now_ns() - before;
    return CLM_OK;
}

clm_status clm_time_once(clm_context *context, const clm_timed *timed, double *ns)
{
    return wall_ns(context, timed, 1, ns);
}

static clm_status sum_of_events(clm_context *context, double *ns)
{
    *ns = 0;
    for (size_t i = 0; i < clm_events_count(context); i++) {
        double queued, start, end;
        CLM_TRY(clm_events_ns(context, i, &queued, &start, &end));
        *ns += end - start;
    }
    return CLM_OK;
}

static clm_status by_events(clm_context *context, const clm_timed *timed, size_t units, double *ns)
{
    clm_events_start(context);
    clm_status status = enqueue(timed, units);
    if (status == CLM_OK) status = clm_finish(context);
    clm_events_stop(context);
    if (status == CLM_OK) status = sum_of_events(context, ns);
    *ns /= (double)units;
    return status;
}

/* Least squares through the times of n, 2 n, 4 n and 8 n units; the intercept is the cost of
 * submission and waiting. */
static clm_status by_slope(clm_context *context, const clm_timed *timed, size_t units, double *ns)
{
    double x = 0, y = 0, xx = 0, xy = 0;
    for (size_t times = 1; times <= 8; times *= 2) {
        double wall;
        CLM_TRY(wall_ns(context, timed, times * units, &wall));
        const double n = (double)(times * units);
        x += n;
        y += wall;
        xx += n * n;
        xy += n * wall;
    }
    *ns = (4 * xy - x * y) / (4 * xx - x * x);
    return CLM_OK;
}

clm_status clm_samples_take(clm_scope *scope, clm_context *context, const clm_timer *timer,
                            const clm_timed *timed, const clm_sampling *sampling,
                            clm_samples *samples)
{
    *samples = (clm_samples){clm_alloc_array(scope, sampling->most, sizeof(double)), 0};
    double wall, ns;
    CLM_TRY(clm_time_once(context, timed, &wall));
    CLM_TRY(clm_time_once(context, timed, &wall));
    CLM_TRY((timer->events ? by_events : by_slope)(context, timed, 1, &ns));
    const double unit = ns > 0 && ns < wall ? ns : wall;
    const size_t units = (size_t)(CLM_LEAST_SAMPLE_NS / unit) + 1;
    const double begun = clm_now_ns();
    while (samples->n < sampling->most &&
           (samples->n < sampling->least || clm_now_ns() - begun < sampling->budget_ns)) {
        CLM_TRY((timer->events ? by_events : by_slope)(context, timed, units, &ns));
        if (ns > 0)
            samples->ns[samples->n++] = ns;
        else if (clm_now_ns() - begun > sampling->budget_ns + PATIENCE_NS)
            return clm_fail(CLM_ERROR_FAILED, "the device's times do not grow with its work");
    }
    return CLM_OK;
}
