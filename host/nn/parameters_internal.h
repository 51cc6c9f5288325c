/* What the tape and checkpoints know of the parameter store beyond nn/parameters.h. */
#ifndef CLM_NN_PARAMETERS_INTERNAL_H
#define CLM_NN_PARAMETERS_INTERNAL_H

#include "base/text.h"
#include "nn/parameters.h"

enum { CLM_PARAMETERS = 512, CLM_ARENAS = 4 /* weights, gradients, two moments */ };

typedef struct clm_parameter_item {
    clm_tensor tensor;
    bool transposed;
    clm_init init;
    double bound;
    int64_t offset; /* elements, in every arena */
    float *value;
    clm_buffer *view[2]; /* of the weights and of the gradients */
} clm_parameter_item;

typedef struct clm_parameter_part_item {
    const char *name;
    int parameter;
    int64_t first, rows, file_first, file_columns;
} clm_parameter_part_item;

struct clm_parameters {
    clm_scope *scope;
    uint32_t seed;
    int count, parts;
    clm_parameter_item item[CLM_PARAMETERS];
    clm_parameter_part_item part[CLM_PARAMETERS];
    int64_t elements; /* with padding */
    clm_tensor arena[CLM_ARENAS];
    bool training;  /* gradients and moments are wanted */
    uint64_t bytes; /* of one arena; 0: not allocated yet */
};

/* Device view of a weight or of its gradient; null before allocation. */
clm_buffer *clm_parameter_view(const clm_parameters *parameters, int index, bool gradient);

#endif
