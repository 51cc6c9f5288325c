#include "report/table.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 8 };

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

static void fill(clm_scope *scope, const clm_row *row, const char *cell[COLUMNS])
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

static void print_line(FILE *out, const char *const cell[COLUMNS], const size_t most[COLUMNS])
{
    for (size_t c = 0; c < COLUMNS; c++) {
        const int pad = (int)(most[c] - width(cell[c]));
        if (c < 2) /* names to the left, numbers to the right */
            fprintf(out, "%s%*s  ", cell[c], pad, "");
        else
            fprintf(out, "%*s%s%s", pad, "", cell[c], c + 1 < COLUMNS ? "  " : "\n");
    }
}

/* Rows of one device; those that need none stand with every device. */
static void print_device(clm_scope *scope, const clm_rows *rows, const char *device, FILE *out)
{
    static const char *const head[COLUMNS] = {"data",      "model",       "seeds", "AUC test",
                                              "published", "against hgt", "step",  "inference"};
    const char *(*cells)[COLUMNS] = clm_alloc_array(scope, rows->count, sizeof *cells);
    size_t most[COLUMNS], n = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        most[c] = width(head[c]);
    for (size_t i = 0; i < rows->count; i++) {
        const clm_row *row = &rows->row[i];
        if (row->device != NULL && device != NULL && strcmp(row->device, device) != 0) continue;
        fill(scope, row, cells[n]);
        for (size_t c = 0; c < COLUMNS; c++)
            if (width(cells[n][c]) > most[c]) most[c] = width(cells[n][c]);
        n++;
    }
    fprintf(out, "\n%s\n", device != NULL ? device : "no device");
    print_line(out, head, most);
    for (size_t i = 0; i < n; i++)
        print_line(out, (const char *const *)cells[i], most);
}

void clm_table_print(clm_scope *scope, const clm_rows *rows, FILE *out)
{
    const char **devices = clm_alloc_array(scope, rows->count + 1, sizeof *devices);
    size_t n = 0;
    for (size_t i = 0; i < rows->count; i++) {
        size_t known = 0;
        if (rows->row[i].device == NULL) continue;
        while (known < n && strcmp(devices[known], rows->row[i].device) != 0)
            known++;
        if (known == n) devices[n++] = rows->row[i].device;
    }
    for (size_t i = 0; i < (n > 0 ? n : 1); i++)
        print_device(scope, rows, devices[i], out);
    fprintf(out,
            "\nAUC: mean ± standard error over seeds, at the epoch that is best in validation. "
            "Against hgt: mean difference and p of a paired sign-flip test over the same "
            "seeds. Times: medians.\n");
}
