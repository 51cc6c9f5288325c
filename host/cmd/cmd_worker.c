/* clmoe worker: hidden; `clmoe run` starts it for every cell (suite/worker.h). */
#include "cmd/command.h"
#include "suite/worker.h"

#include <stddef.h>

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    clm_worker();
}

const clm_command clm_command_worker = {"worker", NULL, run};
