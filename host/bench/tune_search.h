/* The search of one case of tune.h. */
#ifndef CLM_BENCH_TUNE_SEARCH_H
#define CLM_BENCH_TUNE_SEARCH_H

#include "bench/tune.h"

typedef struct clm_tune_case {
    const clm_tune_job *tune;
    clm_tape *tape;
    size_t call;
    const char *shape; /* class */
    double deadline_ns;
} clm_tune_case;

/* Searches and puts an entry into the table. */
clm_status clm_tune_search(clm_scope *scope, const clm_tune_case *one);

#endif
