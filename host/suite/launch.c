/* The parent's side of a worker: start, listen, time out, and say in words how it ended. */
#define _GNU_SOURCE /* pipe2, sigabbrev_np */

#include "suite/record.h"
#include "suite/worker.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
    TICK_MS = 100,      /* how late an interruption or the time limit may be noticed */
    ENDING_TICK_MS = 5, /* the same once the record is there */
    LAST_WORDS = 2048,  /* of standard error, kept as a reason */
    GRACE_S = 2,        /* from SIGTERM to SIGKILL */
};

typedef struct pipes {
    int input[2], output[2], messages[2], progress[2]; /* [0] read, [1] write */
} pipes;

typedef struct child {
    pid_t pid;
    int input, output, messages, progress; /* the parent's ends; -1: closed */
    char *record;                          /* standard output so far */
    size_t length, room;
    char words[LAST_WORDS + 1]; /* end of standard error */
    char line[128];             /* progress line so far */
} child;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void close_end(int *end)
{
    if (*end >= 0) (void)close(*end);
    *end = -1;
}

static bool open_pipes(pipes *p)
{
    int *const all[] = {p->input, p->output, p->messages, p->progress};
    for (size_t i = 0; i < 4; i++)
        if (pipe2(all[i], O_CLOEXEC) != 0) return false;
    return true;
}

static void close_pipes(pipes *p)
{
    int *const all[] = {p->input, p->output, p->messages, p->progress};
    for (size_t i = 0; i < 4; i++) {
        close_end(&all[i][0]);
        close_end(&all[i][1]);
    }
}

/* In a process group of its own: Ctrl-C at the terminal is for the parent to answer. */
static int spawn(const pipes *p, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    (void)sigemptyset(&none);
    char program[] = "/proc/self/exe", command[] = "worker";
    char *const arguments[] = {program, command, NULL};
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, p->input[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, p->output[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, p->messages[1], STDERR_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, p->progress[1], CLM_WORKER_PROGRESS);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    const int code = posix_spawn(pid, program, &files, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return code;
}

static clm_status start(child *c)
{
    pipes p = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    const int code = open_pipes(&p) ? spawn(&p, &c->pid) : errno;
    if (code != 0) {
        close_pipes(&p);
        clm_fail(CLM_ERROR_FAILED, "no worker process can be started: %s", strerror(code));
        clm_error_advice("end other programs, or raise the limits (ulimit -u, ulimit -n)");
        return CLM_FAIL;
    }
    *c = (child){.pid = c->pid,
                 .input = p.input[1],
                 .output = p.output[0],
                 .messages = p.messages[0],
                 .progress = p.progress[0]};
    p.input[1] = p.output[0] = p.messages[0] = p.progress[0] = -1;
    close_pipes(&p);
    return CLM_OK;
}

/* The cell fits a pipe, so that writing it cannot block; a worker that died says so when it is
 * read. */
static void send_cell(child *c, const clm_worker_job *job)
{
    const clm_run_cell cell = *job->cell;
    clm_run_plan one = *job->plan;
    one.cell = (clm_run_cell *)&cell;
    one.cells = 1;
    json_t *json = clm_run_plan_json(&one);
    json_object_set_new(json, "parent", json_integer(getpid()));
    (void)json_dumpfd(json, c->input, JSON_COMPACT);
    json_decref(json);
    close_end(&c->input);
}

/* --- listening --- */

static void keep_output(child *c, const char *text, size_t length)
{
    if (c->length + length + 1 > c->room) {
        c->room = 2 * (c->length + length + 1);
        char *larger = realloc(c->record, c->room);
        if (larger == NULL)
            return; /* what is lost makes the record unreadable, which is reported */
        c->record = larger;
    }
    memcpy(c->record + c->length, text, length);
    c->length += length;
    c->record[c->length] = '\0';
}

static void keep_words(child *c, const char *text, size_t length)
{
    if (length > LAST_WORDS) {
        text += length - LAST_WORDS;
        length = LAST_WORDS;
    }
    const size_t have = strlen(c->words);
    const size_t drop = have + length > LAST_WORDS ? have + length - LAST_WORDS : 0;
    memmove(c->words, c->words + drop, have - drop);
    memcpy(c->words + have - drop, text, length);
    c->words[have - drop + length] = '\0';
}

/* One whole line of progress. */
static void take_line(const char *line, const clm_worker_job *job)
{
    unsigned long long weights, rest;
    int epoch, epochs;
    double loss, val;
    char name[16];
    if (sscanf(line, "plan %llu %llu", &weights, &rest) == 2 && job->planned != NULL)
        job->planned(job->user, weights, rest);
    if (sscanf(line, "epoch %d %d %lf %15s %lf", &epoch, &epochs, &loss, name, &val) != 5) return;
    const clm_metric *metric = clm_metric_named(name);
    if (metric != NULL && epochs > 0 && job->progress != NULL)
        job->progress(job->user, epoch, epochs, loss, metric, val);
}

static void take_progress(child *c, const clm_worker_job *job, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const size_t have = strlen(c->line);
        if (text[i] != '\n') {
            if (have + 1 < sizeof c->line) c->line[have] = text[i];
            continue;
        }
        take_line(c->line, job);
        memset(c->line, 0, sizeof c->line);
    }
}

/* Reads what there is on one descriptor; closes it at its end. */
static void listen_to(child *c, int *end, const clm_worker_job *job, FILE *log)
{
    char text[4096];
    const ssize_t length = read(*end, text, sizeof text);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (length <= 0) {
        close_end(end);
    } else if (end == &c->output) {
        keep_output(c, text, (size_t)length);
    } else if (end == &c->messages) {
        keep_words(c, text, (size_t)length);
        if (log != NULL) (void)fwrite(text, 1, (size_t)length, log);
    } else {
        take_progress(c, job, text, (size_t)length);
    }
}

/* Waits for news, at most a tick. */
static void listen_once(child *c, const clm_worker_job *job, FILE *log)
{
    int *const ends[] = {&c->output, &c->messages, &c->progress};
    struct pollfd polled[3];
    for (size_t i = 0; i < 3; i++)
        polled[i] = (struct pollfd){.fd = *ends[i], .events = POLLIN};
    if (poll(polled, 3, c->output >= 0 ? TICK_MS : ENDING_TICK_MS) > 0)
        for (size_t i = 0; i < 3; i++)
            if (polled[i].revents != 0) listen_to(c, ends[i], job, log);
}

/* --- the end --- */

/* Ends the worker's whole process group: asks first, then does not ask. */
static int stop(const child *c)
{
    int status = 0;
    (void)kill(-c->pid, SIGTERM);
    const double start = now_s();
    while (waitpid(c->pid, &status, WNOHANG) == 0) {
        if (now_s() - start > GRACE_S) {
            (void)kill(-c->pid, SIGKILL);
            (void)waitpid(c->pid, &status, 0);
            break;
        }
        (void)usleep(10000);
    }
    (void)kill(-c->pid, SIGKILL); /* whatever it has started */
    return status;
}

/* Until the worker is gone and what it said is read; returns its wait status. */
static int listen_to_the_end(child *c, const clm_worker_job *job, FILE *log, clm_ending *ending)
{
    const double start = now_s();
    int status = 0;
    *ending = CLM_ENDED;
    for (;;) {
        listen_once(c, job, log);
        if (c->output < 0 && waitpid(c->pid, &status, WNOHANG) == c->pid) break;
        if (*job->interrupted != 0)
            *ending = CLM_INTERRUPTED;
        else if (now_s() - start > job->timeout_s)
            *ending = CLM_TIMED_OUT;
        if (*ending != CLM_ENDED) return stop(c);
    }
    listen_once(c, job, log); /* words that came between the last look and the end */
    return status;
}

/* How the worker ended, with its last words. */
static void write_reason(const child *c, int status, const clm_worker_job *job, clm_ending ending,
                         char *reason, size_t size)
{
    int n;
    if (ending == CLM_TIMED_OUT)
        n = snprintf(reason, size, "no end after %g s; --timeout allows more", job->timeout_s);
    else if (WIFSIGNALED(status))
        n = snprintf(reason, size, "the worker was killed by SIG%s (%s)%s",
                     sigabbrev_np(WTERMSIG(status)), strsignal(WTERMSIG(status)),
                     WTERMSIG(status) == SIGKILL ? ": perhaps the host ran out of memory" : "");
    else
        n = snprintf(reason, size, "the worker ended with status %d and no record",
                     WEXITSTATUS(status));
    size_t length = strlen(c->words);
    while (length > 0 && c->words[length - 1] == '\n')
        length--;
    if (length > 0 && n >= 0 && (size_t)n < size)
        (void)snprintf(reason + n, size - (size_t)n, "; last message: %.*s", (int)length, c->words);
}

static json_t *record_of(const child *c, int status, const clm_worker_job *job, clm_ending ending)
{
    json_t *record = ending == CLM_ENDED && c->length > 0
                         ? json_loadb(c->record, c->length, JSON_DISABLE_EOF_CHECK, NULL)
                         : NULL;
    if (json_is_object(record)) return record;
    json_decref(record);
    char reason[LAST_WORDS + 256];
    write_reason(c, status, job, ending, reason, sizeof reason);
    record = clm_record_new(job->plan, job->cell);
    clm_record_finish(record, ending == CLM_TIMED_OUT ? "timeout" : "failed", reason);
    return record;
}

clm_status clm_worker_launch(const clm_worker_job *job, FILE *log, json_t **record,
                             clm_ending *ending)
{
    child c;
    CLM_TRY(start(&c));
    const double begin = now_s();
    send_cell(&c, job);
    const int status = listen_to_the_end(&c, job, log, ending);
    *record = *ending == CLM_INTERRUPTED ? NULL : record_of(&c, status, job, *ending);
    if (*record != NULL)
        json_object_set_new(json_object_get(*record, "environment"), "worker_seconds",
                            json_real(now_s() - begin));
    close_end(&c.output);
    close_end(&c.messages);
    close_end(&c.progress);
    free(c.record);
    return CLM_OK;
}
