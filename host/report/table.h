/* The summary table for people. */
#ifndef CLM_REPORT_TABLE_H
#define CLM_REPORT_TABLE_H

#include "report/rows.h"

#include <stdio.h>

void clm_table_print(clm_scope *scope, const clm_rows *rows, FILE *out);

#endif
