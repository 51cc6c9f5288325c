/* Profiles on the first device there is. */
#include "unit.h"

#include "nn/profile.h"
#include "nn/workload.h"

#include <math.h>
#include <string.h>

static clm_context *context; /* null: no device */

static clm_tape *ffn(clm_scope *scope, const clm_workload *w, const char *variant)
{
    clm_bench bench;
    assert_true(clm_bench_find("expert_ffn", &bench));
    clm_tape *tape = clm_tape_new(scope, context, NULL, 0);
    clm_bench_record(tape, &bench, w, true);
    clm_tape_set_variant(tape, variant);
    assert_ok(clm_tape_plan(tape));
    return tape;
}

static clm_workload small(clm_scope *scope)
{
    clm_workload w = clm_workload_default();
    w.nodes = 600;
    w.edges = 100;
    assert_ok(clm_workload_draw(scope, &w));
    return w;
}

static void check(const clm_profile *p, const clm_tape *tape)
{
    double sum = 0;
    size_t launches = 0;
    assert_int_equal(p->calls, clm_tape_calls(tape));
    for (size_t c = 0; c < p->calls; c++) {
        assert_ptr_equal(p->call[c].call, clm_tape_call(tape, c));
        assert_true(p->call[c].ns.n >= 5);
        assert_true(isfinite(p->call[c].ns.median));
        sum += p->call[c].ns.median;
        launches += p->call[c].launches;
    }
    assert_int_equal(launches, clm_tape_launches(tape));
    assert_true(fabs(clm_profile_ns(p, 0, p->calls) - sum) <= 1e-9 * sum);
    assert_true(p->wall_ns.median > 0);
}

/* Property: every call has a time, times add up, and the kernels of a replay lie in it: none
 * starts before it is enqueued or ends before it starts. */
static void events(void **state)
{
    (void)state;
    if (!context || clm_context_device(context)->quirks & CLM_QUIRK_FAKE_EVENTS) skip();
    clm_scope scope = {0};
    const clm_workload w = small(&scope);
    clm_tape *tape = ffn(&scope, &w, NULL);
    clm_profile_options options = clm_profile_default();
    options.most_warm_s = options.seconds = 0.1;
    clm_profile p;
    assert_ok(clm_profile_tapes(&scope, &tape, 1, &options, &p));
    check(&p, tape);
    assert_string_equal(p.timer, "events");
    assert_true(p.overhead < 1);
    for (size_t i = 0; i < p.launches; i++) {
        assert_true(p.launch[i].queued <= p.launch[i].start && p.launch[i].start < p.launch[i].end);
        assert_in_range(p.launch[i].call, 0, p.calls - 1);
    }
    clm_scope_end(&scope);
}

/* Property: where events are not times, the slopes of repeated calls are: they agree with the
 * events of a device that has them within a factor, and what is read stays in place: repeated calls
 * leave the results of a replay. */
static void slopes(void **state)
{
    (void)state;
    if (!context) skip();
    clm_scope scope = {0};
    const clm_workload w = small(&scope);
    clm_tape *tape = ffn(&scope, &w, NULL);
    clm_device *device = (clm_device *)clm_context_device(context);
    const uint32_t quirks = device->quirks;
    clm_profile_options options = clm_profile_default();
    options.most_warm_s = options.seconds = 0.1;
    clm_profile by_events, p;
    assert_ok(clm_profile_tapes(&scope, &tape, 1, &options, &by_events));
    device->quirks |= CLM_QUIRK_FAKE_EVENTS;
    const clm_status status = clm_profile_tapes(&scope, &tape, 1, &options, &p);
    device->quirks = quirks;
    assert_ok(status);
    check(&p, tape);
    assert_string_equal(p.timer, "wall slope");
    assert_non_null(p.why);
    assert_null(p.launch);
    if (!(quirks & CLM_QUIRK_FAKE_EVENTS)) {
        const double ratio =
            clm_profile_ns(&p, 0, p.calls) / clm_profile_ns(&by_events, 0, by_events.calls);
        assert_true(ratio > 0.2 && ratio < 10); /* launches are in the slope, other jobs in both */
    }
    clm_scope_end(&scope);
}

/* Property: several tapes in turn take the same calls as one, and the named variant computes them. */
static void sets(void **state)
{
    (void)state;
    if (!context) skip();
    clm_scope scope = {0};
    const clm_workload w = small(&scope);
    clm_tape *tape[3];
    for (int t = 0; t < 3; t++)
        tape[t] = ffn(&scope, &w, "plain");
    clm_profile_options options = clm_profile_default();
    options.most_warm_s = options.seconds = 0.1;
    clm_profile p;
    assert_ok(clm_profile_tapes(&scope, tape, 3, &options, &p));
    check(&p, tape[0]);
    for (size_t c = 0; c < p.calls; c++)
        assert_string_equal(p.call[c].variant, "plain");
    clm_scope_end(&scope);
}

int main(void)
{
    clm_scope scope = {0};
    const clm_device *devices;
    size_t count = 0;
    if (clm_devices_select(&scope, NULL, &devices, &count) == CLM_OK && count > 0)
        assert_ok(clm_context_open(&scope, &devices[0], NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(events), cmocka_unit_test(slopes),
                                       cmocka_unit_test(sets)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clm_scope_end(&scope);
    return failed;
}
