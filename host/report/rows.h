/* Rows: the records of a run put together, one row for each cell over all its seeds. */
#ifndef CLM_REPORT_ROWS_H
#define CLM_REPORT_ROWS_H

#include "base/statistics.h"
#include "report/published.h"
#include "suite/plan.h"

/* What a profile says in sum; numbers are medians over seeds, NaN: unknown. */
typedef struct clm_profile_row {
    clm_summary ns; /* over seeds, of the calls that count */
    double forward_ns, backward_ns, wall_ns, overhead;
    double gflops, gbytes;
    double share, forward_share, backward_share; /* of the roof */
    const char *bound;                           /* of the first seed; null: unknown */
} clm_profile_row;

typedef struct clm_row {
    const char *label, *model, *data, *device, *lane; /* null where the model needs no device */
    const clm_run_cell *cell;                         /* of the first seed */
    const clm_config *config;                         /* its */
    size_t planned, ok;                               /* seeds */
    const char *status;                               /* "ok 3" or "ok 2, failed 1" */
    const json_t **record;              /* [planned] null: not reached; in order of seeds */
    const clm_metric *metric;           /* null: nothing was scored */
    double *test_of, *val_of, *last_of; /* [planned] the metric by seed, NaN: unknown */
    clm_summary test, val, last;  /* the metric over seeds; last: validation after the last epoch */
    clm_summary precision, epoch; /* ap_test, epoch over seeds */
    /* Median over seeds of the record's medians; NaN: unknown. */
    double train_step_ns, inference_ns, planned_bytes, device_bytes, imbalance;
    double rows_routed, rows_read, rows_dense; /* of a sparse mixture's training step */
    double nodes, edges;                       /* of the data set */
    clm_profile_row profile;                   /* of model operator, and of --profile */
    const clm_published *published;            /* null: nothing */
    const char *verdict; /* better, worse or same as published; null: not comparable */
    /* What the suite compares it with, else hgt under the same protocol; null: none, or this row. */
    const struct clm_row *baseline;
    double difference, p_value; /* to the baseline over the seeds both have; NaN: none */
} clm_row;

/* The metric over seeds on the split that the row is judged by: that of the published score, else
 * test. */
const clm_summary *clm_row_score(const clm_row *row);

typedef struct clm_rows {
    const clm_run_plan *plan;
    clm_row *row;
    size_t count;
} clm_rows;

/* Error (USAGE) when the table of published numbers cannot be read. */
clm_status clm_rows_make(clm_scope *scope, const clm_run_plan *plan, const json_t *records,
                         const clm_rows **rows);

#endif
