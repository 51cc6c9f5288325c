/* Tables for programs and for gnuplot. Unknown numbers are NaN; `status` says why. */
#ifndef CLM_REPORT_CSV_H
#define CLM_REPORT_CSV_H

#include "report/rows.h"

/* One line per cell: what identifies it, every parameter, scores over seeds with every seed's
 * value, published score and verdict, comparison with the baseline, times in ms, memory. */
clm_status clm_csv_summary(clm_scope *scope, const clm_rows *rows, const char *path);

/* One line per cell and epoch, means over seeds: seconds since the cell was begun and, without
 * programs built and data prepared, since training was; loss and the metric in validation. */
clm_status clm_csv_curve(clm_scope *scope, const clm_rows *rows, const char *path);

/* One line per mixture, node type and expert: share of the type's (node, expert) pairs that go
 * there, of the first seed (experts of different seeds have nothing in common). */
clm_status clm_csv_load(clm_scope *scope, const clm_rows *rows, const char *path);

/* One line per call of a profile: operator, operands, variant, tunables, times over samples, work and
 * share of the roof, of the first seed. No file where nothing was profiled. */
clm_status clm_csv_calls(clm_scope *scope, const clm_rows *rows, const char *path);

#endif
