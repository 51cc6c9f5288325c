/* CSV as gnuplot reads it. */
#ifndef CLM_REPORT_CSV_FILE_H
#define CLM_REPORT_CSV_FILE_H

#include "base/status.h"

/* Error naming the path. */
clm_status clm_csv_open(const char *path, FILE **out);
clm_status clm_csv_close(FILE *file, const char *path);

/* A field in quotes where it needs them. */
void clm_csv_text(FILE *out, const char *text);

/* A comma and a number, NaN where it is not known. */
void clm_csv_number(FILE *out, double value);

/* A comma and a device's id ("none" for null) without quotes and commas, which gnuplot does not read
 * back. */
void clm_csv_device(FILE *out, const char *device);

#endif
