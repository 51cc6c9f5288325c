/* Records on disk: complete, found again, and safe against whatever ends the program. */
#include "toy.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const clm_run_plan *small_plan(clm_scope *scope, const char *seeds_text)
{
    const char *const model[] = {"toy", NULL}, *const data[] = {"synthetic", NULL};
    const char *const seeds[] = {seeds_text, NULL};
    const char *const set[] = {"p=0.3", NULL};
    const clm_request request = {.model = model, .data = data, .seeds = seeds, .set = set};
    const clm_run_plan *plan = NULL;
    assert_ok(clm_run_plan_make(scope, &request, &plan));
    return plan;
}

static json_t *finished(const clm_run_plan *plan, size_t cell)
{
    json_t *record = clm_record_new(plan, &plan->cell[cell]);
    json_object_set_new(record, "metrics", json_pack("{s:f}", "auc_test", 0.75));
    clm_record_finish(record, "ok", NULL);
    return record;
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void append_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Property: every member of the schema is there; what is unknown is null with a reason in its
 * group. */
static void a_record_has_all_members(void **state)
{
    (void)state;
    static const char *const members[] = {
        "schema", "suite",        "model",   "data",        "device",  "lane",  "tuning",
        "seed",   "params",       "status",  "reason",      "metrics", "curve", "time_ns",
        "rate",   "memory_bytes", "routing", "environment", "graph"};
    clm_scope scope = {0};
    const clm_run_plan *plan = small_plan(&scope, "1");
    json_t *record = finished(plan, 0);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (json_object_get(record, members[i]) == NULL) fail_msg("%s is missing", members[i]);
    }
    assert_int_equal(json_object_size(record), sizeof members / sizeof *members);
    const json_t *metrics = json_object_get(record, "metrics"),
                 *time = json_object_get(record, "time_ns");
    assert_true(json_real_value(json_object_get(metrics, "auc_test")) == 0.75);
    assert_true(json_is_null(json_object_get(metrics, "auc_val")));
    assert_string_equal(json_string_value(json_object_get(metrics, "reason")),
                        "toy did not measure it");
    assert_true(json_is_null(json_object_get(time, "train_step")));
    assert_true(json_is_null(json_object_get(record, "suite")));
    char *text = clm_record_text(record);
    assert_non_null(strstr(text, "\"p\":0.3,")); /* as written, not 0.29999999999999999 */
    assert_null(strchr(text, '\n'));
    free(text);
    json_decref(record);
    clm_scope_end(&scope);
}

static void errors_become_statuses(void **state)
{
    (void)state;
    static const struct {
        clm_status status;
        clm_error_kind kind;
        const char *word;
    } cases[] = {
        {CLM_SKIP, CLM_ERROR_FAILED, "unsupported"},
        {CLM_FAIL, CLM_ERROR_TOO_LARGE, "skipped"},
        {CLM_FAIL, CLM_ERROR_OOM, "oom"},
        {CLM_FAIL, CLM_ERROR_WRONG, "wrong"},
        {CLM_FAIL, CLM_ERROR_FAILED, "failed"},
        {CLM_FAIL, CLM_ERROR_USAGE, "failed"},
    };
    clm_scope scope = {0};
    const clm_run_plan *plan = small_plan(&scope, "1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *record = clm_record_new(plan, &plan->cell[0]);
        (void)clm_fail(cases[i].kind, "it broke");
        clm_error_during("trying");
        clm_error_advice("do better");
        clm_record_fail(record, cases[i].status, clm_error_last());
        assert_string_equal(json_string_value(json_object_get(record, "status")), cases[i].word);
        const char *reason = json_string_value(json_object_get(record, "reason"));
        assert_non_null(strstr(reason, "it broke\n  while   trying\n"));
        assert_non_null(strstr(reason, "\n  try     do better"));
        json_decref(record);
    }
    clm_scope_end(&scope);
}

static void lines_are_found_again(void **state)
{
    (void)state;
    clm_scope names = {0}, scope = {0};
    const char *base = toy_folder(&names), *run = clm_text(&names, "%s/deep/run", base);
    const clm_run_plan *plan = small_plan(&scope, "3"), *back = NULL;
    clm_records *records = NULL;
    assert_ok(clm_records_create(&scope, run, plan, &records));
    for (size_t i = 0; i < 2; i++) {
        json_t *record = finished(plan, i);
        assert_ok(clm_records_append(records, record));
        json_decref(record);
    }
    const json_t *lines = NULL;
    assert_ok(clm_records_read(&scope, run, &back, &lines));
    assert_int_equal(json_array_size(lines), 2);
    assert_non_null(clm_record_find(&scope, lines, &back->cell[1]));
    assert_null(clm_record_find(&scope, lines, &back->cell[2]));
    clm_records *second = NULL; /* while the first is open: two runs would mix their lines */
    assert_int_equal(clm_records_open(&scope, run, &back, &second), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "is being run by another process"));
    assert_int_equal(clm_records_create(&scope, run, plan, &second), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "holds a run already"));
    assert_non_null(strstr(clm_error_last()->advice, "--resume"));
    clm_scope_end(&scope);
    assert_ok(clm_records_open(&scope, run, &back, &second));
    clm_scope_end(&scope);
    toy_remove(base);
    clm_scope_end(&names);
}

/* A record of before its model had `top_k` is one of the default, no other. */
static void an_older_record_has_the_defaults(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *run = clm_text(&scope, "%s/run", base);
    const clm_run_plan *plan = small_plan(&scope, "1"), *back = NULL;
    clm_records *records = NULL;
    clm_scope first = {0};
    assert_ok(clm_records_create(&first, run, plan, &records));
    json_t *record = finished(plan, 0);
    assert_int_equal(json_object_del(json_object_get(record, "params"), "top_k"), 0);
    assert_ok(clm_records_append(records, record));
    clm_scope_end(&first);
    const json_t *lines = NULL;
    assert_ok(clm_records_read(&scope, run, &back, &lines));
    assert_ptr_equal(clm_record_find(&scope, lines, &back->cell[0]), json_array_get(lines, 0));
    json_decref(record);
    toy_remove(base);
    clm_scope_end(&scope);
}

/* Property: whatever part of a line was written when the program died, opening the run leaves
 * exactly the whole lines, and the next line starts fresh. */
static void a_torn_line_is_cut_off(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *run = clm_text(&scope, "%s/run", base);
    const char *path = clm_text(&scope, "%s/records.jsonl", run);
    const clm_run_plan *plan = small_plan(&scope, "2"), *back = NULL;
    json_t *record = finished(plan, 0);
    json_t *other = finished(plan, 1);
    char *text = clm_record_text(other);
    json_decref(other);
    const size_t length = strlen(text);
    clm_scope first = {0};
    clm_records *records = NULL;
    assert_ok(clm_records_create(&first, run, plan, &records));
    assert_ok(clm_records_append(records, record));
    clm_scope_end(&first);
    const off_t whole = size_of(path);
    for (size_t part = 1; part <= length; part += part < 4 || part + 4 > length ? 1 : length / 7) {
        clm_scope own = {0};
        char *torn = clm_text(&own, "%.*s", (int)part, text);
        append_text(path, torn);
        assert_ok(clm_records_open(&own, run, &back, &records));
        assert_int_equal(size_of(path), whole);
        assert_non_null(clm_records_find(records, &back->cell[0]));
        assert_null(clm_records_find(records, &back->cell[1]));
        clm_scope_end(&own);
    }
    clm_scope own = {0};
    assert_ok(clm_records_open(&own, run, &back, &records));
    assert_ok(clm_records_append(records, record));
    assert_int_equal(size_of(path), 2 * whole);
    clm_scope_end(&own);
    free(text);
    json_decref(record);
    toy_remove(base);
    clm_scope_end(&scope);
}

static void a_bad_line_inside_is_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *run = clm_text(&scope, "%s/run", base);
    const char *path = clm_text(&scope, "%s/records.jsonl", run);
    const clm_run_plan *plan = small_plan(&scope, "1"), *back = NULL;
    clm_records *records = NULL;
    clm_scope first = {0};
    assert_ok(clm_records_create(&first, run, plan, &records));
    clm_scope_end(&first);
    append_text(path, "not a record\n{\"params\": {}, \"seed\": 0}\n");
    const off_t before = size_of(path);
    assert_int_equal(clm_records_open(&scope, run, &back, &records), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "records.jsonl:1: not a record"));
    assert_int_equal(size_of(path), before);
    assert_int_equal(clm_records_open(&scope, base, &back, &records), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "holds no run"));
    toy_remove(base);
    clm_scope_end(&scope);
}

/* Property: a disk that fills up in the middle of a line leaves the whole lines, and says what to
 * do. A limit on file sizes stands for the disk. */
static void a_full_disk_loses_no_line(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *run = clm_text(&scope, "%s/run", base);
    const char *path = clm_text(&scope, "%s/records.jsonl", run);
    const clm_run_plan *plan = small_plan(&scope, "2");
    clm_records *records = NULL;
    assert_ok(clm_records_create(&scope, run, plan, &records));
    json_t *record = finished(plan, 0);
    assert_ok(clm_records_append(records, record));
    const off_t whole = size_of(path);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)(whole + whole / 2);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const clm_status status = clm_records_append(records, record);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "records.jsonl cannot be written"));
    assert_non_null(strstr(clm_error_last()->advice, "free some space; then --resume"));
    assert_int_equal(size_of(path), whole);
    json_decref(record);
    toy_remove(base);
    clm_scope_end(&scope);
}

static void folders_that_cannot_be_written_are_named(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *file = clm_text(&scope, "%s/file", base);
    append_text(file, "");
    const clm_run_plan *plan = small_plan(&scope, "1");
    clm_records *records = NULL;
    assert_int_equal(clm_records_create(&scope, clm_text(&scope, "%s/run", file), plan, &records),
                     CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "cannot be written: Not a directory"));
    assert_non_null(strstr(clm_error_last()->advice, "--out"));
    assert_int_equal(clm_records_create(&scope, "/proc/clmoe/run", plan, &records), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "/proc/clmoe cannot be written"));
    toy_remove(base);
    clm_scope_end(&scope);
}

int main(int argc, char **argv)
{
    toy_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_all_members),
        cmocka_unit_test(errors_become_statuses),
        cmocka_unit_test(lines_are_found_again),
        cmocka_unit_test(an_older_record_has_the_defaults),
        cmocka_unit_test(a_torn_line_is_cut_off),
        cmocka_unit_test(a_bad_line_inside_is_refused),
        cmocka_unit_test(a_full_disk_loses_no_line),
        cmocka_unit_test(folders_that_cannot_be_written_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
