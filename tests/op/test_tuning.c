/* Tables of tunings: their file, what they say of a call, and what they do not. */
#include "unit.h"

#include "op/toy_op.h"

#include "base/text.h"

static clm_device device = {.key = "0123",
                            .name = "a \"device\"",
                            .driver = "1.0",
                            .device_class = CLM_CPU,
                            .vector_width = 8};

static clm_tensor x = {.type = CLM_F32, .rank = 1, .dim = {1000}},
                  y = {.type = CLM_F32, .rank = 1, .dim = {1000}},
                  extra = {.type = CLM_F32, .rank = 2, .dim = {3, 5}};

static clm_call call_of(int64_t n)
{
    x.dim[0] = y.dim[0] = n;
    return (clm_call){.op = &toy_op, .arg = {&x, &y}};
}

static const char *folder(clm_scope *scope)
{
    char *path =
        clm_text(scope, "%s/clmoe-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

/* A table from text, in a file that is gone afterwards. */
static clm_status read_text(clm_scope *scope, const char *text, clm_tuning **tuning)
{
    const char *where = folder(scope), *path = clm_text(scope, "%s/t.yaml", where);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    const clm_status status = clm_tuning_read(scope, path, tuning);
    (void)remove(path);
    (void)rmdir(where);
    return status;
}

/* Property: sizes that round to the same power of two are of one class, others are not; an operand
 * that may be absent counts. */
static void classes_round_sizes(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_call call = call_of(1000);
    assert_string_equal(clm_shape_class(&scope, &call), "N=1024");
    call = call_of(1400);
    assert_string_equal(clm_shape_class(&scope, &call), "N=1024");
    call = call_of(1500);
    assert_string_equal(clm_shape_class(&scope, &call), "N=2048");
    call = call_of(1);
    call.arg[2] = &extra;
    assert_string_equal(clm_shape_class(&scope, &call), "N=1 S=4 T=4 extra");
    call = call_of(1);
    y.type = CLM_BF16;
    assert_string_equal(clm_shape_class(&scope, &call), "N=1 bf16");
    y.type = CLM_F32;
    clm_scope_end(&scope);
}

/* Property: what is saved is read back, under the user's cache folder, before the program's. */
static void a_table_survives_its_file(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *cache = folder(&scope), *path = NULL;
    assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
    clm_tuning *tuning = clm_tuning_new(&scope, &device), *back = NULL;
    clm_tuned entry = {.op = "toy_double",
                       .shape = "N=1024",
                       .variant = "plain",
                       .tunables = "ROUNDS=16",
                       .from = "here: \"there\" \\",
                       .default_ns = 1234,
                       .ratio = 1.5,
                       .low = 1.25,
                       .high = 1.75,
                       .trials = 7,
                       .complete = true};
    assert_int_equal(clm_tuning_load(&scope, &device, &back), CLM_SKIP);
    assert_non_null(strstr(clm_error_last()->advice, "clmoe tune"));
    clm_tuning_put(tuning, &entry);
    entry.variant = entry.tunables = NULL;
    entry.shape = "N=2048";
    clm_tuning_put(tuning, &entry);
    clm_tuning_put(tuning, &entry); /* in the place of the first */
    clm_tuning_add_seconds(tuning, 12);
    const clm_tuned bad = {.op = "toy_double",
                           .shape = "N=1024",
                           .variant = "plain",
                           .tunables = "KIND=5",
                           .reason = "signal 11"};
    clm_tuning_put_ended(tuning, &bad);
    assert_ok(clm_tuning_save(&scope, tuning, NULL, &path));
    assert_ok(clm_tuning_load(&scope, &device, &back));
    const clm_tuned *one = clm_tuning_entry(back, "toy_double", "N=1024");
    assert_non_null(one);
    assert_string_equal(one->variant, "plain");
    assert_string_equal(one->tunables, "ROUNDS=16");
    assert_string_equal(one->from, "here: \"there\" \\");
    assert_true(one->ratio == 1.5 && one->low == 1.25 && one->high == 1.75);
    assert_true(one->default_ns == 1234 && one->trials == 7 && one->complete);
    assert_null(clm_tuning_entry(back, "toy_double", "N=2048")->variant);
    assert_true(clm_tuning_ended(back, "toy_double", "N=1024", "plain", "KIND=5"));
    assert_false(clm_tuning_ended(back, "toy_double", "N=2048", "plain", "KIND=5"));
    clm_tuning_put(back, &entry); /* over one from the file, which the file's memory outlives */
    assert_string_equal(clm_tuning_entry(back, "toy_double", "N=2048")->op, "toy_double");
    const clm_tuning_facts facts = clm_tuning_about(back);
    assert_string_equal(facts.path, path);
    assert_int_equal(strlen(facts.sha256), 64);
    assert_true(facts.seconds == 12);
    assert_int_equal(facts.entries, 2);
    (void)remove(path);
    (void)rmdir(clm_text(&scope, "%s/clmoe/tuning", cache));
    (void)rmdir(clm_text(&scope, "%s/clmoe", cache));
    (void)rmdir(cache);
    clm_scope_end(&scope);
}

static const char head[] = "device: \"0123\"\nname: d\ndriver: d\nentries:\n";

/* Property: an entry gives its own class its values, and the tunables it does not name their
 * defaults; other classes have no entry. */
static void an_entry_is_for_its_class(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_tuning *tuning = NULL;
    clm_choice choice;
    assert_ok(read_text(&scope,
                        clm_text(&scope,
                                 "%s  - {operator: toy_double, class: N=1024, variant: plain, "
                                 "tunables: ROUNDS=4}\n  - {operator: toy_double, class: N=4}\n",
                                 head),
                        &tuning));
    clm_call call = call_of(1000);
    assert_true(clm_tuning_find(tuning, &call, &device, &choice));
    assert_ptr_equal(choice.variant, &toy_op.variant[0]);
    assert_true(choice.fixed && choice.tune[0] == TOY_RIGHT && choice.tune[1] == 4);
    call = call_of(100);
    assert_false(clm_tuning_find(tuning, &call, &device, &choice));
    call = call_of(4); /* an entry that keeps the default */
    assert_false(clm_tuning_find(tuning, &call, &device, &choice));
    assert_int_equal(clm_tuning_about(tuning).ignored, 0);
    clm_scope_end(&scope);
}

/* Property: an entry that names what there is not is ignored, and file and line are said. */
static void nonsense_is_ignored_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *words;
    } cases[] = {
        {"variant: cpu, tunables: ROUNDS=4", ":6:15: toy_double has no variant 'cpu'"},
        {"variant: plain, tunables: ROUND=4",
         ":6:32: toy_double, variant plain, has no tunable 'ROUND'"},
        {"variant: plain, tunables: ROUNDS=5",
         ":6:32: ROUNDS of toy_double, variant plain, cannot be 5"},
        {"variant: plain, tunables: ROUNDS=4x", ":6:32: expected NAME=number, not 'ROUNDS=4x'"},
        {"variant: plain, tunables: KIND=1 ROUNDS", ":6:32: expected NAME=number, not 'ROUNDS'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clm_scope scope = {0};
        clm_tuning *tuning = NULL;
        clm_choice choice;
        assert_ok(
            read_text(&scope,
                      clm_text(&scope, "%s  - {operator: toy_double, class: N=1024,\n     %s}\n",
                               head, cases[i].entry),
                      &tuning));
        const clm_call call = call_of(1024);
        assert_false(clm_tuning_find(tuning, &call, &device, &choice));
        if (!strstr(clm_error_last()->what, cases[i].words)) {
            clm_error_print(stderr);
            fail_msg("expected %s", cases[i].words);
        }
        assert_int_equal(clm_tuning_about(tuning).ignored, 1);
        (void)clm_fail(CLM_ERROR_USAGE, "something else");
        assert_false(clm_tuning_find(tuning, &call, &device, &choice));
        assert_string_equal(clm_error_last()->what, "something else"); /* said once */
        clm_scope_end(&scope);
    }
}

static void mistakes_in_the_file_are_errors(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_tuning *tuning = NULL;
    assert_int_equal(read_text(&scope, clm_text(&scope, "%s  - {op: toy_double}\n", head), &tuning),
                     CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, ":5:6: unknown key 'op'"));
    clm_scope_end(&scope);
}

/* Property: a plan computes a call as its tuning says, a choice goes before, and without either it
 * is the default. */
static void a_plan_follows_its_tuning(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device *devices;
    size_t count;
    clm_context *context;
    if (clm_devices_select(&scope, NULL, &devices, &count) != CLM_OK) skip();
    assert_ok(clm_context_open(&scope, devices, NULL, &context));
    clm_tuning *tuning = clm_tuning_new(&scope, devices);
    const clm_tuned entry = {
        .op = "toy_double", .shape = "N=1024", .variant = "plain", .tunables = "ROUNDS=16"};
    clm_tuning_put(tuning, &entry);
    clm_call call = call_of(1000);
    assert_ok(clm_buffer_new(context, &scope, "x", 4000, &x.buffer));
    assert_ok(clm_buffer_new(context, &scope, "y", 4000, &y.buffer));
    clm_plan *plan = clm_plan_new(&scope, context);
    const clm_choice choice = {.variant = toy_op.variant, .fixed = true, .tune = {TOY_RIGHT, 4}};
    assert_ok(clm_plan_add(plan, &call, NULL));
    clm_plan_set_tuning(plan, tuning);
    assert_ok(clm_plan_add(plan, &call, NULL));
    assert_ok(clm_plan_add(plan, &call, &choice));
    assert_ok(clm_plan_add(plan, &call, &(clm_choice){.variant = toy_op.variant}));
    static const int rounds[] = {64, 16, 4, 64};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(clm_plan_choice(plan, i)->tune[1], rounds[i]);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_round_sizes),
        cmocka_unit_test(a_table_survives_its_file),
        cmocka_unit_test(an_entry_is_for_its_class),
        cmocka_unit_test(nonsense_is_ignored_and_named),
        cmocka_unit_test(mistakes_in_the_file_are_errors),
        cmocka_unit_test(a_plan_follows_its_tuning),
    };
    return cmocka_run_group_tests_name("op/tuning", tests, NULL, NULL);
}
