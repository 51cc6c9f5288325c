/* The search for tunables: what it keeps is right and faster, whatever it meets on the way. */
#include "unit.h"

#include "op/toy_op.h"

#include "base/text.h"
#include "bench/solo.h"
#include "bench/tune.h"
#include "bench/tune_guard.h"

#include <math.h>

enum { N = 1 << 15 }; /* a multiple of 4 */

typedef struct fixture {
    clm_scope scope;
    clm_context *context;
    const clm_device *device;
    clm_tape *tape;
    clm_tuning *tuning;
    clm_tune_job job;
    int wrong[TOY_ENDS + 1]; /* times that a candidate of each KIND was called wrong */
    int tried;
} fixture;

static int kind_of(const clm_tuned *candidate)
{
    int kind = 0;
    assert_int_equal(sscanf(candidate->tunables, "KIND=%d", &kind), 1);
    return kind;
}

static void wrong(void *user, const clm_tuned *candidate, const char *reason)
{
    assert_true(reason[0] != '\0');
    ((fixture *)user)->wrong[kind_of(candidate)]++;
}

static void trying(void *user, const clm_tuned *candidate)
{
    ((fixture *)user)->tried += candidate != NULL;
}

static bool record(fixture *f)
{
    const clm_device *devices;
    size_t count;
    if (clm_devices_select(&f->scope, NULL, &devices, &count) != CLM_OK) return false;
    f->device = devices;
    assert_ok(clm_context_open(&f->scope, devices, NULL, &f->context));
    float *value = clm_alloc_array(&f->scope, N, sizeof *value);
    for (int i = 0; i < N; i++)
        value[i] = (float)(i % 1000 + 1);
    f->tape = clm_tape_new(&f->scope, f->context, clm_parameters_new(&f->scope, 0), 0);
    clm_tensor *x = clm_input_f32(f->tape, "x", value, CLM_DIMS(N));
    clm_tensor *y = clm_activation(f->tape, "y", CLM_F32, CLM_DIMS(N));
    clm_record(f->tape, &(clm_call){.op = &toy_op, .arg = {x, y}});
    clm_keep(f->tape, y);
    assert_ok(clm_tape_plan(f->tape));
    return true;
}

static fixture *open_tape(void)
{
    static fixture f;
    f = (fixture){0};
    toy_dangerous = false;
    if (!record(&f)) skip();
    f.tuning = clm_tuning_new(&f.scope, f.device);
    f.job = (clm_tune_job){.context = f.context,
                           .tuning = f.tuning,
                           .from = "a test",
                           .deadline_ns = clm_now_ns() + 60e9,
                           .trying = trying,
                           .wrong = wrong,
                           .user = &f};
    return &f;
}

/* Nanoseconds of a run with these tunables. */
static double time_of(fixture *f, clm_solo *solo, int kind, int rounds)
{
    const clm_choice choice = {.variant = toy_op.variant, .fixed = true, .tune = {kind, rounds}};
    clm_plan *plan;
    double ns;
    assert_ok(clm_solo_plan(&f->scope, solo, &choice, &plan));
    assert_ok(clm_solo_time(solo, plan, &ns));
    return ns;
}

/* Property: a wrong kernel is never kept, although it is faster than all others: neither one that
 * differs at the shape that is timed, nor one that differs elsewhere. One that does not build does
 * not end the search; the fastest of the right ones is kept. */
static void a_wrong_kernel_is_never_kept(void **state)
{
    (void)state;
    fixture *f = open_tape();
    clm_solo solo;
    assert_ok(clm_solo_new(&f->scope, f->context, f->tape, 0, &solo));
    const double right = time_of(f, &solo, TOY_RIGHT, 4);
    assert_true(time_of(f, &solo, TOY_WRONG, 64) < right);
    assert_true(time_of(f, &solo, TOY_WRONG_TAIL, 64) < right);
    assert_ok(clm_tune_tapes(&f->job, &f->tape, 1));
    const clm_tuned *entry = clm_tuning_entry(f->tuning, "toy_double", "N=32768");
    assert_non_null(entry);
    assert_non_null(entry->variant);
    assert_string_equal(entry->tunables, "KIND=1 ROUNDS=4");
    assert_true(entry->complete && entry->ratio > 1.03 && entry->low > 1);
    assert_true(entry->low <= entry->ratio && entry->ratio <= entry->high);
    assert_true(f->wrong[TOY_WRONG] > 0 && f->wrong[TOY_WRONG_TAIL] > 0);
    assert_int_equal(f->wrong[TOY_RIGHT], 0);
    clm_scope_end(&f->scope);
}

/* Property: a second search does not repeat the first one, unless it is asked to, and an entry that
 * has become wrong does not survive it. */
static void a_second_search_goes_on(void **state)
{
    (void)state;
    fixture *f = open_tape();
    clm_tuned entry = {.op = "toy_double",
                       .shape = "N=32768",
                       .variant = "plain",
                       .tunables = "KIND=1 ROUNDS=16",
                       .ratio = 2,
                       .complete = true};
    clm_tuning_put(f->tuning, &entry);
    assert_ok(clm_tune_tapes(&f->job, &f->tape, 1));
    assert_int_equal(f->tried, 0);
    entry.complete = false;
    entry.tunables = "KIND=2";
    clm_tuning_put(f->tuning, &entry);
    assert_ok(clm_tune_tapes(&f->job, &f->tape, 1));
    const clm_tuned *after = clm_tuning_entry(f->tuning, "toy_double", "N=32768");
    assert_true(f->wrong[TOY_WRONG] > 0);
    assert_string_equal(after->tunables, "KIND=1 ROUNDS=4");
    clm_scope_end(&f->scope);
}

/* Property: of two plans that are the same, neither wins. */
static void the_default_stays_within_the_noise(void **state)
{
    (void)state;
    fixture *f = open_tape();
    clm_solo solo;
    clm_plan *a, *b;
    clm_duel duel;
    assert_ok(clm_solo_new(&f->scope, f->context, f->tape, 0, &solo));
    assert_ok(clm_solo_plan(&f->scope, &solo, NULL, &a));
    assert_ok(clm_solo_plan(&f->scope, &solo, NULL, &b));
    assert_ok(clm_solo_duel(&solo, a, b, CLM_MOST_ROUNDS, &duel));
    assert_false(duel.low > 0 && duel.p <= 0.05 && duel.effect > fmax(0.03, duel.noise));
    assert_true(duel.low <= duel.effect && duel.effect <= duel.high);
    clm_scope_end(&f->scope);
}

/* Property: a search whose process a candidate ends goes on in another one, without it. */
static void a_crash_costs_one_candidate(void **state)
{
    (void)state;
    fixture *f = open_tape();
    char folder[] = "/tmp/clmoe-test-XXXXXX";
    const char *const argument[] = {"search", NULL};
    int code = -1;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_CACHE_HOME", folder, 1), 0);
    const clm_tune_guard guard = {
        .device = f->device, .argument = argument, .budget_s = 60, .candidate_s = 60};
    assert_ok(clm_tune_guarded(&guard, &code));
    assert_int_equal(code, 0);
    clm_tuning *tuning = NULL;
    assert_ok(clm_tuning_load(&f->scope, f->device, &tuning));
    assert_true(clm_tuning_ended(tuning, "toy_double", "N=32768", "plain", "KIND=5 ROUNDS=64"));
    const clm_tuned *entry = clm_tuning_entry(tuning, "toy_double", "N=32768");
    assert_non_null(entry);
    assert_non_null(entry->tunables);
    assert_string_equal(entry->tunables, "KIND=1 ROUNDS=4");
    assert_int_equal(system(clm_text(&f->scope, "rm -rf '%s'", folder)), 0);
    clm_scope_end(&f->scope);
}

static void say_trying(void *user, const clm_tuned *candidate)
{
    (void)user;
    clm_tune_say_trying(candidate);
}

/* The searching process of the last test. */
static int search(void)
{
    static fixture f;
    if (!record(&f) || clm_tune_table(&f.scope, f.device, &f.tuning) != CLM_OK) return 2;
    toy_dangerous = true;
    const clm_tune_job job = {.context = f.context,
                              .tuning = f.tuning,
                              .from = "a test",
                              .deadline_ns = clm_now_ns() + 60e9,
                              .trying = say_trying};
    if (clm_tune_tapes(&job, &f.tape, 1) != CLM_OK) return 3;
    return clm_tuning_save(&f.scope, f.tuning, NULL, NULL) == CLM_OK ? 0 : 4;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "search") == 0) return search();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_kernel_is_never_kept),
        cmocka_unit_test(a_second_search_goes_on),
        cmocka_unit_test(the_default_stays_within_the_noise),
        cmocka_unit_test(a_crash_costs_one_candidate),
    };
    return cmocka_run_group_tests_name("bench/tune", tests, NULL, NULL);
}
