#include "cmd/options.h"

#include "base/status.h"

#include <stdio.h>

void clm_options(const struct argp *argp, int argc, char **argv, void *into)
{
    argp_err_exit_status = CLM_EXIT_ERROR;
    (void)argp_parse(argp, argc, argv, 0, NULL, into);
}

int clm_exit_error(void)
{
    fputs("clmoe: ", stderr);
    clm_error_print(stderr);
    switch (clm_error_last()->kind) {
    case CLM_ERROR_WRONG: return CLM_EXIT_WRONG;
    case CLM_ERROR_NO_DEVICE: return CLM_EXIT_NOTHING;
    default: return CLM_EXIT_ERROR;
    }
}
