/* Tensor: a named, typed array on the device, row-major, with at most four dimensions.
 *
 * The same tensor has a second home on the host in double precision (int32 for integers), where the
 * operators' references compute: a tape replayed there is the yardstick for every device. */
#ifndef CLM_OP_TENSOR_H
#define CLM_OP_TENSOR_H

#include "ocl/ocl.h"

#include <stdint.h>

enum { CLM_RANK = 4 };

typedef enum clm_type { CLM_F32, CLM_I32 } clm_type;

typedef enum clm_tensor_kind {
    CLM_INPUT,      /* filled by the host, kept for the life of the tape */
    CLM_PARAMETER,  /* a weight: lives in the parameter store, shared by tapes */
    CLM_GRADIENT,   /* of a parameter: lives in the store's gradient arena */
    CLM_STATE,      /* of the optimiser */
    CLM_ACTIVATION, /* made by a call; storage by lifetime */
    CLM_OUTPUT,     /* an activation that is read by the host after a replay: never overwritten */
} clm_tensor_kind;

typedef struct clm_tensor {
    const char *name;
    clm_type type;
    clm_tensor_kind kind;
    int rank;
    int64_t dim[CLM_RANK];
    clm_buffer *buffer; /* null until storage is planned */
    void *host;         /* double or int32_t, null until the reference runs */
    int first, last;    /* calls of the tape that make it and use it last */
    int parameter;      /* index in the parameter store, -1 otherwise */
} clm_tensor;

static inline int64_t clm_elements(const clm_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

static inline uint64_t clm_tensor_bytes(const clm_tensor *t)
{
    return 4 * (uint64_t)clm_elements(t);
}

#endif
