/* Lines: a text file, plain or gzip, read line by line and field by field.
 *
 * Fields are separated by one TAB. Whatever does not fit is refused with file:line:column, the line
 * and what was expected there. Numbers are parsed here: sscanf would take most of the loading time.
 */
#ifndef CLM_DATA_LINES_H
#define CLM_DATA_LINES_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct clm_lines {
    const char *path; /* as opened: `name` or `name`.gz */
    void *file;       /* zlib's gzFile; null: the file does not exist */
    clm_scope *scope; /* of the buffer */
    char *buffer;
    size_t size, next, end; /* bytes buffer[next..end) are read but not yet returned */
    int64_t number;         /* of the current line, from 1 */
    const char *line;       /* current line; the end is followed by a null */
    size_t length;
    const char *at; /* what follows in the current line */
} clm_lines;

/* Opens folder/name, or folder/name.gz where that does not exist. Neither exists: an error, or,
 * where the file is not `required`, lines->file stays null. */
clm_status clm_lines_open(clm_scope *scope, const char *folder, const char *name, bool required,
                          clm_lines *lines);

/* Goes to the next line; `more` is false after the last one. Errors: truncated or damaged gzip. */
clm_status clm_lines_next(clm_lines *lines, bool *more);

/* Takes an integer in [least, most], a finite number of 32 bits, text up to the next TAB, one given
 * character, or the end of the line. `what` names it in messages. */
clm_status clm_lines_integer(clm_lines *lines, const char *what, int32_t least, int32_t most,
                             int32_t *value);
clm_status clm_lines_real(clm_lines *lines, const char *what, float *value);
void clm_lines_text(clm_lines *lines, const char **text, size_t *length);
clm_status clm_lines_character(clm_lines *lines, char character, const char *before);
clm_status clm_lines_end(const clm_lines *lines, const char *after);

/* Whether the line has ended. */
bool clm_lines_ended(const clm_lines *lines);

/* Refuses the current line at `at`, a place inside it. Always returns CLM_FAIL. */
clm_status clm_lines_fail(const clm_lines *lines, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `old` with room for at least count + 1 elements of `size` bytes; capacity doubles. Of the first
 * `count` elements those that `old` (null: none) had room for are kept, the others are zero; what is
 * given up stays in the scope until it ends. */
void *clm_grow(clm_scope *scope, void *old, size_t count, size_t *capacity, size_t size);

#endif
