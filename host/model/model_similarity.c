/* similarity: the cosine between the features of both ends. Nothing is trained and no graph is
 * read; where one type's features were made from its neighbours' it shows how much of the answer
 * they hold. With features=train_only what is left without the held-out edges. */
#include "base/statistics.h"
#include "model/her_parameters.h"
#include "model/model.h"

#include <math.h>

/* <a, b> / (|a| |b|) of two rows whose columns count from the first of their types; 0 where one is
 * empty. */
static float cosine(const clm_features *f, int32_t a, int32_t first_a, int32_t b, int32_t first_b)
{
    double dot = 0, norm_a = 0, norm_b = 0;
    int32_t j = f->row_ptr[b];
    for (int32_t i = f->row_ptr[a]; i < f->row_ptr[a + 1]; i++) {
        while (j < f->row_ptr[b + 1] && f->col[j] - first_b < f->col[i] - first_a)
            j++;
        if (j < f->row_ptr[b + 1] && f->col[j] - first_b == f->col[i] - first_a)
            dot += (double)f->val[i] * f->val[j];
        norm_a += (double)f->val[i] * f->val[i];
    }
    for (j = f->row_ptr[b]; j < f->row_ptr[b + 1]; j++)
        norm_b += (double)f->val[j] * f->val[j];
    return norm_a > 0 && norm_b > 0 ? (float)(dot / sqrt(norm_a * norm_b)) : 0;
}

static double score(const clm_dataset *data, const clm_features *f, const clm_pairs_host *yes,
                    const clm_pairs_host *no, clm_scope *scope, double *ap)
{
    const clm_relation *target = &data->graph.relation[data->target];
    const int32_t n = yes->count + no->count, first_u = f->column_first[target->from],
                  first_v = f->column_first[target->to];
    float *s = clm_alloc_array(scope, 2 * (size_t)n + 1, sizeof *s), *label = s + n;
    for (int32_t i = 0; i < n; i++) {
        const clm_pairs_host *from = i < yes->count ? yes : no;
        const int32_t j = i < yes->count ? i : i - yes->count;
        s[i] = cosine(f, from->u[j], first_u, from->v[j], first_v);
        label[i] = i < yes->count;
    }
    if (ap) *ap = clm_average_precision(s, label, (size_t)n);
    return clm_roc_auc(s, label, (size_t)n);
}

static clm_status run(clm_scope *scope, const clm_cell *cell)
{
    const clm_graph *graph = &cell->dataset->graph;
    clm_link_split split;
    clm_features features;
    CLM_TRY(clm_link_split_new(scope, cell->dataset, 0,
                               (uint32_t)clm_config_int(cell->config, "seed"), &split));
    const clm_relation *target = &graph->relation[cell->dataset->target];
    if (graph->type[target->from].dim != graph->type[target->to].dim ||
        graph->type[target->from].dim == 0)
        return clm_skip("%s and %s share no feature vocabulary", graph->type[target->from].name,
                        graph->type[target->to].name);
    CLM_TRY(clm_features_new(scope, cell->dataset,
                             clm_config_is(cell->config, "features", "train_only"), &split.train,
                             &features));
    double ap;
    const double val =
        score(cell->dataset, &features, &split.val, &split.val_negative, scope, NULL);
    const double test =
        score(cell->dataset, &features, &split.test, &split.test_negative, scope, &ap);
    json_object_set_new(
        cell->record, "metrics",
        json_pack("{s:f,s:f,s:f,s:n}", "auc_test", test, "auc_val", val, "ap_test", ap, "epoch"));
    return CLM_OK;
}

static const clm_parameter_spec *const parameters[] = {&clm_parameter_seed, &clm_parameter_features,
                                                       NULL};

const clm_model clm_model_similarity = {
    .name = "similarity",
    .about = "baseline without training: cosine between the features of both ends",
    .parameters = parameters,
    .run = run,
};
