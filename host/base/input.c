#include "base/input.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 76, BEFORE = 50, CUT = 4 }; /* characters of a line, before the caret, of "... " */

/* The part of the line around the column and a caret under it. Bytes that would move the caret or
 * upset a terminal are shown as a blank (tabs) or a question mark. */
static void draw(char *text, size_t size, size_t column, const char *line, size_t length)
{
    const size_t at = column - 1 < length ? column - 1 : length;
    const size_t from = at > BEFORE ? at - BEFORE : 0;
    const size_t count = length - from < SHOWN ? length - from : SHOWN;
    char shown[SHOWN + 1];
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)line[from + i];
        shown[i] = c == '\t' ? ' ' : c < 0x20 || c >= 0x7f ? '?' : (char)c;
    }
    shown[count] = '\0';
    const int indent = (int)(at - from) + (from > 0 ? CUT : 0);
    (void)snprintf(text, size, "  %s%s%s\n  %*s^", from > 0 ? "... " : "", shown,
                   from + count < length ? " ..." : "", indent, "");
}

clm_status clm_fail_input(const char *path, int64_t number, size_t column, const char *line,
                          size_t length, const char *format, ...)
{
    char why[1024], drawn[2 * SHOWN + 64];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(why, sizeof why, format, list);
    va_end(list);
    draw(drawn, sizeof drawn, column, line, length);
    return clm_fail(CLM_ERROR_USAGE, "%s:%lld:%zu: %s\n%s", path, (long long)number, column, why,
                    drawn);
}
