/* The papers' numbers: results/published/<paper>.csv. */
#include "base/share.h"
#include "base/text.h"
#include "report/rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 16 };

/* Splits a line at its commas in place; fields may stand in double quotes. */
static size_t split(char *line, char *field[MOST_FIELDS])
{
    size_t n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *c = line; n < MOST_FIELDS;) {
        const bool quoted = *c == '"';
        field[n++] = quoted ? ++c : c;
        c += strcspn(c, quoted ? "\"" : ",");
        if (quoted && *c == '"') *c++ = '\0';
        if (*c != ',') break;
        *c++ = '\0';
    }
    return n;
}

typedef struct columns {
    size_t data, label, mean, error;
} columns;

/* Where the named columns are; MOST_FIELDS: missing. */
static size_t column(char *const *field, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(field[i], name) == 0) return i;
    return MOST_FIELDS;
}

static void take(const columns *at, char *const *field, size_t count, clm_row *rows, size_t n)
{
    if (at->data >= count || at->label >= count || at->mean >= count) return;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].data, field[at->data]) != 0 ||
            strcmp(rows[i].label, field[at->label]) != 0)
            continue;
        rows[i].published = strtod(field[at->mean], NULL);
        rows[i].published_se = at->error < count ? strtod(field[at->error], NULL) : NAN;
    }
}

clm_status clm_published(clm_scope *scope, const char *table, clm_row *rows, size_t count)
{
    const char *path;
    CLM_TRY(clm_share(scope, clm_text(scope, "results/published/%s.csv", table), &path));
    FILE *file = fopen(path, "r");
    if (file == NULL) return clm_fail(CLM_ERROR_USAGE, "%s: %s", path, strerror(errno));
    columns at = {MOST_FIELDS, MOST_FIELDS, MOST_FIELDS, MOST_FIELDS};
    bool header = true;
    char line[4096], *field[MOST_FIELDS];
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || line[0] == '\n') continue;
        const size_t n = split(line, field);
        if (header)
            at = (columns){column(field, n, "data"), column(field, n, "label"),
                           column(field, n, "auc_test"), column(field, n, "auc_test_se")};
        else
            take(&at, field, n, rows, count);
        header = false;
    }
    (void)fclose(file);
    if (at.data < MOST_FIELDS && at.label < MOST_FIELDS && at.mean < MOST_FIELDS) return CLM_OK;
    return clm_fail(CLM_ERROR_USAGE, "%s: expected the columns data, label and auc_test", path);
}
