/* A link prediction network on given weights, for exchange with other programs. */
#include "model/link_tapes.h"
#include "nn/checkpoint.h"

#include "base/text.h"

#include <string.h>

static clm_status add_tensor(clm_scope *scope, clm_safetensors *file, const char *name,
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

static void add_pairs(clm_scope *scope, clm_safetensors *file, const char *set,
                      const clm_pairs_host *yes, const clm_pairs_host *no)
{
    for (int end = 0; end < 2; end++) {
        clm_file_tensor t = {.name = clm_text(scope, "in.%s_%c", set, "uv"[end]),
                             .type = CLM_I32,
                             .rank = 1,
                             .dim = {yes->count + no->count}};
        int32_t *id = t.data = clm_alloc_array(scope, (size_t)t.dim[0] + 1, sizeof *id);
        memcpy(id, end ? yes->v : yes->u, (size_t)yes->count * sizeof *id);
        memcpy(id + yes->count, end ? no->v : no->u, (size_t)no->count * sizeof *id);
        clm_safetensors_add(scope, file, t);
    }
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

clm_status clm_link_forward(clm_scope *scope, const clm_cell *cell, const clm_forward *forward)
{
    clm_link_tapes *t = clm_alloc(scope, sizeof *t);
    clm_safetensors file = {0};
    CLM_TRY(clm_link_tapes_new(scope, cell, true, t));
    if (forward->checkpoint)
        CLM_TRY(load(scope, t->parameters, forward->checkpoint));
    else
        CLM_TRY(add_weights(scope, &file, t->parameters));
    CLM_TRY(clm_tape_run(t->infer, 0, 0));
    CLM_TRY(add_tensor(scope, &file, "out.embedding", t->infer, t->embedding));
    CLM_TRY(clm_tape_run(t->val, 0, 0));
    CLM_TRY(add_tensor(scope, &file, "out.score_val", t->val, t->val_score));
    CLM_TRY(clm_tape_run(t->test, 0, 0));
    CLM_TRY(add_tensor(scope, &file, "out.score_test", t->test, t->test_score));
    add_pairs(scope, &file, "val", &t->split.val, &t->split.val_negative);
    add_pairs(scope, &file, "test", &t->split.test, &t->split.test_negative);
    /* The step also updates the weights: it comes last, with a learning rate of zero. */
    if (forward->gradients) {
        CLM_TRY(clm_tape_run(t->train, 0, 0));
        CLM_TRY(add_tensor(scope, &file, "out.loss", t->train, t->loss));
        CLM_TRY(add_arena(scope, &file, "grad.param.", t->parameters,
                          clm_gradients_arena(t->parameters)));
    }
    return clm_safetensors_write(scope, forward->out, &file);
}
