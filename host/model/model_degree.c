/* degree: the product of the training degrees of both ends. Nothing is trained; what it scores is
 * what popularity alone gives away under uniform negatives. */
#include "base/statistics.h"
#include "model/model.h"
#include "model/shared_parameters.h"

static double score(const float *degree, const clm_pairs_host *yes, const clm_pairs_host *no,
                    clm_scope *scope, double *ap)
{
    const int32_t n = yes->count + no->count;
    float *s = clm_alloc_array(scope, 2 * (size_t)n + 1, sizeof *s), *label = s + n;
    for (int32_t i = 0; i < n; i++) {
        const clm_pairs_host *from = i < yes->count ? yes : no;
        const int32_t j = i < yes->count ? i : i - yes->count;
        s[i] = degree[from->u[j]] * degree[from->v[j]];
        label[i] = i < yes->count;
    }
    if (ap) *ap = clm_average_precision(s, label, (size_t)n);
    return clm_roc_auc(s, label, (size_t)n);
}

static clm_status run(clm_scope *scope, const clm_cell *cell)
{
    clm_link_split split;
    CLM_TRY(clm_link_split_new(scope, cell->dataset, 0,
                               (uint32_t)clm_config_int(cell->config, "seed"), &split));
    float *degree = clm_alloc_array(scope, (size_t)cell->dataset->graph.nodes + 1, sizeof *degree);
    for (int32_t i = 0; i < split.train.count; i++) {
        degree[split.train.u[i]]++;
        degree[split.train.v[i]]++;
    }
    double ap;
    const double val = score(degree, &split.val, &split.val_negative, scope, NULL);
    const double test = score(degree, &split.test, &split.test_negative, scope, &ap);
    json_object_set_new(
        cell->record, "metrics",
        json_pack("{s:f,s:f,s:f,s:n}", "auc_test", test, "auc_val", val, "ap_test", ap, "epoch"));
    return CLM_OK;
}

static const clm_parameter_spec *const parameters[] = {&clm_parameter_seed, NULL};

const clm_model clm_model_degree = {
    .name = "degree",
    .about = "baseline without training: product of the ends' training degrees",
    .parameters = parameters,
    .run = run,
};
