#include "base/status.h"

#include <stdarg.h>

/* One error for the process: a worker runs one cell on one thread, so nothing is gained by handing
 * an error object through every signature. */
static clm_error last;

/* Formats into text[size]; an overlong message loses its end, never its beginning. */
static void write_text(char *text, size_t size, const char *format, va_list list)
{
    (void)vsnprintf(text, size, format, list);
}

static void record(const char *file, int line, clm_error_kind kind, const char *format,
                   va_list list)
{
    /* The old text may be among the arguments ("%s: %s", what, clm_error_last()->what). */
    clm_error fresh = {.kind = kind};
    write_text(fresh.what, sizeof fresh.what, format, list);
    (void)snprintf(fresh.at, sizeof fresh.at, "%s:%d", file, line);
    last = fresh;
}

clm_status clm_fail_at(const char *file, int line, clm_error_kind kind, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    record(file, line, kind, format, list);
    va_end(list);
    return CLM_FAIL;
}

clm_status clm_skip_at(const char *file, int line, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    record(file, line, CLM_ERROR_FAILED, format, list);
    va_end(list);
    return CLM_SKIP;
}

void clm_error_during(const char *format, ...)
{
    if (last.during[0] != '\0') return;
    va_list list;
    va_start(list, format);
    write_text(last.during, sizeof last.during, format, list);
    va_end(list);
}

void clm_error_advice(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text(last.advice, sizeof last.advice, format, list);
    va_end(list);
}

void clm_error_code(int code)
{
    last.code = code;
}

void clm_error_device(const char *name)
{
    (void)snprintf(last.device, sizeof last.device, "%s", name);
}

const clm_error *clm_error_last(void)
{
    return &last;
}

static void print_part(FILE *out, const char *word, const char *text)
{
    if (text[0] != '\0') fprintf(out, "  %-7s %s\n", word, text);
}

void clm_error_print(FILE *out)
{
    fprintf(out, "%s\n", last.what);
    print_part(out, "while", last.during);
    print_part(out, "device", last.device);
    if (last.kind != CLM_ERROR_USAGE) /* wrong input is found in the input, not in the program */
        print_part(out, "at", last.at);
    print_part(out, "try", last.advice);
}
