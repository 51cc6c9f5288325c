/* Pair set: which (u, v) have been seen; expected constant time each. */
#ifndef CLM_DATA_PAIR_SET_H
#define CLM_DATA_PAIR_SET_H

#include "base/scope.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct clm_pair_set {
    uint64_t *slot; /* pair + 1; 0: free */
    uint64_t mask;
    int64_t count;
    clm_scope *scope;
} clm_pair_set;

/* An empty set with room for `capacity` pairs, and more as they come; 16 to 32 bytes for each. */
clm_pair_set clm_pair_set_new(clm_scope *scope, int64_t capacity);

/* Adds a pair of numbers from 0 on; false where it is in the set already. */
bool clm_pair_set_add(clm_pair_set *set, int32_t u, int32_t v);

bool clm_pair_set_has(const clm_pair_set *set, int32_t u, int32_t v);

#endif
