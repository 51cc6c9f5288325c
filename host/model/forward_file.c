#include "model/forward_file.h"

#include <string.h>

clm_status clm_forward_tensor(clm_scope *scope, clm_safetensors *file, const char *name,
                              clm_tape *tape, const clm_tensor *tensor)
{
    const clm_type type = clm_is_floating(tensor->type) ? CLM_F32 : CLM_I32;
    clm_file_tensor t = {.name = name, .type = type, .rank = tensor->rank};
    memcpy(t.dim, tensor->dim, sizeof t.dim);
    t.data = clm_alloc_array(scope, (size_t)clm_elements(tensor) + 1, sizeof(float));
    CLM_TRY(clm_tensor_read(tape, tensor, t.data));
    clm_safetensors_add(scope, file, t);
    return CLM_OK;
}

void clm_forward_ids(clm_scope *scope, clm_safetensors *file, const char *name, const int32_t *id,
                     int32_t count)
{
    clm_file_tensor t = {.name = name, .type = CLM_I32, .rank = 1, .dim = {count}};
    t.data = clm_alloc_array(scope, (size_t)count + 1, sizeof *id);
    memcpy(t.data, id, (size_t)count * sizeof *id);
    clm_safetensors_add(scope, file, t);
}

static clm_status add_arena(clm_scope *scope, clm_safetensors *file, const char *prefix,
                            clm_parameters *parameters, const clm_tensor *arena)
{
    if (!arena->buffer) return CLM_OK; /* a model without statistics */
    float *values = clm_alloc(scope, clm_tensor_bytes(arena) + 4);
    CLM_TRY(clm_buffer_read(arena->buffer, 0, values, clm_tensor_bytes(arena)));
    if (arena == clm_statistics_arena(parameters))
        clm_checkpoint_add_statistics(scope, parameters, values, prefix, file);
    else
        clm_checkpoint_add(scope, parameters, values, prefix, file);
    return CLM_OK;
}

static clm_status add_weights(clm_scope *scope, clm_safetensors *file, clm_parameters *parameters)
{
    CLM_TRY(add_arena(scope, file, "param.", parameters, clm_parameters_arena(parameters)));
    return add_arena(scope, file, "param.", parameters, clm_statistics_arena(parameters));
}

static clm_status load(clm_scope *scope, clm_parameters *parameters, const char *path)
{
    clm_safetensors weights;
    CLM_TRY(clm_safetensors_read(scope, path, &weights));
    const char *prefix = "";
    for (size_t i = 0; i < weights.count;
         i++) /* as this program and the golden files name them, or plainly */
        if (!strncmp(weights.tensor[i].name, "param.", 6)) prefix = "param.";
    const clm_status status = clm_checkpoint_load(parameters, &weights, prefix);
    if (status != CLM_OK) clm_error_during("reading %s", path);
    CLM_TRY(status);
    return clm_parameters_upload(parameters);
}

clm_status clm_forward_weights(clm_scope *scope, const clm_forward *forward,
                               clm_parameters *parameters, clm_safetensors *file)
{
    return forward->checkpoint ? load(scope, parameters, forward->checkpoint)
                               : add_weights(scope, file, parameters);
}

clm_status clm_forward_gradients(clm_scope *scope, const clm_forward *forward, clm_tape *train,
                                 const clm_tensor *loss, clm_safetensors *file)
{
    clm_parameters *parameters = clm_tape_parameters(train);
    if (!forward->gradients) return CLM_OK;
    CLM_TRY(clm_tape_run(train, 0, 0));
    CLM_TRY(clm_forward_tensor(scope, file, "out.loss", train, loss));
    return add_arena(scope, file, "grad.param.", parameters, clm_gradients_arena(parameters));
}
