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

static const char *score(clm_scope *scope, double mean, double error)
{
    if (!isfinite(mean)) return "–";
    if (!isfinite(error)) return clm_text(scope, "%.4f", mean);
    return clm_text(scope, "%.4f ± %.4f", mean, error);
}

static const char *against(clm_scope *scope, const clm_row *row)
{
    if (!isfinite(row->difference)) return "–";
    return clm_text(scope, "%+.4f (p %.3f)", row->difference, row->p_value);
}

static const char *duration(clm_scope *scope, double ns)
{
    return isfinite(ns) ? clm_text_ns(scope, ns) : "–";
}

static void fill(clm_scope *scope, const clm_row *row, const char **cell)
{
    cell[0] = row->data;
    cell[1] = row->lane == NULL || strcmp(row->lane, "portable") == 0
                  ? row->label
                  : clm_text(scope, "%s (%s)", row->label, row->lane);
    cell[2] = row->ok == row->planned ? clm_text(scope, "%zu", row->ok) : row->status;
    cell[3] = score(scope, row->test.mean, row->test.standard_error);
    cell[4] = score(scope, row->published, row->published_se);
    cell[5] = against(scope, row);
    cell[6] = duration(scope, row->train_step_ns);
    cell[7] = duration(scope, row->inference_ns);
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
    return isfinite(value) ? clm_text(scope, value < 10 ? "%.1f" : "%.0f", value) : "–";
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
                     : "–";
    cell[6] = rate(scope, p->gflops);
    cell[7] = rate(scope, p->gbytes);
    cell[8] = isfinite(p->share) ? clm_text(scope, "%.0f %%%s", 100 * p->share,
                                            p->share > CLM_IMPLAUSIBLE_SHARE ? " ?" : "")
                                 : "–";
    cell[9] = isfinite(p->share) && p->bound != NULL ? p->bound : "–";
    cell[10] = rate(scope, row->imbalance);
}

/* --- tables --- */

enum { MOST_COLUMNS = 12, LEFT = 2 }; /* LEFT: names, to the left; numbers to the right */

typedef struct clm_table {
    const char *head[MOST_COLUMNS]; /* ends with null */
    void (*fill)(clm_scope *scope, const clm_row *row, const char **cell);
    bool operators; /* rows of model operator, or all others */
    const char *note;
} clm_table;

static const clm_table tables[] = {
    {{"data", "model", "seeds", "AUC test", "published", "against hgt", "step", "inference"},
     fill,
     false,
     "AUC: mean ± standard error over seeds, at the epoch that is best in validation. "
     "Against hgt: mean difference and p of a paired sign-flip test over the same "
     "seeds. Times: medians."},
    {{"data", "operator", "launches", "forward", "backward", "spread", "Gflop/s", "GB/s", "of roof",
      "bound", "imbalance"},
     fill_operator,
     true,
     "Times: device time of all kernels of a pass, medians over launches (processes, one per seed) "
     "of medians over samples; spread: the fastest and the slowest launch. Gflop/s, GB/s: useful "
     "operations and compulsory bytes over that time. Of roof: the least time that the device's "
     "measured roofs allow (clmoe peak) over the time taken, and the roof that binds most of it; "
     "?: more than the roof, so that one of the two is wrong. Imbalance: the fullest expert over "
     "the mean."}};

static void print_line(FILE *out, const char *const *cell, const size_t *most, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        const int pad = (int)(most[c] - width(cell[c]));
        if (c < LEFT)
            fprintf(out, "%s%*s  ", cell[c], pad, "");
        else
            fprintf(out, "%*s%s%s", pad, "", cell[c], c + 1 < columns ? "  " : "\n");
    }
}

static bool belongs(const clm_table *table, const clm_row *row)
{
    return (strcmp(row->model, "operator") == 0) == table->operators;
}

/* Rows of one device; those that need none stand with every device. */
static void print_device(clm_scope *scope, const clm_table *table, const clm_rows *rows,
                         const char *device, FILE *out)
{
    const char *(*cells)[MOST_COLUMNS] = clm_alloc_array(scope, rows->count, sizeof *cells);
    size_t most[MOST_COLUMNS], n = 0, columns = 0;
    for (; columns < MOST_COLUMNS && table->head[columns] != NULL; columns++)
        most[columns] = width(table->head[columns]);
    for (size_t i = 0; i < rows->count; i++) {
        const clm_row *row = &rows->row[i];
        if (row->device != NULL && device != NULL && strcmp(row->device, device) != 0) continue;
        if (!belongs(table, row)) continue;
        table->fill(scope, row, cells[n]);
        for (size_t c = 0; c < columns; c++)
            if (width(cells[n][c]) > most[c]) most[c] = width(cells[n][c]);
        n++;
    }
    fprintf(out, "\n%s\n", device != NULL ? device : "no device");
    print_line(out, table->head, most, columns);
    for (size_t i = 0; i < n; i++)
        print_line(out, cells[i], most, columns);
}

static void print_table(clm_scope *scope, const clm_table *table, const clm_rows *rows, FILE *out)
{
    const char **devices = clm_alloc_array(scope, rows->count + 1, sizeof *devices);
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
        print_device(scope, table, rows, devices[i], out);
    if (own > 0) fprintf(out, "\n%s\n", table->note);
}

void clm_table_print(clm_scope *scope, const clm_rows *rows, FILE *out)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        print_table(scope, &tables[t], rows, out);
}
