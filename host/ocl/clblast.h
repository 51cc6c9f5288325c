/* CLBlast, a BLAS library for OpenCL: what the own matrix products are measured against.
 *
 * The library is opened when it is first asked for, after the drivers, and need not be there. Only
 * one thread may use it: before 1.6.1 its cache has a race. */
#ifndef CLM_OCL_CLBLAST_H
#define CLM_OCL_CLBLAST_H

#include "ocl/ocl.h"

/* Parameters of its kernel for matrices, for devices whose work-items are loops of a CPU: a
 * work-group is a row of `threads` work-items and computes `tile` x `tile` elements in vectors of
 * `vector`, without local memory. These are outside the range that the library's own tuners search.
 * Before 1.6.3 tiles that are not square compute wrong results and write past the end. All zero:
 * as it comes. */
typedef struct clm_clblast_parameters {
    int vector, tile, threads;
} clm_clblast_parameters;

/* c = a b, or c += a b: matrices in rows, without gaps, from the element `first` of their
 * buffers. */
typedef struct clm_sgemm {
    size_t rows, columns, depth; /* a [rows, depth], b [depth, columns] */
    const clm_buffer *a, *b, *c;
    size_t a_first, b_first, c_first;
    bool add;
    clm_clblast_parameters parameters;
} clm_sgemm;

/* Version of the library, such as "1.5.3"; null: it is not installed. */
const char *clm_clblast_version(void);

/* CLM_SKIP with the reason when it is not installed. */
clm_status clm_clblast_check(void);

/* Makes the library use these parameters on the context's device, for the whole process, and
 * multiplies small matrices with them. CLM_SKIP with the reason when that fails or is wrong, when
 * the library is missing, and for parameters as they come once others were used, because there is
 * no way back. */
clm_status clm_clblast_use(clm_context *context, const clm_clblast_parameters *parameters);

/* Enqueues the product, with parameters that are made to be used if they are not; returns at
 * once but for the first time, which compiles for seconds. */
clm_status clm_clblast_sgemm(clm_context *context, const clm_sgemm *gemm);

#endif
