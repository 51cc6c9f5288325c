/* clmoe peak: measures the roofs of devices, each in a process of its own. */
#include "cmd/options.h"

#include "base/progress.h"
#include "base/text.h"
#include "bench/peak.h"
#include "bench/topology.h"
#include "report/roofs_csv.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct options {
    const char *device, *out;
    double budget_s;
    bool json;
} options;

static const struct argp_option table[] = {
    {"device", 'd', "DEV", 0,
     "Only these: cpu, gpu, accelerator, all (default), an id, part of a name", 0},
    {"budget", 'b', "SECONDS", 0,
     "About how long each device is measured (default 20), less is rougher; building its kernels "
     "comes on top",
     0},
    {"json", 'j', NULL, 0, "Print a JSON array instead of tables", 0},
    {"out", 'o', "DIR", 0, "Also leave roofs.csv and figures there", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    char *end = NULL;
    switch (key) {
    case 'd': o->device = argument; return 0;
    case 'b':
        o->budget_s = strtod(argument, &end);
        if (end == argument || *end != '\0' || !(o->budget_s > 0 && o->budget_s <= 3600))
            argp_error(state, "--budget %s: expected a number of seconds, at most 3600", argument);
        return 0;
    case 'j': o->json = true; return 0;
    case 'o': o->out = argument; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* --- one device, here --- */

static void print_peak(clm_scope *scope, const clm_peak *peak)
{
    const char *of = peak->bytes > 0 ? clm_text_bytes(scope, (uint64_t)peak->bytes) : peak->of;
    const char *name = clm_text(scope, "%s %s", clm_peak_name(peak->kind), of);
    if (isnan(peak->median)) {
        printf("  %-22s %s: %s\n", name, peak->status, peak->reason);
        return;
    }
    printf("  %-22s %8.4g %-8s %-18s", name, peak->median, clm_peak_unit(peak->kind),
           clm_text(scope, "[%.4g, %.4g]", peak->low, peak->high));
    if (peak->how != NULL) printf(" %s", peak->how);
    if (peak->reason != NULL) printf(" %s: %s", peak->status, peak->reason);
    puts("");
}

static void print_roofs(clm_scope *scope, const clm_roofs *roofs)
{
    printf("%s\n  timed by %s\n", roofs->device, roofs->timer);
    for (size_t i = 0; i < roofs->count; i++)
        print_peak(scope, &roofs->peak[i]);
}

static void print_json(const clm_roofs *roofs)
{
    json_t *array = json_pack("[o]", clm_roofs_json(roofs));
    json_dumpf(array, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
    puts("");
    json_decref(array);
}

static void show(void *user, const char *what, double done)
{
    clm_progress_bar_show(user, done, "%s", what);
}

static clm_status measure(clm_scope *scope, const clm_device *device, const options *o,
                          const clm_roofs **roofs)
{
    clm_context *context;
    (void)clm_bind_near(scope, device);
    CLM_TRY(clm_context_open(scope, device, NULL, &context));
    clm_progress_bar bar = clm_progress_bar_new(1);
    const clm_peak_options how = {.budget_s = o->budget_s, .progress = show, .user = &bar};
    const clm_status status = clm_peak_measure(scope, context, &how, roofs);
    clm_progress_bar_end(&bar);
    return status;
}

/* What was measured is printed before it is kept: a cache that cannot be written loses nothing. */
static clm_status peak_here(clm_scope *scope, const clm_device *device, const options *o)
{
    const clm_roofs *roofs;
    const char *path;
    CLM_TRY(measure(scope, device, o, &roofs));
    if (o->json)
        print_json(roofs);
    else
        print_roofs(scope, roofs);
    fflush(stdout);
    if (o->out != NULL) CLM_TRY(clm_roofs_draw(scope, &roofs, 1, o->out));
    CLM_TRY(clm_roofs_keep(scope, roofs, &path));
    fprintf(stderr, "kept in %s\n", path);
    return CLM_OK;
}

static int exit_here(clm_scope *scope, const clm_device *device, const options *o)
{
    switch (peak_here(scope, device, o)) {
    case CLM_OK: return CLM_EXIT_OK;
    case CLM_SKIP:
        fprintf(stderr, "skipped %s\n", clm_error_last()->what);
        if (o->json) puts("[]");
        return CLM_EXIT_NOTHING;
    default: return clm_exit_error();
    }
}

/* --- several devices, each elsewhere --- */

/* All that comes through a pipe until its other end is closed. */
static json_t *read_array(int from)
{
    FILE *file = fdopen(from, "r");
    json_t *array = file != NULL ? json_loadf(file, 0, NULL) : NULL;
    if (file != NULL) (void)fclose(file);
    return array;
}

/* Runs `clmoe peak` on one device; with `array` its JSON goes there. */
static int run_child(const char *const *arguments, json_t *array)
{
    int ends[2], state = 0;
    pid_t child;
    posix_spawn_file_actions_t files;
    if (array != NULL && pipe(ends) != 0) return CLM_EXIT_ERROR;
    (void)posix_spawn_file_actions_init(&files);
    if (array != NULL) {
        (void)posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
        (void)posix_spawn_file_actions_addclose(&files, ends[0]);
        (void)posix_spawn_file_actions_addclose(&files, ends[1]);
    }
    const int failed =
        posix_spawn(&child, "/proc/self/exe", &files, NULL, (char **)(void *)arguments, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    if (array != NULL) {
        (void)close(ends[1]);
        json_t *part = read_array(ends[0]);
        (void)json_array_extend(array, part);
        json_decref(part);
    }
    if (failed != 0 || waitpid(child, &state, 0) < 0) {
        fprintf(stderr, "clmoe: cannot start a process to measure in: %s\n",
                strerror(failed != 0 ? failed : errno));
        return CLM_EXIT_ERROR;
    }
    if (WIFEXITED(state)) return WEXITSTATUS(state);
    fprintf(stderr, "clmoe: measuring ended by signal %d (%s)\n", WTERMSIG(state),
            strsignal(WTERMSIG(state)));
    return WTERMSIG(state) == SIGINT ? CLM_EXIT_INTERRUPTED : CLM_EXIT_ERROR;
}

/* Figures of all devices together, from what their processes kept. */
static clm_status draw_all(clm_scope *scope, const clm_device *device, size_t count,
                           const options *o)
{
    const clm_roofs **roofs = clm_alloc_array(scope, count, sizeof *roofs);
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        roofs[known] = clm_roofs_load(scope, &device[i]);
        known += roofs[known] != NULL;
    }
    return known > 0 ? clm_roofs_draw(scope, roofs, known, o->out) : CLM_OK;
}

static int exit_elsewhere(clm_scope *scope, const clm_device *device, size_t count,
                          const options *o)
{
    json_t *array = o->json ? json_array() : NULL;
    int worst = CLM_EXIT_NOTHING;
    for (size_t i = 0; i < count && worst != CLM_EXIT_INTERRUPTED; i++) {
        const char *const arguments[] = {"clmoe",
                                         "peak",
                                         "--device",
                                         device[i].id,
                                         "--budget",
                                         clm_text(scope, "%g", o->budget_s),
                                         o->json ? "--json" : NULL,
                                         NULL};
        const int code = run_child(arguments, array);
        if (worst == CLM_EXIT_NOTHING || (code != CLM_EXIT_OK && code != CLM_EXIT_NOTHING))
            worst = code;
    }
    if (array != NULL) {
        json_dumpf(array, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
        puts("");
        json_decref(array);
    }
    if (o->out != NULL && draw_all(scope, device, count, o) != CLM_OK) return clm_exit_error();
    return worst;
}

static int peak(clm_scope *scope, const options *o)
{
    const clm_device *device;
    size_t count;
    if (clm_devices_select(scope, o->device != NULL ? o->device : "all", &device, &count) != CLM_OK)
        return clm_exit_error();
    return count == 1 ? exit_here(scope, device, o) : exit_elsewhere(scope, device, count, o);
}

static int run(int argc, char **argv)
{
    options o = {.budget_s = 20};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Measures what each device can do at best: multiply-adds per type, exponentials, reading, "
        "copying and updating by size of the working set, launches, transfers and atomics.\v"
        "The roofs are kept per device in the user's cache folder; `clmoe devices` shows them, and "
        "every share of a roof is of these. Emulators are skipped: their times mean nothing.",
        NULL,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const int code = peak(&scope, &o);
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_peak = {"peak", "measure what each device can do at best", run};
