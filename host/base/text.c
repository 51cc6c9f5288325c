#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

char *clm_text_list(clm_scope *scope, const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    const size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = clm_alloc(scope, size);
    (void)vsnprintf(text, size, format, list);
    return text;
}

char *clm_text(clm_scope *scope, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = clm_text_list(scope, format, list);
    va_end(list);
    return text;
}

enum { LONGEST_WORD = 64 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits from a to b without regard to case: insert, delete, replace, and swap two neighbours, the
 * commonest slip of the fingers (optimal string alignment). Three rows of the table at a time. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t row[3][LONGEST_WORD + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *const now = row[i % 3], *const last = row[(i + 2) % 3];
        const size_t *const before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
    }
    return row[a_length % 3][b_length];
}

const char *clm_did_you_mean(const char *word, const char *const *names)
{
    const size_t length = strlen(word);
    if (length > LONGEST_WORD) return NULL;
    const char *best = NULL;
    size_t best_distance = 0;
    for (; *names != NULL; names++) {
        const size_t name_length = strlen(*names);
        if (name_length > LONGEST_WORD) continue;
        const size_t distance = edit_distance(word, length, *names, name_length);
        const size_t longer = length > name_length ? length : name_length;
        if (3 * distance > longer) continue;
        if (best == NULL || distance < best_distance) {
            best = *names;
            best_distance = distance;
        }
    }
    return best;
}

char *clm_text_bytes(clm_scope *scope, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    const bool whole = unit == 0 || value >= 100 || value == floor(value);
    return clm_text(scope, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

char *clm_text_ns(clm_scope *scope, double nanoseconds)
{
    /* What is `most` of a unit or more is told in the next, of which `next` make one. */
    static const struct {
        const char *name;
        double most, next;
    } units[] = {{"ns", 999.5, 1000}, {"us", 999.5, 1000}, {"ms", 999.5, 1000},
                 {"s", 599.5, 60},    {"min", 119.5, 60},  {"h", 0, 1}};
    double value = nanoseconds;
    size_t unit = 0;
    for (; unit + 1 < sizeof units / sizeof *units && fabs(value) >= units[unit].most; unit++)
        value /= units[unit].next;
    return clm_text(scope, fabs(value) >= 99.95 ? "%.0f %s" : "%.3g %s", value, units[unit].name);
}

size_t clm_list_length(const char *const *list)
{
    size_t n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}
