/* Metric: what a model is scored by. The only place that knows which there are; records, tables and
 * figures take names and directions from here. */
#ifndef CLM_MODEL_METRIC_H
#define CLM_MODEL_METRIC_H

#include "data/graph.h"

#include <jansson.h>

typedef struct clm_metric {
    const char *name;  /* record.metrics has <name>_val and <name>_test */
    const char *title; /* in tables and figures */
    bool lower;        /* lower is better */
} clm_metric;

/* What a data set for this task is scored by. */
const clm_metric *clm_metric_of_task(clm_task task);

/* By its name in records; null: there is none. */
const clm_metric *clm_metric_named(const char *name);

/* The metric of an object with members <name>_test or <name>_val (record.metrics); null: it has
 * none. */
const clm_metric *clm_metric_of(const json_t *object);

/* Member <name>_<split> of such an object, split val, test or last (validation after the last
 * epoch); NaN: unknown. */
double clm_metric_read(const clm_metric *metric, const json_t *object, const char *split);

/* Sets member <name>_<split>; null where the value is not finite. */
void clm_metric_write(const clm_metric *metric, json_t *object, const char *split, double value);

/* Whether a is better than b; anything is better than NaN. */
bool clm_metric_better(const clm_metric *metric, double a, double b);

#endif
