#include "model/task_parameters.h"

const clm_parameter_spec
    clm_task_batch = {"batch",     "graphs of a step B (one graph is trained whole)",
                      CLM_INTEGER, "32",
                      1,           65536,
                      NULL},
    clm_task_score_every = {
        "score_every", "epochs from one validation to the next", CLM_INTEGER, "1", 1, 1000000,
        NULL};
