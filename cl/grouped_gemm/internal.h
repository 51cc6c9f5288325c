/* What the two operators of this folder share. */
#ifndef CLM_CL_GROUPED_GEMM_INTERNAL_H
#define CLM_CL_GROUPED_GEMM_INTERNAL_H

#include "cl/grouped_gemm/grouped_gemm.h"

extern const clm_op clm_op_grouped_gemm_weight;

/* Bytes of all operands but scratch. */
double clm_gemm_bytes(const clm_call *call);

/* Defaults of the tunables VEC and AHEAD of the variants cpu: lanes for N columns; how many tiles
 * ahead of their use rows are asked for. */
int clm_gemm_pick_lanes(const clm_device *device, const clm_call *call);
int clm_gemm_pick_ahead(const clm_device *device, const clm_call *call);

/* Why a device is not for the variants cpu, null if it is. Where a vector is taken apart, the
 * tiles that should be in registers are not; interpreters may check them nevertheless. */
const char *clm_gemm_misfit(const clm_device *device);

/* The power of two, at least 256, that holds n: sizes of private arrays, few enough to build once.
 */
int clm_gemm_capacity(int64_t n);

/* How an example's rows lie in its groups: evenly; all in one; every second group empty; at random
 * with rows before and behind that belong to none. */
enum { CLM_GEMM_EVEN, CLM_GEMM_ONE, CLM_GEMM_HOLES, CLM_GEMM_MARGINS };
void clm_gemm_example_offsets(clm_example *example, int operand, int64_t groups, int64_t rows,
                              int layout);

#endif
