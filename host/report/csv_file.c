#include "report/csv_file.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

clm_status clm_csv_open(const char *path, FILE **out)
{
    *out = fopen(path, "w");
    if (*out != NULL) return CLM_OK;
    clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(errno));
    clm_error_advice("the records are safe; `clmoe plot` writes tables and figures again");
    return CLM_FAIL;
}

clm_status clm_csv_close(FILE *file, const char *path)
{
    const bool whole = ferror(file) == 0;
    if (fclose(file) == 0 && whole) return CLM_OK;
    clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(errno));
    clm_error_advice("free some space; `clmoe plot` writes tables and figures again");
    return CLM_FAIL;
}

void clm_csv_text(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void clm_csv_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, ",%.10g", value);
    else
        fputs(",NaN", out);
}

void clm_csv_device(FILE *out, const char *device)
{
    fputc(',', out);
    for (const char *c = device != NULL ? device : "none"; *c != '\0'; c++)
        if (*c != '"') fputc(*c == ',' ? ';' : *c, out);
}
