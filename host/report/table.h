/* The summary table for people. */
#ifndef CLM_REPORT_TABLE_H
#define CLM_REPORT_TABLE_H

#include "report/rows.h"

#include <stdio.h>

void clm_table_print(clm_scope *scope, const clm_rows *rows, FILE *out);

/* The profiles of cells that have one (--profile), of their first seed: a step and an inference by
 * operator. */
void clm_profiles_print(clm_scope *scope, const clm_rows *rows, FILE *out);

#endif
