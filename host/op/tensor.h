/* Tensor: a named, typed array on the device, row-major, with at most four dimensions.
 *
 * The same tensor has a second home on the host in double precision (int32 for integers), where the
 * operators' references compute: a tape replayed there is the yardstick for every device. */
#ifndef CLM_OP_TENSOR_H
#define CLM_OP_TENSOR_H

#include "ocl/ocl.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLM_RANK = 4 };

/* CLM_REAL is no type of a tensor but a promise to become one: an operand declared so takes f32,
 * bf16 or f16, all operands of a call alike, and an activation recorded so takes its tape's
 * precision. Arithmetic is in f32 whatever the storage. */
typedef enum clm_type { CLM_F32, CLM_I32, CLM_BF16, CLM_F16, CLM_REAL } clm_type;

/* "f32", "i32", "bf16", "f16". */
const char *clm_type_name(clm_type type);

static inline bool clm_is_floating(clm_type type) { return type != CLM_I32; }
static inline uint64_t clm_type_bytes(clm_type type)
{
    return type == CLM_BF16 || type == CLM_F16 ? 2 : 4;
}

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
    void *value;        /* inputs: what the host fills them with; null: known on the device alone */
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
    return clm_type_bytes(t->type) * (uint64_t)clm_elements(t);
}

/* Between floats and what a tensor of a floating type stores: n elements. `from` may lie in the
 * upper half of `to`. */
void clm_stored_floats(clm_type type, const void *from, int64_t n, float *to);
void clm_floats_stored(clm_type type, const float *from, int64_t n, void *to);

#endif
