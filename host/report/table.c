#include "report/table.h"

#include "base/text.h"
#include "bench/roofs.h"

#include <math.h>
#include <string.h>

/* Width on the screen: bytes of UTF-8 that do not continue a character. */
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* A cell that says nothing; a column of such cells is left out. */
static const char unknown[] = "–";

static const char *score(clm_scope *scope, double mean, double error)
{
    if (!isfinite(mean)) return unknown;
    if (!isfinite(error)) return clm_text(scope, "%.4f", mean);
    return clm_text(scope, "%.4f ± %.4f", mean, error);
}

static const char *against(clm_scope *scope, const clm_row *row)
{
    if (!isfinite(row->difference)) return unknown;
    return clm_text(scope, "%s %+.4f (p %.3f)", row->baseline->label, row->difference,
                    row->p_value);
}

/* Fewer epochs than the paper's make no fair comparison, and the verdict says so. */
static const char *verdict(clm_scope *scope, const clm_row *row)
{
    if (row->verdict == NULL) return unknown;
    const double epochs = row->published->epochs;
    if (!clm_config_has(row->config, "epochs") || !isfinite(epochs) ||
        clm_config_int(row->config, "epochs") >= epochs)
        return row->verdict;
    return clm_text(scope, "%s (%d of %g epochs)", row->verdict,
                    clm_config_int(row->config, "epochs"), epochs);
}

static const char *duration(clm_scope *scope, double ns)
{
    return isfinite(ns) ? clm_text_ns(scope, ns) : unknown;
}

static void fill(clm_scope *scope, const clm_row *row, const char **cell)
{
    cell[0] = row->data;
    cell[1] = row->lane == NULL || strcmp(row->lane, "portable") == 0
                  ? row->label
                  : clm_text(scope, "%s (%s)", row->label, row->lane);
    cell[2] = row->ok == row->planned ? clm_text(scope, "%zu", row->ok) : row->status;
    const clm_metric *metric = row->metric;
    const clm_published *published = row->published;
    const clm_summary *judged = clm_row_score(row);
    cell[3] = metric == NULL ? unknown
                             : clm_text(scope, "%s%s", metric->title, metric->lower ? " ↓" : "");
    cell[4] = score(scope, row->test.mean, row->test.standard_error);
    cell[5] = judged != &row->test ? score(scope, judged->mean, judged->standard_error) : unknown;
    cell[6] = published != NULL ? score(scope, published->score, published->error) : unknown;
    cell[7] = verdict(scope, row);
    cell[8] = against(scope, row);
    cell[9] = isfinite(row->rows_read)
                  ? clm_text(scope, "%.0f of %.0f", row->rows_read, row->rows_dense)
                  : unknown;
    cell[10] = duration(scope, row->train_step_ns);
    cell[11] = duration(scope, row->inference_ns);
}

/* --- operators --- */

/* Row of an operator: its workload stands in the label, or nothing but the operator's name. */
static const char *name_of(clm_scope *scope, const clm_row *row)
{
    const char *label = row->label, *op = clm_config_choice(row->config, "op");
    if (strncmp(label, "operator", 8) == 0) label += 8;
    while (*label == ' ')
        label++;
    if (strstr(label, op) == NULL) label = clm_text(scope, "%s %s", op, label);
    if (strncmp(label, "op=", 3) == 0) label += 3;
    return row->lane == NULL || strcmp(row->lane, "portable") == 0
               ? label
               : clm_text(scope, "%s (%s)", label, row->lane);
}

static const char *rate(clm_scope *scope, double value)
{
    return isfinite(value) ? clm_text(scope, value < 10 ? "%.1f" : "%.0f", value) : unknown;
}

static void fill_operator(clm_scope *scope, const clm_row *row, const char **cell)
{
    const clm_profile_row *p = &row->profile;
    const bool spread = p->ns.n > 1;
    cell[0] = row->data;
    cell[1] = name_of(scope, row);
    cell[2] = row->ok == row->planned ? clm_text(scope, "%zu", row->ok) : row->status;
    cell[3] = duration(scope, p->forward_ns);
    cell[4] = duration(scope, p->backward_ns);
    cell[5] = spread ? clm_text(scope, "%+.0f %+.0f %%", 100 * (p->ns.min / p->ns.median - 1),
                                100 * (p->ns.max / p->ns.median - 1))
                     : unknown;
    cell[6] = rate(scope, p->gflops);
    cell[7] = rate(scope, p->gbytes);
    cell[8] = isfinite(p->share) ? clm_text(scope, "%.0f %%%s", 100 * p->share,
                                            p->share > CLM_IMPLAUSIBLE_SHARE ? " ?" : "")
                                 : unknown;
    cell[9] = isfinite(p->share) && p->bound != NULL ? p->bound : unknown;
    cell[10] = rate(scope, row->imbalance);
}

/* --- tables --- */

enum { MOST_COLUMNS = 13, LEFT = 2 }; /* LEFT: names, to the left; numbers to the right */

typedef struct clm_column {
    const char *head, *note; /* note: what the reader must know; may be null */
} clm_column;

typedef struct clm_table {
    clm_column column[MOST_COLUMNS]; /* ends with a null head */
    void (*fill)(clm_scope *scope, const clm_row *row, const char **cell);
    bool operators; /* rows of model operator, or all others */
} clm_table;

static const clm_table tables[] = {
    {{{"data", NULL},
      {"model", NULL},
      {"seeds", NULL},
      {"metric", NULL},
      {"test", "Scores: mean ± standard error over seeds, at the epoch that is best in "
               "validation."},
      {"validation", "Validation: shown where the published score is one, and judged."},
      {"published", "Published: with the standard error over its runs, where told."},
      {"verdict", "Verdict: same as published within two of its standard deviations (or a "
                  "tolerance where none is told), else better or worse."},
      {"against", "Against: mean difference to that row, and p of a paired sign-flip test over "
                  "the same seeds."},
      {"rows", "Rows: (expert, node) pairs that the experts of a sparse mixture read in a training "
               "step, of all there are."},
      {"step", NULL},
      {"inference", "Times: medians."}},
     fill,
     false},
    {{{"data", NULL},
      {"operator", NULL},
      {"launches", NULL},
      {"forward", "Times: device time of all kernels of a pass, medians over launches (processes, "
                  "one per seed) of medians over samples."},
      {"backward", NULL},
      {"spread", "Spread: the fastest and the slowest launch."},
      {"Gflop/s", "Gflop/s, GB/s: useful operations and compulsory bytes over that time."},
      {"GB/s", NULL},
      {"of roof", "Of roof: the least time that the device's measured roofs allow (clmoe peak) "
                  "over the time taken, and the roof that binds most of it; ?: more than the roof, "
                  "so that one of the two is wrong."},
      {"bound", NULL},
      {"imbalance", "Imbalance: the fullest expert over the mean."}},
     fill_operator,
     true}};

/* A table as it is printed: the columns that say something, with their widths. */
typedef struct clm_layout {
    size_t column[MOST_COLUMNS], most[MOST_COLUMNS], columns;
} clm_layout;

static void lay_out(const clm_table *table, const char *(*cell)[MOST_COLUMNS], size_t rows,
                    clm_layout *layout)
{
    layout->columns = 0;
    for (size_t c = 0; c < MOST_COLUMNS && table->column[c].head != NULL; c++) {
        size_t most = width(table->column[c].head);
        bool says = c < LEFT;
        for (size_t i = 0; i < rows; i++) {
            if (width(cell[i][c]) > most) most = width(cell[i][c]);
            says = says || strcmp(cell[i][c], unknown) != 0;
        }
        if (!says) continue;
        layout->column[layout->columns] = c;
        layout->most[layout->columns++] = most;
    }
}

static void print_line(FILE *out, const char *const *cell, const clm_layout *layout)
{
    for (size_t i = 0; i < layout->columns; i++) {
        const char *text = cell[layout->column[i]];
        const int pad = (int)(layout->most[i] - width(text));
        const char *end = i + 1 < layout->columns ? "  " : "\n";
        if (layout->column[i] < LEFT)
            fprintf(out, "%s%*s%s", text, pad, "", end);
        else
            fprintf(out, "%*s%s%s", pad, "", text, end);
    }
}

static bool belongs(const clm_table *table, const clm_row *row)
{
    return (strcmp(row->model, "operator") == 0) == table->operators;
}

/* Rows of one device; those that need none stand with every device. Marks the columns shown. */
static void print_device(clm_scope *scope, const clm_table *table, const clm_rows *rows,
                         const char *device, FILE *out, bool shown[MOST_COLUMNS])
{
    const char *(*cells)[MOST_COLUMNS] = clm_alloc_array(scope, rows->count, sizeof *cells);
    const char *head[MOST_COLUMNS];
    clm_layout layout;
    size_t n = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const clm_row *row = &rows->row[i];
        if (row->device != NULL && device != NULL && strcmp(row->device, device) != 0) continue;
        if (belongs(table, row)) table->fill(scope, row, cells[n++]);
    }
    lay_out(table, cells, n, &layout);
    for (size_t c = 0; c < MOST_COLUMNS; c++)
        head[c] = table->column[c].head;
    fprintf(out, "\n%s\n", device != NULL ? device : "no device");
    print_line(out, head, &layout);
    for (size_t i = 0; i < n; i++)
        print_line(out, cells[i], &layout);
    for (size_t i = 0; i < layout.columns; i++)
        shown[layout.column[i]] = true;
}

static void print_notes(const clm_table *table, const bool shown[MOST_COLUMNS], FILE *out)
{
    const char *before = "\n";
    for (size_t c = 0; c < MOST_COLUMNS; c++) {
        if (!shown[c] || table->column[c].note == NULL) continue;
        fprintf(out, "%s%s", before, table->column[c].note);
        before = " ";
    }
    fputc('\n', out);
}

static void print_table(clm_scope *scope, const clm_table *table, const clm_rows *rows, FILE *out)
{
    const char **devices = clm_alloc_array(scope, rows->count + 1, sizeof *devices);
    bool shown[MOST_COLUMNS] = {false};
    size_t n = 0, own = 0;
    for (size_t i = 0; i < rows->count; i++) {
        size_t known = 0;
        if (!belongs(table, &rows->row[i])) continue;
        own++;
        if (rows->row[i].device == NULL) continue;
        while (known < n && strcmp(devices[known], rows->row[i].device) != 0)
            known++;
        if (known == n) devices[n++] = rows->row[i].device;
    }
    for (size_t i = 0; own > 0 && i < (n > 0 ? n : 1); i++)
        print_device(scope, table, rows, devices[i], out, shown);
    if (own > 0) print_notes(table, shown, out);
}

void clm_table_print(clm_scope *scope, const clm_rows *rows, FILE *out)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        print_table(scope, &tables[t], rows, out);
}
