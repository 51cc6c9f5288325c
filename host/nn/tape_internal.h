/* The tape's insides, shared by recording, gradients, layout and replay. */
#ifndef CLM_NN_TAPE_INTERNAL_H
#define CLM_NN_TAPE_INTERNAL_H

#include "nn/tape.h"
#include "op/plan.h"

/* A tensor of a tape. `tensor` is first, so that a clm_tensor * of a tape is a clm_node *. */
typedef struct clm_node {
    clm_tensor tensor;
    const clm_tensor *shared; /* inputs: the other tape's tensor whose storage this is */
    bool needs_gradient;
    bool wanted;               /* activations: a call that is not dropped uses it */
    clm_tensor **contribution; /* to the gradient, in order of recording */
    int contributions, contribution_room;
    int chunk; /* activations: which buffer, and where in it */
    uint64_t chunk_offset;
} clm_node;

typedef struct clm_chunk {
    uint64_t bytes; /* high-water mark */
    clm_buffer *buffer;
} clm_chunk;

struct clm_tape {
    clm_scope *scope;
    clm_context *context;
    clm_parameters *parameters;
    uint32_t seed;
    bool training;
    clm_type precision;  /* CLM_F32 is 0 */
    size_t forward;      /* calls before the backward pass; SIZE_MAX: there is none */
    const char *variant; /* of operators that have it; null: the device's */
    clm_status status;   /* the first error of recording */
    clm_node **node;
    size_t nodes, node_room;
    clm_call **call;
    size_t calls, call_room;
    clm_tensor *step, *skip;
    clm_chunk *chunk;
    int chunks;
    uint64_t input_bytes;
    bool laid_out;
    const clm_tape *memory; /* whose activation buffers may be used; null: own */
    clm_tuning *tuning;     /* null: defaults */
    clm_plan *plan;
};

static inline clm_node *clm_node_of(const clm_tensor *tensor) { return (clm_node *)tensor; }

/* The words of the tensor `step` (nn/tape.h). */
void clm_step_words(const clm_tape *tape, int32_t step_index, float learning_rate, int32_t *word);

/* Room for one more element of `size` bytes in an array that is freed with the tape's scope. */
void *clm_tape_grow(void *array, size_t count, size_t *room, size_t size);

#endif
