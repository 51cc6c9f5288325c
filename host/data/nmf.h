/* NMF: a matrix of numbers that are not negative as a product of two such matrices. */
#ifndef CLM_DATA_NMF_H
#define CLM_DATA_NMF_H

#include "base/scope.h"
#include "base/status.h"

#include <stdint.h>

/* a [rows, columns] ~ g [rows, rank] f [rank, columns], rank at most the smaller side: minimises the
 * squared error from the start NNDSVDA (Boutsidis and Gallopoulos 2008: the singular vectors' larger
 * halves, zeros replaced by the mean of a) by multiplicative updates (Lee and Seung 2001), 200 of
 * them or until ten gain less than 1e-4 of the first error. Error: the singular value decomposition
 * does not converge. */
clm_status clm_nmf(const double *a, int32_t rows, int32_t columns, int32_t rank, double *g,
                   double *f);

#endif
