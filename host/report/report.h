/* Report: what a run found, for people (table), for programs (CSV) and as figures. */
#ifndef CLM_REPORT_REPORT_H
#define CLM_REPORT_REPORT_H

#include "suite/plan.h"

#include <stdio.h>

typedef struct clm_report_options {
    const char *folder; /* of the run: summary.csv, curve.csv, load.csv, plots/; null: no files */
    FILE *table;        /* where the summary table goes; null: nowhere */
} clm_report_options;

/* Reports on the records (array in the order of the plan, null where a cell was not reached).
 * Without gnuplot scripts and data are left, and standard error says so. Fails when a file cannot
 * be written. */
clm_status clm_report(clm_scope *scope, const clm_run_plan *plan, const json_t *records,
                      const clm_report_options *options);

#endif
