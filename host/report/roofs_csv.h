/* Roofs as tables and figures. */
#ifndef CLM_REPORT_ROOFS_CSV_H
#define CLM_REPORT_ROOFS_CSV_H

#include "bench/roofs.h"
#include "report/rows.h"

/* One line per roof of each device: number (from 1), device, roof, of, bytes, median, low, high, unit, status. */
clm_status clm_csv_roofs(const clm_roofs *const *roofs, size_t count, const char *path);

/* The measured roofs of the devices of the records, each once; `count` is 0 where there are none. */
void clm_rows_roofs(clm_scope *scope, const clm_rows *rows, const clm_roofs ***roofs,
                    size_t *count);

/* Leaves roofs.csv and the figures bandwidth and roofline in a folder, which is made if need be. */
clm_status clm_roofs_draw(clm_scope *scope, const clm_roofs *const *roofs, size_t count,
                          const char *folder);

#endif
