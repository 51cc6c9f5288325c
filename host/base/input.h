/* Input: refusing what a file says, with its place: "file:line:column: why", the line and a caret.
 */
#ifndef CLM_BASE_INPUT_H
#define CLM_BASE_INPUT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Records bad input (CLM_ERROR_USAGE) found at `column` (from 1) of line `number` (from 1) of
 * `path`; `line` has `length` bytes and needs no null. Of a long line the part around the column is
 * shown. Always returns CLM_FAIL. */
clm_status clm_fail_input(const char *path, int64_t number, size_t column, const char *line,
                          size_t length, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
