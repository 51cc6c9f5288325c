#include "report/published.h"

#include "base/share.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 16 };

static const char *const columns[] = {"data", "label",     "metric", "score",  "se",
                                      "std",  "tolerance", "runs",   "epochs", "compared"};
enum { DATA, LABEL, METRIC, SCORE, ERROR, DEVIATION, TOLERANCE, RUNS, EPOCHS, COMPARED, COLUMNS };

typedef struct reader {
    clm_scope *scope;
    const char *path;
    int line;
    size_t at[COLUMNS]; /* field of each column; MOST_FIELDS: the table has it not */
    clm_published *entry;
    size_t count, room;
} reader;

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

static clm_status read_header(reader *r, char *const *field, size_t count)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        r->at[c] = MOST_FIELDS;
        for (size_t i = 0; i < count; i++)
            if (strcmp(field[i], columns[c]) == 0) r->at[c] = i;
        if (c <= SCORE && r->at[c] == MOST_FIELDS)
            return clm_fail(CLM_ERROR_USAGE, "%s:%d: expected a column '%s'", r->path, r->line,
                            columns[c]);
    }
    return CLM_OK;
}

static const char *text_at(const reader *r, char *const *field, size_t count, size_t column)
{
    return r->at[column] < count ? clm_text(r->scope, "%s", field[r->at[column]]) : "";
}

/* A number, NaN where the field is empty. */
static clm_status number_at(const reader *r, char *const *field, size_t count, size_t column,
                            double *value)
{
    const char *text = text_at(r, field, count, column);
    char *end;
    *value = strtod(text, &end);
    if (end == text) *value = NAN;
    if (*end == '\0') return CLM_OK;
    return clm_fail(CLM_ERROR_USAGE, "%s:%d: %s '%s' is not a number", r->path, r->line,
                    columns[column], text);
}

static clm_status check(const reader *r, const clm_published *p, const char *metric)
{
    if (p->metric == NULL)
        return clm_fail(CLM_ERROR_USAGE, "%s:%d: there is no metric '%s'", r->path, r->line,
                        metric);
    if (strcmp(p->compared, "test") != 0 && strcmp(p->compared, "val") != 0 &&
        strcmp(p->compared, "last") != 0)
        return clm_fail(CLM_ERROR_USAGE, "%s:%d: compared is test, val or last, not '%s'", r->path,
                        r->line, p->compared);
    if (!isfinite(p->score) || (!isfinite(p->deviation) && !isfinite(p->tolerance)))
        return clm_fail(CLM_ERROR_USAGE,
                        "%s:%d: expected a score with its std, its se and runs, or a tolerance",
                        r->path, r->line);
    return CLM_OK;
}

static clm_status read_line(reader *r, char *const *field, size_t count)
{
    clm_published p = {.data = text_at(r, field, count, DATA),
                       .label = text_at(r, field, count, LABEL),
                       .compared = text_at(r, field, count, COMPARED)};
    const char *metric = text_at(r, field, count, METRIC);
    p.metric = clm_metric_named(metric);
    if (p.compared[0] == '\0') p.compared = "test";
    CLM_TRY(number_at(r, field, count, SCORE, &p.score));
    CLM_TRY(number_at(r, field, count, ERROR, &p.error));
    CLM_TRY(number_at(r, field, count, DEVIATION, &p.deviation));
    CLM_TRY(number_at(r, field, count, TOLERANCE, &p.tolerance));
    CLM_TRY(number_at(r, field, count, RUNS, &p.runs));
    CLM_TRY(number_at(r, field, count, EPOCHS, &p.epochs));
    if (isnan(p.error)) p.error = p.deviation / sqrt(p.runs);
    if (isnan(p.deviation)) p.deviation = p.error * sqrt(p.runs);
    CLM_TRY(check(r, &p, metric));
    if (r->count == r->room) {
        r->room = r->room == 0 ? 64 : 2 * r->room;
        clm_published *larger = clm_alloc_array(r->scope, r->room, sizeof *larger);
        if (r->count > 0) memcpy(larger, r->entry, r->count * sizeof *larger);
        r->entry = larger;
    }
    r->entry[r->count++] = p;
    return CLM_OK;
}

static clm_status read_lines(reader *r, FILE *file)
{
    bool header = true;
    char line[4096], *field[MOST_FIELDS];
    for (; fgets(line, sizeof line, file) != NULL;) {
        r->line++;
        if (line[0] == '#' || line[0] == '\n') continue;
        const size_t n = split(line, field);
        CLM_TRY(header ? read_header(r, field, n) : read_line(r, field, n));
        header = false;
    }
    return header ? clm_fail(CLM_ERROR_USAGE, "%s is empty", r->path) : CLM_OK;
}

clm_status clm_published_read(clm_scope *scope, const char *table, const clm_published **published,
                              size_t *count)
{
    reader r = {.scope = scope};
    CLM_TRY(clm_share(scope, clm_text(scope, "results/published/%s.csv", table), &r.path));
    FILE *file = fopen(r.path, "r");
    if (file == NULL) return clm_fail(CLM_ERROR_USAGE, "%s: %s", r.path, strerror(errno));
    const clm_status status = read_lines(&r, file);
    (void)fclose(file);
    *published = r.entry;
    *count = r.count;
    return status;
}

const char *clm_published_verdict(const clm_published *p, double score)
{
    if (p == NULL || !isfinite(score)) return NULL;
    const double most = isfinite(p->tolerance) ? p->tolerance : 2 * p->deviation;
    if (fabs(score - p->score) <= most) return "same";
    return clm_metric_better(p->metric, score, p->score) ? "better" : "worse";
}
