#define _GNU_SOURCE /* pipe2 */

#include "bench/tune_guard.h"

#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { REPORTS = 3, TICK_MS = 200, MOST_ARGUMENTS = 256, LINE = 1024, LEAST_S = 1 };

/* --- the searching process --- */

void clm_tune_say_trying(const clm_tuned *candidate)
{
    if (candidate)
        (void)dprintf(REPORTS, "%s\t%s\t%s\t%s\n", candidate->op, candidate->shape,
                      candidate->variant, candidate->tunables);
    else
        (void)dprintf(REPORTS, "\n");
}

clm_status clm_tune_table(clm_scope *scope, const clm_device *device, clm_tuning **tuning)
{
    const clm_status status = clm_tuning_load(scope, device, tuning);
    if (status != CLM_SKIP) return status;
    *tuning = clm_tuning_new(scope, device);
    return CLM_OK;
}

/* --- its guard --- */

typedef struct child {
    pid_t pid;
    int reports;
    char line[LINE + 1]; /* coming in */
    size_t length;
    char trying[LINE + 1]; /* empty: nothing */
    double since_ns;       /* when that began */
    bool too_long;
} child;

static clm_status start(const clm_tune_guard *guard, double left_s, child *c)
{
    char program[] = "/proc/self/exe", worker[64];
    const char *arguments[MOST_ARGUMENTS] = {program};
    size_t n = 1;
    while (guard->argument[n - 1] && n < MOST_ARGUMENTS - 2) {
        arguments[n] = guard->argument[n - 1];
        n++;
    }
    (void)snprintf(worker, sizeof worker, "--worker=%.0f", left_s);
    arguments[n] = worker;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return clm_fail(CLM_ERROR_FAILED, "no pipe for a searching process");
    posix_spawn_file_actions_t files;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, ends[1], REPORTS);
    *c = (child){.reports = ends[0]};
    const int failed =
        posix_spawn(&c->pid, program, &files, NULL, (char **)(void *)arguments, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)close(ends[1]);
    if (!failed) return CLM_OK;
    (void)close(ends[0]);
    return clm_fail(CLM_ERROR_FAILED, "a searching process cannot be started: %s",
                    strerror(failed));
}

static void take(child *c, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != '\n') {
            if (c->length < LINE) c->line[c->length++] = text[i];
            continue;
        }
        c->line[c->length] = '\0';
        memcpy(c->trying, c->line, c->length + 1);
        c->length = 0;
        c->since_ns = clm_now_ns();
    }
}

/* Listens until the process ends; one that takes too long over a candidate is ended. */
static int wait_for(const clm_tune_guard *guard, child *c)
{
    int state = 0;
    char text[4096];
    struct pollfd reports = {.fd = c->reports, .events = POLLIN};
    for (;;) {
        if (poll(&reports, 1, TICK_MS) > 0) {
            const ssize_t bytes = read(c->reports, text, sizeof text);
            if (bytes <= 0) break;
            take(c, text, (size_t)bytes);
        }
        if (c->trying[0] && !c->too_long && clm_now_ns() - c->since_ns > 1e9 * guard->candidate_s) {
            c->too_long = true;
            (void)kill(c->pid, SIGKILL);
        }
    }
    while (waitpid(c->pid, &state, 0) < 0) {
    }
    (void)close(c->reports);
    return state;
}

static const char *reason_of(clm_scope *scope, const clm_tune_guard *guard, const child *c,
                             int state)
{
    if (c->too_long) return clm_text(scope, "took more than %.0f s", guard->candidate_s);
    if (WIFSIGNALED(state))
        return clm_text(scope, "the process ended by signal %d (%s)", WTERMSIG(state),
                        strsignal(WTERMSIG(state)));
    return clm_text(scope, "the process ended with status %d", WEXITSTATUS(state));
}

/* Puts what was being tried into the table. */
static clm_status put_ended(clm_scope *scope, const clm_tune_guard *guard, const child *c,
                            int state)
{
    char *rest = clm_text(scope, "%s", c->trying), *part[4];
    for (int i = 0; i < 4; i++) {
        part[i] = strsep(&rest, "\t");
        if (!part[i])
            return clm_fail(CLM_ERROR_FAILED, "a searching process said \"%s\"", c->trying);
    }
    clm_tuning *tuning;
    CLM_TRY(clm_tune_table(scope, guard->device, &tuning));
    clm_tuned entry = {.op = part[0],
                       .shape = part[1],
                       .variant = part[2],
                       .tunables = part[3],
                       .reason = (char *)reason_of(scope, guard, c, state)};
    clm_tuning_put_ended(tuning, &entry);
    fprintf(stderr, "%s %s %s (%s): %s; not tried again\n", part[0], part[2], part[3], part[1],
            entry.reason);
    return clm_tuning_save(scope, tuning, NULL, NULL);
}

/* One process; *again: it ended at a candidate, so that another may go on. */
static clm_status run_once(clm_scope *scope, const clm_tune_guard *guard, double left_s,
                           int *exit_code, bool *again)
{
    child c;
    *again = false;
    CLM_TRY(start(guard, left_s, &c));
    const int state = wait_for(guard, &c);
    *exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 1;
    if (WIFEXITED(state) && (WEXITSTATUS(state) == 0 || !c.trying[0])) return CLM_OK;
    if (guard->interrupted && *guard->interrupted) return CLM_OK;
    if (!c.trying[0])
        return clm_fail(CLM_ERROR_FAILED, "searching on %s: %s", guard->device->name,
                        reason_of(scope, guard, &c, state));
    *again = true;
    return put_ended(scope, guard, &c, state);
}

clm_status clm_tune_guarded(const clm_tune_guard *guard, int *exit_code)
{
    const double start_ns = clm_now_ns();
    clm_status status = CLM_OK;
    bool again = true;
    for (bool last = false; again && !last && status == CLM_OK;) {
        double left_s = guard->budget_s - 1e-9 * (clm_now_ns() - start_ns);
        last = left_s < LEAST_S; /* that one says what there is */
        if (last) left_s = LEAST_S;
        clm_scope scope = {0};
        status = run_once(&scope, guard, left_s, exit_code, &again);
        clm_scope_end(&scope);
    }
    return status;
}
