#include "report/roofs_csv.h"

#include "base/text.h"
#include "base/user_cache.h"
#include "report/csv_file.h"
#include "report/figures.h"

#include <errno.h>
#include <string.h>

/* A name without what gnuplot does not read back. */
static void put_name(FILE *out, const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (*c != '"') fputc(*c == ',' ? ';' : *c, out);
}

clm_status clm_csv_roofs(const clm_roofs *const *roofs, size_t count, const char *path)
{
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    fputs("number,device,roof,of,bytes,median,low,high,unit,status\n", out);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < roofs[r]->count; i++) {
            const clm_peak *peak = &roofs[r]->peak[i];
            fprintf(out, "%zu,", r + 1);
            put_name(out, roofs[r]->device);
            fprintf(out, ",%s,%s", clm_peak_name(peak->kind), peak->of);
            clm_csv_number(out, peak->bytes);
            clm_csv_number(out, peak->median);
            clm_csv_number(out, peak->low);
            clm_csv_number(out, peak->high);
            fprintf(out, ",%s,%s\n", clm_peak_unit(peak->kind), peak->status);
        }
    return clm_csv_close(out, path);
}

/* --- of a run --- */

static const clm_roofs *find_roofs(const clm_roofs *const *roofs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(roofs[i]->key, key) == 0) return roofs[i];
    return NULL;
}

void clm_rows_roofs(clm_scope *scope, const clm_rows *rows, const clm_roofs ***roofs, size_t *count)
{
    *count = 0;
    *roofs = clm_alloc_array(scope, rows->count + 1, sizeof **roofs);
    for (size_t r = 0; r < rows->count; r++) {
        const clm_row *row = &rows->row[r];
        for (size_t s = 0; s < row->planned && *count < rows->count; s++) {
            const json_t *environment = json_object_get(row->record[s], "environment");
            const char *key = json_string_value(json_object_get(environment, "device_key"));
            if (key == NULL || find_roofs(*roofs, *count, key) != NULL) continue;
            clm_device device = {0};
            (void)snprintf(device.key, sizeof device.key, "%s", key);
            (*roofs)[*count] = clm_roofs_load(scope, &device);
            *count += (*roofs)[*count] != NULL;
        }
    }
}

/* --- of `clmoe peak` --- */

clm_status clm_roofs_draw(clm_scope *scope, const clm_roofs *const *roofs, size_t count,
                          const char *folder)
{
    static const char *const figures[] = {"bandwidth", "roofline"};
    size_t drawn;
    if (!clm_make_folders(folder)) {
        clm_fail(CLM_ERROR_FAILED, "%s cannot be made: %s", folder, strerror(errno));
        clm_error_advice("--out DIR writes elsewhere");
        return CLM_FAIL;
    }
    CLM_TRY(clm_csv_roofs(roofs, count, clm_text(scope, "%s/roofs.csv", folder)));
    CLM_TRY(clm_figures_draw(scope, folder, figures, sizeof figures / sizeof *figures, &drawn));
    fprintf(stderr, "tables%s: %s\n", drawn > 0 ? " and figures" : "", folder);
    return CLM_OK;
}
