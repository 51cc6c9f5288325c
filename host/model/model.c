#include "model/model.h"

#include "base/text.h"

#include <string.h>

const clm_model *clm_model_find(const char *name)
{
    for (size_t i = 0; clm_models[i] != NULL; i++)
        if (strcmp(clm_models[i]->name, name) == 0) return clm_models[i];
    return NULL;
}

clm_status clm_model_named(clm_scope *scope, const char *name, const clm_model **model)
{
    *model = clm_model_find(name);
    if (*model != NULL) return CLM_OK;
    size_t count = 0;
    while (clm_models[count] != NULL)
        count++;
    const char **known = clm_alloc_array(scope, count + 1, sizeof *known);
    for (size_t i = 0; i < count; i++)
        known[i] = clm_models[i]->name;
    const char *near = clm_did_you_mean(name, known);
    clm_fail(CLM_ERROR_USAGE, "there is no model '%s'%s%s%s", name,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("`clmoe list models` shows the models and their parameters");
    return CLM_FAIL;
}

/* A model that predicts links has no use for a set whose labels are predicted, and the other way
 * round. One that runs without any data takes any graph. */
static clm_status check_task(const clm_model *model, const clm_dataset *dataset)
{
    const bool labels = dataset->graph.task != CLM_TASK_LINK;
    if (model->data_optional || labels == (model->predictor != NULL)) return CLM_OK;
    const char *of = dataset->graph.graphs > 0 ? "graphs" : "nodes";
    if (labels)
        clm_fail(CLM_ERROR_USAGE, "%s predicts links, but %s is for predicting labels of %s",
                 model->name, dataset->name, of);
    else
        clm_fail(CLM_ERROR_USAGE, "%s predicts labels, but %s is for predicting links", model->name,
                 dataset->name);
    clm_error_advice("`clmoe data list` says what each data set is for, `clmoe list models` what "
                     "each model does");
    return CLM_FAIL;
}

clm_status clm_model_data(clm_scope *scope, const clm_model *model, const char *data,
                          const char *data_dir, const clm_dataset **dataset)
{
    *dataset = NULL;
    if (model->data_optional && strcmp(data, CLM_NO_DATA) == 0) return CLM_OK;
    CLM_TRY(clm_dataset_load(scope, data, data_dir, dataset));
    return check_task(model, *dataset);
}
