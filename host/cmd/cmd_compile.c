/* clmoe compile: the program binaries of a cell ahead of time. Which programs a cell needs, and
 * with which options, is known when its tapes are planned; so that is what is done here, on the
 * device itself. */
#include "cmd/cell_options.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct options {
    clm_cell_options cell;
    const char *out;
} options;

static const struct argp_option table[] = {
    {"out", 'o', "DIR", 0, "Folder for the program binaries; made if need be", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &o->cell; return 0;
    case 'o': o->out = argument; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int files(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir) closedir(dir);
    return count;
}

static clm_status compile(clm_scope *scope, const options *o)
{
    clm_cell cell;
    if (!o->out) return clm_fail(CLM_ERROR_USAGE, "--out is needed: the folder for the binaries");
    if (mkdir(o->out, 0777) != 0 && errno != EEXIST)
        return clm_fail(CLM_ERROR_USAGE, "cannot make the folder %s: %s", o->out, strerror(errno));
    const clm_context_options save = {.cache = "", .save = o->out};
    CLM_TRY(clm_cell_open(scope, &o->cell, &save, &cell));
    const clm_model *model = clm_config_model(cell.config);
    if (!model->plan)
        return clm_fail(CLM_ERROR_USAGE, "%s runs no program on a device", model->name);
    CLM_TRY(model->plan(scope, &cell));
    printf("%d program binaries for %s in %s\n", files(o->out),
           clm_context_device(cell.context)->name, o->out);
    return CLM_OK;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp_child children[] = {
        {&clm_cell_argp, 0, "The cell:", 1}, {&clm_lane_argp, 0, NULL, 1}, {0}};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Build the programs that a cell needs and leave their binaries in a folder.\v"
        "clmoe run --binaries DIR then runs from them alone, which is the only way on devices "
        "without a compiler.",
        children,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = compile(&scope, &o);
    clm_scope_end(&scope);
    return status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
}

const clm_command clm_command_compile = {"compile", "program binaries of a cell, ahead of time",
                                         run};
