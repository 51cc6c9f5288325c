/* Quantising numbers to few levels. */
#ifndef CLM_DATA_QUANTISE_H
#define CLM_DATA_QUANTISE_H

#include "base/scope.h"

#include <stdint.h>

typedef struct clm_quantiser clm_quantiser;

/* Prepares `count` numbers for up to `most` levels: k-means in one dimension, solved exactly by
 * dynamic programming (Wang and Song 2011), so nothing depends on a start. O(most count log count)
 * time; 4 most count bytes that live as long as `scope`. */
const clm_quantiser *clm_quantiser_new(clm_scope *scope, const double *value, int64_t count,
                                       int32_t most);

/* The level of each number, of those at most `levels` (up to `most`) that have the least sum of
 * squared errors: value [count], in the order they were given. */
void clm_quantise(const clm_quantiser *quantiser, int32_t levels, double *value);

#endif
