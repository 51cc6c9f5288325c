/* A network that predicts labels on given weights, for exchange with other programs. */
#include "base/text.h"
#include "model/forward_file.h"
#include "model/task_tapes.h"

clm_status clm_task_forward(clm_scope *scope, const clm_cell *cell, const clm_forward *forward)
{
    static const char *const name[CLM_SPLITS] = {"train", "val", "test"};
    clm_task_tapes *t = clm_alloc(scope, sizeof *t);
    clm_safetensors file = {0};
    CLM_TRY(clm_task_tapes_new(scope, cell, t));
    CLM_TRY(clm_forward_weights(scope, forward, t->parameters, &file));
    for (int part = CLM_SPLIT_VAL; part < CLM_SPLITS; part++) {
        const int32_t count = t->split.count[part];
        clm_file_tensor score = {.name = clm_text(scope, "out.score_%s", name[part]),
                                 .type = CLM_F32,
                                 .rank = 2,
                                 .dim = {count, t->outputs}};
        score.data = clm_alloc_array(scope, (size_t)(count * t->outputs) + 1, sizeof(float));
        CLM_TRY(clm_task_predict(t, part, score.data, NULL, NULL));
        clm_safetensors_add(scope, &file, score);
        clm_forward_ids(scope, &file, clm_text(scope, "in.%s", name[part]), t->split.id[part],
                        count);
    }
    CLM_TRY(clm_forward_gradients(scope, forward, t->train, t->loss, &file));
    return clm_safetensors_write(scope, forward->out, &file);
}
