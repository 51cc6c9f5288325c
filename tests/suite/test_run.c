/* Runs: every way a worker can end is recorded, and no way of ending the run loses a finished cell.
 */
#include "toy.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static const clm_run_plan *plan_with(clm_scope *scope, const char *seeds_text,
                                     const char *const *set, int timeout_s)
{
    const char *const model[] = {"toy", NULL}, *const data[] = {"synthetic:nodes=100,edges=200",
                                                                NULL};
    const char *const seeds[] = {seeds_text, NULL};
    const clm_request request = {
        .model = model, .data = data, .seeds = seeds, .set = set, .timeout_s = timeout_s};
    const clm_run_plan *plan = NULL;
    assert_ok(clm_run_plan_make(scope, &request, &plan));
    return plan;
}

static const clm_estimate *no_estimates(clm_scope *scope, const clm_run_plan *plan)
{
    clm_estimate *estimates = clm_alloc_array(scope, plan->cells, sizeof *estimates);
    for (size_t i = 0; i < plan->cells; i++)
        estimates[i].seconds = 1;
    return estimates;
}

static const char *member(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL ? text : "";
}

static void every_ending_is_recorded(void **state)
{
    (void)state;
    static const struct {
        const char *ending, *status, *words;
    } endings[] = {
        {"ok", "ok", ""},
        {"noise", "ok", ""},
        {"segfault", "failed", "killed by SIGSEGV (Segmentation fault)"},
        {"abort", "failed", "killed by SIGABRT (Aborted); last message: driver: assertion failed"},
        {"exit", "failed",
         "ended with status 1 and no record; last message: out of memory: 7 bytes"},
        {"hang", "timeout", "no end after 1 s; --timeout allows more"},
        {"oom", "oom", "no room for features"},
        {"skip", "unsupported", "no such features"},
        {"fail", "failed", "lost the device"},
        {"wrong", "wrong", "a result is wrong"},
    };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        clm_scope scope = {0};
        const char *const set[] = {clm_text(&scope, "ending=%s", endings[i].ending), NULL};
        const clm_run_plan *plan =
            plan_with(&scope, "1", set, strcmp(endings[i].ending, "hang") == 0 ? 1 : 60);
        const clm_run_options options = {.records = clm_records_none(&scope),
                                         .estimates = no_estimates(&scope, plan)};
        clm_run_outcome outcome;
        assert_ok(clm_run(&scope, plan, &options, &outcome));
        const json_t *record = json_array_get(outcome.records, 0);
        assert_string_equal(member(record, "status"), endings[i].status);
        if (strstr(member(record, "reason"), endings[i].words) == NULL)
            fail_msg("%s", member(record, "reason"));
        assert_int_equal(outcome.ok + outcome.failed + outcome.wrong + outcome.unable, 1);
        assert_int_equal(json_object_size(json_object_get(record, "params")), 7);
        json_decref(outcome.records);
        clm_scope_end(&scope);
    }
}

/* A run of 12 cells, of 40 ms each, in a process of its own: `test resume FOLDER`. */
static int resume(const char *folder)
{
    clm_scope scope = {0};
    const clm_run_plan *plan = NULL;
    clm_records *records = NULL;
    clm_run_outcome outcome;
    if (clm_records_open(&scope, folder, &plan, &records) != CLM_OK) {
        clm_error_print(stderr);
        return 99;
    }
    const clm_run_options options = {
        .records = records, .folder = folder, .estimates = no_estimates(&scope, plan)};
    if (clm_run(&scope, plan, &options, &outcome) != CLM_OK) return 98;
    const int code = outcome.interrupted ? 130 : 0;
    json_decref(outcome.records);
    clm_scope_end(&scope);
    return code;
}

static pid_t start_resume(const char *folder)
{
    char program[] = "/proc/self/exe", command[] = "resume";
    char *const arguments[] = {program, command, (char *)(uintptr_t)folder, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid = 0;
    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(posix_spawn(&pid, program, &files, NULL, arguments, environ), 0);
    assert_int_equal(posix_spawn_file_actions_destroy(&files), 0);
    return pid;
}

static int end_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

static const char *new_run(clm_scope *scope, const char *base, const char *seeds)
{
    const char *const set[] = {"pause_ms=10", NULL};
    const char *run = clm_text(scope, "%s/run", base);
    clm_scope own = {0};
    const clm_run_plan *plan = plan_with(&own, seeds, set, 60);
    clm_records *records = NULL;
    assert_ok(clm_records_create(&own, run, plan, &records));
    clm_scope_end(&own);
    return run;
}

/* Property: exactly one record for each cell of the plan. */
static void expect_each_once(const char *run, size_t cells)
{
    clm_scope scope = {0};
    const clm_run_plan *plan = NULL;
    const json_t *lines = NULL;
    assert_ok(clm_records_read(&scope, run, &plan, &lines));
    assert_int_equal(plan->cells, cells);
    assert_int_equal(json_array_size(lines), cells);
    for (size_t i = 0; i < cells; i++) {
        assert_non_null(clm_record_find(&scope, lines, &plan->cell[i]));
        assert_string_equal(member(json_array_get(lines, i), "status"), "ok");
    }
    clm_scope_end(&scope);
}

static size_t lines_of(const char *run)
{
    clm_scope scope = {0};
    const json_t *lines = NULL;
    assert_ok(clm_records_lines(&scope, run, &lines));
    const size_t n = json_array_size(lines);
    clm_scope_end(&scope);
    return n;
}

static void a_killed_run_continues(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *base = toy_folder(&scope), *run = new_run(&scope, base, "12");
    unsigned random = 12345;
    size_t kills = 0, before = 0;
    for (int i = 0; i < 100; i++) {
        const pid_t pid = start_resume(run);
        random = random * 1103515245u + 12345u;
        /* later and later, so that a busy machine gets through, too */
        (void)usleep(20000 + (random >> 8) % (300000 + 20000 * (unsigned)i));
        (void)kill(pid, SIGKILL);
        const int status = end_of(pid);
        const size_t now = lines_of(run);
        assert_true(now >= before); /* no finished cell is lost */
        before = now;
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        kills++;
    }
    assert_true(kills >= 2);
    expect_each_once(run, 12);
    toy_remove(base);
    clm_scope_end(&scope);
}

static void ctrl_c_ends_cleanly(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        clm_scope scope = {0};
        const char *base = toy_folder(&scope), *run = new_run(&scope, base, "100");
        const pid_t pid = start_resume(run);
        while (lines_of(run) < 2)
            (void)usleep(5000);
        (void)kill(pid, signals[i]);
        const int status = end_of(pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 130);
        const size_t kept = lines_of(run);
        assert_in_range(kept, 2, 99);
        (void)usleep(200000); /* the worker is gone: nothing is added any more */
        assert_int_equal(lines_of(run), kept);
        toy_remove(base);
        clm_scope_end(&scope);
    }
}

/* A parent that is killed takes its worker with it: nobody would read what it finds. */
static void no_worker_outlives_its_parent(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const char *const set[] = {"ending=hang", NULL};
    const char *base = toy_folder(&scope), *run = clm_text(&scope, "%s/run", base);
    clm_scope own = {0};
    const clm_run_plan *plan = plan_with(&own, "1", set, 600);
    clm_records *records = NULL;
    assert_ok(clm_records_create(&own, run, plan, &records));
    clm_scope_end(&own);
    const pid_t parent = start_resume(run);
    const char *children = clm_text(&scope, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    pid_t worker = 0;
    for (int i = 0; i < 1000 && worker == 0; i++) {
        FILE *file = fopen(children, "r");
        if (file == NULL) skip(); /* the kernel does not list children */
        if (fscanf(file, "%d", &worker) != 1) worker = 0;
        fclose(file);
        (void)usleep(5000);
    }
    assert_true(worker > 0);
    (void)usleep(200000);
    (void)kill(parent, SIGKILL);
    (void)end_of(parent);
    int left = 400;
    while (left-- > 0 && kill(worker, 0) == 0)
        (void)usleep(5000);
    assert_true(left > 0);
    toy_remove(base);
    clm_scope_end(&scope);
}

int main(int argc, char **argv)
{
    toy_main(argc, argv);
    if (argc > 2 && strcmp(argv[1], "resume") == 0) return resume(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_is_recorded),
        cmocka_unit_test(a_killed_run_continues),
        cmocka_unit_test(ctrl_c_ends_cleanly),
        cmocka_unit_test(no_worker_outlives_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
