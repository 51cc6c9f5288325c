/* clmoe verify: every operator and variant against its reference in double, on each device in a
 * process of its own; with --golden, the tensors of a folder. */
#include "cmd/options.h"

#include "base/text.h"
#include "model/golden.h"
#include "op/verify.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_OPS = 32 };

typedef struct options {
    const char *device, *variant, *golden;
    const char *op[MOST_OPS + 1]; /* ends with null; none: all */
    size_t ops;
    bool tiny;
} options;

static const struct argp_option table[] = {
    {"device", 'd', "DEV", 0,
     "Only these: cpu, gpu, accelerator, all (default), an id, part of a name", 0},
    {"op", 'o', "NAME", 0, "Only this operator, or those of this folder of cl/; can be repeated",
     0},
    {"variant", 'v', "NAME", 0, "Only this variant (of libraries: only where it is named)", 0},
    {"tiny", 't', NULL, 0, "Only the smallest examples (for interpreters such as Oclgrind)", 0},
    {"golden", 'g', "DIR", 0, "Check the safetensors files of a folder instead, on one device", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case 'd': o->device = argument; return 0;
    case 'o':
        if (o->ops == MOST_OPS) argp_error(state, "--op is given too many times");
        o->op[o->ops++] = argument;
        return 0;
    case 'v': o->variant = argument; return 0;
    case 't': o->tiny = true; return 0;
    case 'g': o->golden = argument; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

typedef struct totals {
    int right, suspect, wrong, skipped;
} totals;

static clm_status verify_type(clm_context *context, const clm_op *op, const clm_variant *variant,
                              clm_type real, double most, totals *total)
{
    clm_verdict v;
    CLM_TRY(clm_verify(context, op, &(clm_choice){.variant = variant}, real, most, &v));
    const char *type = real == CLM_F32 ? "" : clm_type_name(real);
    if (v.examples == 0) {
        total->skipped++;
        printf("skip     %-26s %-16s %-4s %s\n", op->name, variant->name, type,
               v.reason[0] ? v.reason : "no example is small enough");
        return CLM_OK;
    }
    const char *word = v.wrong ? "WRONG" : v.suspect ? "suspect" : "ok";
    total->wrong += v.wrong;
    total->suspect += v.suspect && !v.wrong;
    total->right += !v.suspect && !v.wrong;
    printf("%-8s %-26s %-16s %-4s %2d examples, worst error %.1e%s%s\n", word, op->name,
           variant->name, type, v.examples, v.error, v.wrong ? ": " : "", v.wrong ? v.reason : "");
    return CLM_OK;
}

/* In every storage type that the operator has. */
static clm_status verify_variant(clm_context *context, const clm_op *op, const clm_variant *variant,
                                 double most, totals *total)
{
    CLM_TRY(verify_type(context, op, variant, CLM_F32, most, total));
    if (!clm_has_real(op)) return CLM_OK;
    CLM_TRY(verify_type(context, op, variant, CLM_BF16, most, total));
    return verify_type(context, op, variant, CLM_F16, most, total);
}

/* The word of --op names an operator, or a folder of cl/ and with it all that is in there. */
static bool fits(const clm_op *op, const char *word)
{
    return strcmp(word, op->name) == 0 || strcmp(word, op->source->name) == 0;
}

static bool wanted(const options *o, const clm_op *op)
{
    bool fit = o->ops == 0;
    for (size_t i = 0; i < o->ops; i++)
        fit = fit || fits(op, o->op[i]);
    return fit;
}

/* A word that names nothing would check nothing, and say that nothing is wrong. */
static clm_status check_op(clm_scope *scope, const char *word)
{
    size_t count = 0;
    while (clm_op_at(count))
        count++;
    const char **name = clm_alloc_array(scope, count + 1, sizeof *name);
    for (size_t i = 0; i < count; i++) {
        name[i] = clm_op_at(i)->name;
        if (fits(clm_op_at(i), word)) return CLM_OK;
    }
    const char *near = clm_did_you_mean(word, name);
    clm_fail(CLM_ERROR_USAGE, "there is no operator '%s'%s%s%s", word,
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    clm_error_advice("`clmoe list operators` names them");
    return CLM_FAIL;
}

static clm_status check_variant(const options *o)
{
    for (size_t i = 0; clm_op_at(i); i++)
        for (const clm_variant *v = clm_op_at(i)->variant; v->name; v++)
            if (wanted(o, clm_op_at(i)) && strcmp(v->name, o->variant) == 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "%s has a variant '%s'",
             o->ops ? "none of these operators" : "no operator", o->variant);
    clm_error_advice("without --variant all are shown; with --tiny, in little time");
    return CLM_FAIL;
}

static clm_status check(clm_scope *scope, const options *o)
{
    for (size_t i = 0; i < o->ops; i++)
        CLM_TRY(check_op(scope, o->op[i]));
    return o->variant ? check_variant(o) : CLM_OK;
}

static clm_status verify_device(clm_scope *scope, const clm_device *device, const options *o,
                                totals *total)
{
    clm_context *context;
    printf("%s, %s, driver %s\n", device->name, device->platform, device->driver);
    CLM_TRY(clm_context_open(scope, device, NULL, &context));
    for (size_t i = 0; clm_op_at(i); i++) {
        const clm_op *op = clm_op_at(i);
        if (!wanted(o, op)) continue;
        for (const clm_variant *v = op->variant; v->name; v++)
            if (o->variant ? !strcmp(o->variant, v->name) : !clm_is_library(v))
                CLM_TRY(verify_variant(
                    context, op, v, o->tiny ? clm_verify_tiny : clm_verify_most(device, v), total));
        fflush(stdout);
    }
    return CLM_OK;
}

static int verify_here(const clm_device *device, const options *o)
{
    clm_scope scope = {0};
    totals total = {0};
    const clm_status status = verify_device(&scope, device, o, &total);
    clm_scope_end(&scope);
    if (status != CLM_OK) return clm_exit_error();
    printf("%d right, %d suspect, %d wrong, %d skipped\n", total.right, total.suspect, total.wrong,
           total.skipped);
    return total.wrong                   ? CLM_EXIT_WRONG
           : total.right + total.suspect ? CLM_EXIT_OK
                                         : CLM_EXIT_NOTHING;
}

/* A device that crashes its process must not take the others down. */
static int verify_elsewhere(const clm_device *device, const options *o)
{
    const char *argv[12 + 2 * MOST_OPS] = {"clmoe", "verify", "--device", device->id};
    int n = 4;
    for (size_t i = 0; i < o->ops; i++)
        argv[n++] = "--op", argv[n++] = o->op[i];
    if (o->variant) argv[n++] = "--variant", argv[n++] = o->variant;
    if (o->tiny) argv[n++] = "--tiny";
    pid_t child;
    int state;
    fflush(stdout);
    if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, (char **)(void *)argv, environ) != 0 ||
        waitpid(child, &state, 0) < 0) {
        perror("clmoe: cannot start a process to verify in");
        return CLM_EXIT_ERROR;
    }
    if (WIFEXITED(state)) return WEXITSTATUS(state);
    fprintf(stderr, "clmoe: verifying %s ended by signal %d (%s)\n", device->name, WTERMSIG(state),
            strsignal(WTERMSIG(state)));
    return CLM_EXIT_ERROR;
}

static int verify_all(clm_scope *scope, const options *o)
{
    const clm_device *device;
    size_t count;
    if (clm_devices_select(scope, o->device ? o->device : "all", &device, &count) != CLM_OK)
        return clm_exit_error();
    if (o->golden) return clm_golden_check(scope, device, o->golden);
    if (count == 1) return verify_here(device, o);
    int worst = CLM_EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        const int code = verify_elsewhere(&device[i], o);
        if (code == CLM_EXIT_WRONG || worst == CLM_EXIT_OK) worst = code;
    }
    return worst;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Check every operator and variant against its reference in double, on "
        "each device in a process of its own.\v"
        "Exit code 4 when a result is wrong. A variant that a device cannot run is "
        "skipped with the reason.",
        NULL,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const int code = check(&scope, &o) == CLM_OK ? verify_all(&scope, &o) : clm_exit_error();
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_verify = {
    "verify", "check every operator and variant, or golden tensors, against a reference", run};
