/* What the commands' option parsers (argp) have in common. */
#ifndef CLM_CMD_OPTIONS_H
#define CLM_CMD_OPTIONS_H

#include "cmd/command.h"

#include <argp.h>

/* Parses with exit code CLM_EXIT_ERROR for usage errors and ends the process there, as argp does.
 */
void clm_options(const struct argp *argp, int argc, char **argv, void *into);

/* Prints the last error with "clmoe: " before it and returns its exit code: CLM_EXIT_WRONG for a
 * wrong result, CLM_EXIT_NOTHING without a device, else CLM_EXIT_ERROR. */
int clm_exit_error(void);

#endif
