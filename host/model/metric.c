#include "model/metric.h"

#include "model/profile_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const clm_metric metrics[] = {
    [CLM_TASK_LINK] = {"auc", "AUC", false},
    [CLM_TASK_ACCURACY] = {"accuracy", "accuracy", false},
    [CLM_TASK_ROCAUC] = {"rocauc", "ROC-AUC", false},
    [CLM_TASK_RMSE] = {"rmse", "RMSE", true},
};
enum { METRICS = sizeof metrics / sizeof *metrics };

const clm_metric *clm_metric_of_task(clm_task task) { return &metrics[task]; }

const clm_metric *clm_metric_named(const char *name)
{
    for (size_t i = 0; i < METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0) return &metrics[i];
    return NULL;
}

typedef struct key {
    char text[32];
} key;

static key key_of(const clm_metric *metric, const char *split)
{
    key k;
    (void)snprintf(k.text, sizeof k.text, "%s_%s", metric->name, split);
    return k;
}

const clm_metric *clm_metric_of(const json_t *object)
{
    for (size_t i = 0; i < METRICS; i++)
        if (json_object_get(object, key_of(&metrics[i], "test").text) != NULL ||
            json_object_get(object, key_of(&metrics[i], "val").text) != NULL)
            return &metrics[i];
    return NULL;
}

double clm_metric_read(const clm_metric *metric, const json_t *object, const char *split)
{
    const json_t *value = json_object_get(object, key_of(metric, split).text);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

void clm_metric_write(const clm_metric *metric, json_t *object, const char *split, double value)
{
    json_object_set_new(object, key_of(metric, split).text, clm_number_json(value));
}

bool clm_metric_better(const clm_metric *metric, double a, double b)
{
    if (isnan(b)) return !isnan(a);
    return metric->lower ? a < b : a > b;
}
