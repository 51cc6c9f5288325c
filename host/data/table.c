#include "data/table.h"

static clm_status wrong_rows(const clm_table *table, const clm_lines *lines, int64_t rows)
{
    if (table->rows < 0)
        clm_fail(CLM_ERROR_USAGE, "%s: has no line", lines->path);
    else
        clm_fail(CLM_ERROR_USAGE, "%s: ends after line %lld; expected %lld lines: %s", lines->path,
                 (long long)rows, (long long)table->rows, table->reason);
    clm_error_advice("the files do not belong together, or one is cut off: fetch the data set "
                     "again (clmoe data fetch)");
    return CLM_FAIL;
}

clm_status clm_table_read(clm_scope *work, const clm_table *table, int64_t *rows)
{
    clm_lines lines;
    CLM_TRY(clm_lines_open(work, table->folder, table->name, true, &lines));
    int64_t row = 0;
    for (bool more = true;; row++) {
        CLM_TRY(clm_lines_next(&lines, &more));
        if (!more) break;
        if (row == table->rows)
            return clm_lines_fail(&lines, lines.line, "expected the end of the file: %s",
                                  table->reason);
        CLM_TRY(table->row(table->user, &lines, row));
    }
    if (table->rows < 0 ? row == 0 : row != table->rows) return wrong_rows(table, &lines, row);
    if (rows != NULL) *rows = row;
    return CLM_OK;
}

clm_status clm_table_integers(clm_lines *lines, const char *what, int32_t count,
                              const int32_t *size, int32_t *value)
{
    for (int32_t i = 0; i < count; i++) {
        if (i > 0 && (*lines->at != ',' || clm_lines_ended(lines)))
            return clm_lines_fail(lines, lines->at, "expected ',' and %s %d of %d", what, i + 1,
                                  count);
        if (i > 0) lines->at++;
        CLM_TRY(clm_lines_integer(lines, what, 0, size[i] - 1, &value[i]));
    }
    if (clm_lines_ended(lines)) return CLM_OK;
    return clm_lines_fail(lines, lines->at, "expected the end of the line after %d values", count);
}
