/* What the tape and checkpoints know of the parameter store beyond nn/parameters.h. */
#ifndef CLM_NN_PARAMETERS_INTERNAL_H
#define CLM_NN_PARAMETERS_INTERNAL_H

#include "base/text.h"
#include "nn/parameters.h"

enum { CLM_PARAMETERS = 512 };

/* Of one layout the first four: weights, gradients, two moments. */
enum { CLM_WEIGHTS, CLM_GRADIENTS, CLM_MOMENTS, CLM_STATISTICS = 4, CLM_ARENAS };

typedef struct clm_parameter_item {
    clm_tensor tensor;
    bool transposed, statistic;
    clm_init init;
    double bound;
    int64_t offset; /* elements, in every arena of its layout */
    clm_tensor in_file; /* tensor of files that holds it, from element file_first on; rank 0: one of
                           its own name and shape */
    int64_t file_first;
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
    int64_t elements, statistics; /* with padding */
    clm_tensor arena[CLM_ARENAS];
    bool training; /* gradients and moments are wanted */
    bool allocated;
};

/* Device view of a weight or of its gradient; null before allocation. */
clm_buffer *clm_parameter_view(const clm_parameters *parameters, int index, bool gradient);
/* The same on the host, after clm_parameters_reference. */
double *clm_parameter_host(const clm_parameters *parameters, int index, bool gradient);

#endif
