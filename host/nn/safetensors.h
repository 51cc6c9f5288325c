/* safetensors: named tensors in a file, as PyTorch users exchange them: 8 bytes of header length,
 * a JSON header, then the data, little-endian. F32 and I32 are read and written; F64, F16, BF16
 * and I64 are refused by name. */
#ifndef CLM_NN_SAFETENSORS_H
#define CLM_NN_SAFETENSORS_H

#include "op/tensor.h"

#include <jansson.h>

typedef struct clm_file_tensor {
    const char *name;
    clm_type type;
    int rank;
    int64_t dim[CLM_RANK];
    void *data; /* float or int32_t, in the order of the file */
} clm_file_tensor;

typedef struct clm_safetensors {
    clm_file_tensor *tensor;
    size_t count, room;
    json_t *metadata; /* object of strings, or null; goes with the scope */
} clm_safetensors;

/* Reads a whole file. Errors name the file and what is wrong with it. */
clm_status clm_safetensors_read(clm_scope *scope, const char *path, clm_safetensors *file);

/* The tensor of that name, or null. */
const clm_file_tensor *clm_safetensors_find(const clm_safetensors *file, const char *name);

/* Appends a tensor (data is kept by reference) to a file under construction. */
void clm_safetensors_add(clm_scope *scope, clm_safetensors *file, clm_file_tensor tensor);

/* Writes the file whole or not at all (a temporary file is renamed at the end). */
clm_status clm_safetensors_write(clm_scope *scope, const char *path, const clm_safetensors *file);

#endif
