/* Golden files of single operators and of metrics. */
#include "base/statistics.h"
#include "cl/layer_norm/layer_norm.h"
#include "model/golden_file.h"

clm_status clm_golden_layer_norm(clm_golden *g)
{
    const clm_file_tensor *x, *w, *b, *cotangent;
    CLM_TRY(clm_golden_f32(g, "in.x", &x));
    CLM_TRY(clm_golden_f32(g, "in.cotangent", &cotangent));
    CLM_TRY(clm_golden_f32(g, "param.w", &w));
    CLM_TRY(clm_golden_f32(g, "param.b", &b));
    clm_tape *tape = clm_tape_new(g->scope, g->context, NULL, 0);
    clm_tensor *in[3] = {clm_input_f32(tape, "x", x->data, x->rank, x->dim),
                         clm_input_f32(tape, "w", w->data, w->rank, w->dim),
                         clm_input_f32(tape, "b", b->data, b->rank, b->dim)};
    for (int i = 0; i < 3; i++)
        clm_want_gradient(tape, in[i]);
    clm_tensor *y = clm_layer_norm(tape, in[0], in[1], in[2]);
    clm_tensor *dy = clm_input_f32(tape, "dy", cotangent->data, cotangent->rank, cotangent->dim);
    if (y) clm_keep(tape, y);
    clm_tape_backward_from(tape, 1, &y, &dy);
    CLM_TRY(clm_tape_plan(tape));
    CLM_TRY(clm_tape_run(tape, 0, 0));
    CLM_TRY(clm_golden_compare_tensor(g, "out.y", tape, y));
    CLM_TRY(clm_golden_compare_tensor(g, "grad.in.x", tape, clm_gradient_of(tape, in[0])));
    CLM_TRY(clm_golden_compare_tensor(g, "grad.param.w", tape, clm_gradient_of(tape, in[1])));
    return clm_golden_compare_tensor(g, "grad.param.b", tape, clm_gradient_of(tape, in[2]));
}

clm_status clm_golden_metrics(clm_golden *g)
{
    const clm_file_tensor *score, *label, *multi_score, *multi_label;
    CLM_TRY(clm_golden_f32(g, "in.score", &score));
    CLM_TRY(clm_golden_f32(g, "in.label", &label));
    CLM_TRY(clm_golden_f32(g, "in.multi_score", &multi_score));
    CLM_TRY(clm_golden_f32(g, "in.multi_label", &multi_label));
    const float auc = (float)clm_roc_auc(score->data, label->data, (size_t)score->dim[0]);
    clm_golden_compare(g, "out.auc", &auc, NULL);
    const int64_t n = multi_score->dim[0], tasks = multi_score->dim[1];
    const float multi =
        (float)clm_mean_roc_auc(multi_score->data, multi_label->data, (size_t)n, (size_t)tasks);
    clm_golden_compare(g, "out.multi_auc", &multi, NULL);
    float *s = clm_alloc_array(g->scope, 2 * (size_t)n + 1, sizeof *s);
    for (int64_t i = 0; i < n; i++) {
        s[i] = ((const float *)multi_score->data)[i * tasks];
        s[n + i] = ((const float *)multi_label->data)[i * tasks];
    }
    const float rmse = (float)clm_rmse(s, s + n, (size_t)n);
    clm_golden_compare(g, "out.rmse", &rmse, NULL);
    return CLM_OK;
}
