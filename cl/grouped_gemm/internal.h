/* What the two operators of this folder share. */
#ifndef CLM_CL_GROUPED_GEMM_INTERNAL_H
#define CLM_CL_GROUPED_GEMM_INTERNAL_H

#include "cl/grouped_gemm/grouped_gemm.h"

extern const clm_op clm_op_grouped_gemm_weight;

/* The operands of a recorded call, and its y (may be a null pointer). */
clm_gemm clm_gemm_of(const clm_call *call, clm_tensor **y);

/* The variants of the library CLBlast (grouped_gemm_clblast.c). */
const char *clm_gemm_misfit_clblast(const clm_call *call, const clm_device *device);
clm_status clm_gemm_prepare_clblast(clm_plan *plan, const clm_call *call);
clm_status clm_gemm_prepare_clblast_override(clm_plan *plan, const clm_call *call);
int clm_gemm_pick_clblast_vector(const clm_device *device, const clm_call *call);
int clm_gemm_pick_clblast_tile(const clm_device *device, const clm_call *call);
int clm_gemm_pick_clblast_threads(const clm_device *device, const clm_call *call);

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
