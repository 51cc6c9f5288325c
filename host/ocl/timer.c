#include "ocl/timer.h"

#include <stdio.h>

/* A chain of dependent steps, which no compiler shortens. With 16 in a round, 2 * ROUNDS rounds stay
 * below what a loop may have anywhere (CLM_QUIRK_SHORT_LOOPS). */
static const char text[] = "__kernel void timer(__global uint *x, int rounds)\n"
                           "{\n"
                           "    uint y = x[get_global_id(0)];\n"
                           "#define STEP y = y * 1664525u + 1013904223u; y ^= y >> 16;\n"
                           "#define STEPS STEP STEP STEP STEP\n"
                           "    for (int i = 0; i < rounds; i++) { STEPS STEPS STEPS STEPS }\n"
                           "    x[get_global_id(0)] = y;\n"
                           "}\n";

/* One work-item: of several a device may run two at once the first time and not the second. */
enum { ROUNDS = 20000, PAIRS = 5, TRIES = 3 };

typedef struct times {
    double event, wall;
    bool ordered;
} times;

static clm_status time_once(clm_context *context, clm_kernel *kernel, int rounds, times *t)
{
    double queued = 0, start = 0, end = 0;
    CLM_TRY(clm_kernel_arg_i32(kernel, 1, rounds));
    clm_events_start(context);
    const double before = clm_now_ns();
    clm_status status = clm_kernel_launch(kernel, &(clm_range){{1}, {1}});
    if (status == CLM_OK) status = clm_finish(context);
    t->wall = clm_now_ns() - before;
    clm_events_stop(context);
    if (status == CLM_OK) status = clm_events_ns(context, 0, &queued, &start, &end);
    t->event = end - start;
    t->ordered = queued <= start && start < end;
    return status;
}

/* Null: the times are right; else what is wrong with them. Other work on the host lengthens single
 * launches, so the shortest of several count. */
static const char *judge(const times *once, const times *twice)
{
    times least[2] = {once[0], twice[0]};
    for (int i = 0; i < PAIRS; i++) {
        if (!once[i].ordered || !twice[i].ordered) return "events end before they start";
        if (once[i].event > 1.02 * once[i].wall || twice[i].event > 1.02 * twice[i].wall)
            return "event times exceed the wall time";
        if (once[i].event < least[0].event) least[0] = once[i];
        if (twice[i].event < least[1].event) least[1] = twice[i];
    }
    const double ratio = least[1].event / least[0].event;
    return ratio > 1.8 && ratio < 2.2 ? NULL : "twice the work does not take twice the event time";
}

static clm_status audit(clm_context *context, clm_scope *scope, clm_timer *timer)
{
    const clm_source source = {"timer", text};
    clm_kernel *kernel;
    clm_buffer *x;
    times once[PAIRS], twice[PAIRS];
    CLM_TRY(clm_kernel_new(context, scope, &source, "timer", "", &kernel));
    CLM_TRY(clm_buffer_new(context, scope, "timer", sizeof(uint32_t), &x));
    CLM_TRY(clm_buffer_fill(x, 0, 1, sizeof(uint32_t)));
    CLM_TRY(clm_kernel_arg_buffer(kernel, 0, x));
    CLM_TRY(time_once(context, kernel, ROUNDS, &once[0])); /* compiles and warms up */
    const char *wrong = "";
    for (int t = 0; t < TRIES && wrong != NULL; t++) { /* other work can spoil right times */
        for (int i = 0; i < PAIRS; i++) {
            CLM_TRY(time_once(context, kernel, ROUNDS, &once[i]));
            CLM_TRY(time_once(context, kernel, 2 * ROUNDS, &twice[i]));
        }
        wrong = judge(once, twice);
    }
    timer->events = wrong == NULL;
    (void)snprintf(timer->about, sizeof timer->about, "%s%s",
                   timer->events ? "events" : "wall slope: ", timer->events ? "" : wrong);
    return CLM_OK;
}

clm_status clm_timer_audit(clm_context *context, clm_timer *timer)
{
    *timer = (clm_timer){.events = false};
    if ((clm_context_device(context)->quirks & CLM_QUIRK_FAKE_EVENTS) != 0) {
        (void)snprintf(timer->about, sizeof timer->about, "wall slope: %s",
                       clm_quirk_about(CLM_QUIRK_FAKE_EVENTS));
        return CLM_OK;
    }
    clm_scope scope = {0};
    const clm_status status = audit(context, &scope, timer);
    clm_scope_end(&scope);
    return status;
}
