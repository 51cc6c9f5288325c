/* clmoe: an OpenCL benchmark suite for graph Mixture-of-Experts. Option table and dispatch. */
#include "base/scope.h"
#include "base/text.h"
#include "cmd/command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void print_help(FILE *out)
{
    fputs(
        "clmoe trains graph Mixture-of-Experts models on OpenCL devices and measures accuracy and "
        "latency together.\n\n"
        "Usage: clmoe COMMAND [OPTION...]\n\n"
        "Start with:\n"
        "  clmoe devices           is there a device to run on?\n"
        "  clmoe run quick         a first run, less than a minute, with plots\n"
        "  clmoe list              which suites, models, data sets and operators there are\n\n"
        "Commands:\n",
        out);
    for (size_t i = 0; clm_commands[i] != NULL; i++)
        if (clm_commands[i]->about != NULL)
            fprintf(out, "  %-10s %s\n", clm_commands[i]->name, clm_commands[i]->about);
    fputs("\n`clmoe COMMAND --help` tells about one command; --version prints the version.\n"
          "Results go to standard output, progress and messages to standard error.\n"
          "Exit codes: 0 done, 1 usage or tool error or a failed cell, 4 a result was wrong, "
          "5 nothing ran, 130 interrupted.\n",
          out);
}

static const clm_command *find(const char *name)
{
    for (size_t i = 0; clm_commands[i] != NULL; i++)
        if (strcmp(clm_commands[i]->name, name) == 0) return clm_commands[i];
    return NULL;
}

static int unknown_word(const char *word)
{
    static const char *const option[] = {"--help", "--version", NULL};
    clm_scope scope = {0};
    size_t count = 0, listed = 0;
    while (clm_commands[count] != NULL)
        count++;
    const char **command = clm_alloc_array(&scope, count + 1, sizeof *command);
    for (size_t i = 0; i < count; i++)
        if (clm_commands[i]->about != NULL) command[listed++] = clm_commands[i]->name;
    const bool dashed = word[0] == '-';
    const char *near = clm_did_you_mean(word, dashed ? option : command);
    fprintf(stderr, "clmoe: there is no %s '%s'%s%s%s\n", dashed ? "option" : "command", word,
            near != NULL ? "; did you mean '" : "; see `clmoe --help`", near != NULL ? near : "",
            near != NULL ? "'?" : "");
    clm_scope_end(&scope);
    return CLM_EXIT_ERROR;
}

static int dispatch(const clm_command *command, int argc, char **argv)
{
    clm_scope scope = {0};
    argv[0] = clm_text(&scope, "clmoe %s", command->name);
    const int code = command->run(argc, argv);
    clm_scope_end(&scope);
    return code;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLM_EXIT_ERROR;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("clmoe " CLM_VERSION);
        return CLM_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0 ||
        (strcmp(word, "help") == 0 && argc == 2)) {
        print_help(stdout);
        return CLM_EXIT_OK;
    }
    if (strcmp(word, "help") == 0) { /* clmoe help run == clmoe run --help */
        const clm_command *asked = find(argv[2]);
        char help[] = "--help";
        char *again[] = {argv[0], help, NULL};
        return asked != NULL ? dispatch(asked, 2, again) : unknown_word(argv[2]);
    }
    const clm_command *command = find(word);
    if (command == NULL) return unknown_word(word);
    return dispatch(command, argc - 1, argv + 1);
}

/* Whoever reads the results must not take what a full disk left of them for the whole. */
int main(int argc, char **argv)
{
    const int code = run(argc, argv);
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
    fprintf(stderr, "clmoe: standard output is not whole: %s\n",
            errno != 0 ? strerror(errno) : "some of it could not be written");
    return code == CLM_EXIT_OK ? CLM_EXIT_ERROR : code;
}
