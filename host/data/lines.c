#include "data/lines.h"
#include "base/input.h"
#include "base/text.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER = 1 << 18, LONGEST = 1 << 26 }; /* bytes: first buffer; a line is never longer */

static void release(void *file) { (void)gzclose((gzFile)file); }

clm_status clm_lines_open(clm_scope *scope, const char *folder, const char *name, bool required,
                          clm_lines *lines)
{
    *lines = (clm_lines){.path = clm_text(scope, "%s/%s", folder, name), .scope = scope};
    if (access(lines->path, F_OK) != 0) {
        const char *packed = clm_text(scope, "%s.gz", lines->path);
        if (access(packed, F_OK) == 0) {
            lines->path = packed;
        } else if (!required) {
            return CLM_OK;
        } else {
            clm_fail(CLM_ERROR_USAGE, "%s: there is neither this file nor %s.gz", lines->path,
                     name);
            clm_error_advice("check the folder; `clmoe data list` says where data sets come from");
            return CLM_FAIL;
        }
    }
    errno = 0;
    lines->file = gzopen(lines->path, "rb");
    if (lines->file == NULL) {
        const int code = errno;
        clm_fail(CLM_ERROR_USAGE, "%s: cannot be opened: %s", lines->path, strerror(code));
        clm_error_code(code);
        return CLM_FAIL;
    }
    (void)gzbuffer(lines->file, BUFFER);
    clm_scope_defer(scope, release, lines->file);
    const size_t length = strlen(lines->path);
    if (length > 3 && strcmp(lines->path + length - 3, ".gz") == 0 && gzdirect(lines->file)) {
        clm_fail(CLM_ERROR_USAGE, "%s: is not a gzip file", lines->path);
        clm_error_advice("copy the file again, or take .gz off the name of a plain text file");
        return CLM_FAIL;
    }
    lines->size = BUFFER;
    lines->buffer = clm_alloc(scope, lines->size + 1);
    return CLM_OK;
}

/* Reads on behind buffer[end); `more` is false at the end of the file. */
static clm_status fill(clm_lines *lines, bool *more)
{
    if (lines->next > 0) {
        memmove(lines->buffer, lines->buffer + lines->next, lines->end - lines->next);
        lines->end -= lines->next;
        lines->next = 0;
    }
    if (lines->end == lines->size) {
        if (lines->size >= LONGEST)
            return clm_fail_input(lines->path, lines->number, 1, lines->buffer, lines->end,
                                  "the line is longer than %d MiB", LONGEST >> 20);
        char *larger = clm_alloc(lines->scope, 2 * lines->size + 1);
        memcpy(larger, lines->buffer, lines->end);
        lines->buffer = larger;
        lines->size *= 2;
    }
    const unsigned wanted = (unsigned)(lines->size - lines->end);
    errno = 0;
    const int got = gzread(lines->file, lines->buffer + lines->end, wanted);
    int code = Z_OK;
    const char *why = gzerror(lines->file, &code);
    if (got < 0 || code == Z_BUF_ERROR) {
        const char *reason = code == Z_ERRNO ? strerror(errno) : why;
        if (code == Z_BUF_ERROR) reason = "it ends too early: the gzip file is truncated";
        clm_fail(CLM_ERROR_USAGE, "%s: cannot be read beyond line %lld: %s", lines->path,
                 (long long)lines->number, reason);
        clm_error_advice("copy or fetch the file again: clmoe data fetch");
        return CLM_FAIL;
    }
    lines->end += (size_t)got;
    *more = got > 0;
    return CLM_OK;
}

clm_status clm_lines_next(clm_lines *lines, bool *more)
{
    char *stop = NULL;
    size_t searched = 0;
    lines->number++;
    for (;;) {
        const size_t left = lines->end - lines->next;
        stop = memchr(lines->buffer + lines->next + searched, '\n', left - searched);
        if (stop != NULL) break;
        searched = left;
        bool grown = false;
        CLM_TRY(fill(lines, &grown));
        if (grown) continue;
        *more = left > 0;
        if (left == 0) return CLM_OK;
        stop = lines->buffer + lines->end; /* the last line lacks its end */
        break;
    }
    lines->line = lines->at = lines->buffer + lines->next;
    lines->length = (size_t)(stop - lines->line);
    lines->next += lines->length + (stop < lines->buffer + lines->end ? 1 : 0);
    if (lines->length > 0 && stop[-1] == '\r') { /* written on Windows */
        lines->length--;
        stop--;
    }
    *stop = '\0';
    *more = true;
    return CLM_OK;
}

clm_status clm_lines_fail(const clm_lines *lines, const char *at, const char *format, ...)
{
    char why[768];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(why, sizeof why, format, list);
    va_end(list);
    clm_fail_input(lines->path, lines->number, (size_t)(at - lines->line) + 1, lines->line,
                   lines->length, "%s", why);
    clm_error_advice("correct the line, or fetch the file again: clmoe data fetch");
    return CLM_FAIL;
}

bool clm_lines_ended(const clm_lines *lines) { return lines->at == lines->line + lines->length; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

clm_status clm_lines_integer(clm_lines *lines, const char *what, int32_t least, int32_t most,
                             int32_t *value)
{
    const char *start = lines->at, *at = start;
    const bool minus = *at == '-';
    if (minus) at++;
    if (!is_digit(*at)) return clm_lines_fail(lines, start, "expected %s, a whole number", what);
    int64_t number = 0;
    for (; is_digit(*at); at++)
        if (number <= INT32_MAX) number = 10 * number + (*at - '0');
    if (minus) number = -number;
    if (number < least || number > most) {
        if (most < least)
            return clm_lines_fail(lines, start, "%s cannot be here: there is none", what);
        return clm_lines_fail(lines, start, "%s is out of range: expected %d to %d", what, least,
                              most);
    }
    *value = (int32_t)number;
    lines->at = at;
    return CLM_OK;
}

/* Decimal digits with point and exponent: [-+]d*[.d*][e[-+]d+], at least one digit. Returns the
 * end, or null where it is not a number. Up to 15 digits and powers of ten up to 22 are exact in a
 * double, so one multiplication or division rounds correctly (Clinger 1990); strtod does the rest.
 */
static const char *parse_real(const char *start, double *value)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = start;
    const bool minus = *at == '-';
    if (*at == '-' || *at == '+') at++;
    int64_t mantissa = 0;
    int digits = 0, scale = 0;
    for (; is_digit(*at); at++, digits++)
        if (digits < 18) mantissa = 10 * mantissa + (*at - '0');
    if (*at == '.') {
        for (at++; is_digit(*at); at++, digits++, scale--)
            if (digits < 18) mantissa = 10 * mantissa + (*at - '0');
    }
    if (digits == 0) return NULL;
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1;
        if (*exponent == '-' || *exponent == '+') exponent++;
        if (!is_digit(*exponent)) return NULL;
        at = exponent;
        while (is_digit(*at))
            at++;
        digits = 99; /* rare in data files: left to strtod */
    }
    if (digits > 15 || scale < -22) {
        *value = strtod(start, NULL);
        return at;
    }
    *value = (double)mantissa / power[-scale];
    if (minus) *value = -*value;
    return at;
}

clm_status clm_lines_real(clm_lines *lines, const char *what, float *value)
{
    double number = 0;
    const char *end = parse_real(lines->at, &number);
    if (end == NULL) return clm_lines_fail(lines, lines->at, "expected %s, a number", what);
    if (!(fabs(number) <= FLT_MAX))
        return clm_lines_fail(lines, lines->at, "%s does not fit 32-bit floating point", what);
    *value = (float)number;
    lines->at = end;
    return CLM_OK;
}

void clm_lines_text(clm_lines *lines, const char **text, size_t *length)
{
    const size_t left = lines->length - (size_t)(lines->at - lines->line);
    const char *tab = memchr(lines->at, '\t', left);
    *text = lines->at;
    *length = tab != NULL ? (size_t)(tab - lines->at) : left;
    lines->at += *length;
}

clm_status clm_lines_character(clm_lines *lines, char character, const char *before)
{
    if (*lines->at == character && !clm_lines_ended(lines)) {
        lines->at++;
        return CLM_OK;
    }
    if (character == '\t') return clm_lines_fail(lines, lines->at, "expected a TAB and %s", before);
    return clm_lines_fail(lines, lines->at, "expected '%c' and %s", character, before);
}

clm_status clm_lines_end(const clm_lines *lines, const char *after)
{
    if (clm_lines_ended(lines)) return CLM_OK;
    return clm_lines_fail(lines, lines->at, "expected the end of the line after %s", after);
}

void *clm_grow(clm_scope *scope, void *old, size_t count, size_t *capacity, size_t size)
{
    const size_t had = *capacity;
    if (count < had) return old;
    while (*capacity <= count)
        *capacity = *capacity == 0 ? 1024 : 2 * *capacity;
    void *grown = clm_alloc_array(scope, *capacity, size);
    if (had > 0) memcpy(grown, old, had * size);
    return grown;
}
