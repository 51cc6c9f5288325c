/* Command: one subcommand of clmoe.
 *
 * Adding one is adding host/cmd/cmd_<name>.c, which defines `const clm_command clm_command_<name>`.
 */
#ifndef CLM_CMD_COMMAND_H
#define CLM_CMD_COMMAND_H

/* Exit codes; 2, 3 and 6 are kept for verdicts on regressions. */
enum {
    CLM_EXIT_OK = 0,
    CLM_EXIT_ERROR = 1,         /* usage or tool error, or a cell that failed */
    CLM_EXIT_WRONG = 4,         /* a result was wrong */
    CLM_EXIT_NOTHING = 5,       /* nothing ran */
    CLM_EXIT_INTERRUPTED = 130, /* Ctrl-C, as shells report it */
};

typedef struct clm_command {
    const char *name;
    const char *about; /* one line for `clmoe --help`; null: not listed */
    /* argv[0] is "clmoe <name>". Parses its own options (argp: --help works), prints its own
     * errors, returns an exit code. */
    int (*run)(int argc, char **argv);
} clm_command;

extern const clm_command *const clm_commands[]; /* ends with null; collected by the build */

#endif
