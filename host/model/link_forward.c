/* A link prediction network on given weights, for exchange with other programs. */
#include "base/text.h"
#include "model/forward_file.h"
#include "model/link_tapes.h"

#include <string.h>

static void add_pairs(clm_scope *scope, clm_safetensors *file, const char *set,
                      const clm_pairs_host *yes, const clm_pairs_host *no)
{
    const int32_t count = yes->count + no->count;
    int32_t *id = clm_alloc_array(scope, (size_t)count + 1, sizeof *id);
    for (int end = 0; end < 2; end++) {
        memcpy(id, end ? yes->v : yes->u, (size_t)yes->count * sizeof *id);
        memcpy(id + yes->count, end ? no->v : no->u, (size_t)no->count * sizeof *id);
        clm_forward_ids(scope, file, clm_text(scope, "in.%s_%c", set, "uv"[end]), id, count);
    }
}

clm_status clm_link_forward(clm_scope *scope, const clm_cell *cell, const clm_forward *forward)
{
    clm_link_tapes *t = clm_alloc(scope, sizeof *t);
    clm_safetensors file = {0};
    CLM_TRY(clm_link_tapes_new(scope, cell, true, t));
    CLM_TRY(clm_forward_weights(scope, forward, t->parameters, &file));
    CLM_TRY(clm_tape_run(t->infer, 0, 0));
    CLM_TRY(clm_forward_tensor(scope, &file, "out.embedding", t->infer, t->embedding));
    CLM_TRY(clm_tape_run(t->val, 0, 0));
    CLM_TRY(clm_forward_tensor(scope, &file, "out.score_val", t->val, t->val_score));
    CLM_TRY(clm_tape_run(t->test, 0, 0));
    CLM_TRY(clm_forward_tensor(scope, &file, "out.score_test", t->test, t->test_score));
    add_pairs(scope, &file, "val", &t->split.val, &t->split.val_negative);
    add_pairs(scope, &file, "test", &t->split.test, &t->split.test_negative);
    CLM_TRY(clm_forward_gradients(scope, forward, t->train, t->loss, &file));
    return clm_safetensors_write(scope, forward->out, &file);
}
