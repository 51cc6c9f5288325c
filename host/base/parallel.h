/* Parallel: a loop over the processor's cores. */
#ifndef CLM_BASE_PARALLEL_H
#define CLM_BASE_PARALLEL_H

#include <stdint.h>

/* Calls part(user, first, end) for ranges that together are [0, count), each index once, on as many
 * threads as this process has cores. Which thread gets which range is left open: parts must not
 * write to the same place, nor allocate in a scope that another sees. Returns when all are done. */
void clm_parallel(int64_t count, void (*part)(void *user, int64_t first, int64_t end), void *user);

#endif
