#include "report/report.h"

#include "base/text.h"
#include "report/ablation.h"
#include "report/csv.h"
#include "report/figures.h"
#include "report/roofs_csv.h"
#include "report/table.h"
#include "report/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Roofs that are known here; those of another machine, which a run brought along, stay. */
static clm_status write_roofs(clm_scope *scope, const clm_rows *rows, const char *path)
{
    const clm_roofs **roofs;
    size_t known;
    clm_rows_roofs(scope, rows, &roofs, &known);
    return known > 0 ? clm_csv_roofs(roofs, known, path) : CLM_OK;
}

static clm_status write_files(clm_scope *scope, const clm_rows *rows, const char *folder)
{
    const char *plots = clm_text(scope, "%s/plots", folder);
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) ||
        (mkdir(plots, 0777) != 0 && errno != EEXIST))
        return clm_fail(CLM_ERROR_FAILED, "%s cannot be made: %s", plots, strerror(errno));
    /* A copy of the summary stands beside the scripts, so that the folder draws itself anywhere. */
    CLM_TRY(clm_csv_summary(scope, rows, clm_text(scope, "%s/summary.csv", folder)));
    CLM_TRY(clm_csv_summary(scope, rows, clm_text(scope, "%s/summary.csv", plots)));
    CLM_TRY(clm_csv_curve(scope, rows, clm_text(scope, "%s/curve.csv", plots)));
    CLM_TRY(clm_csv_load(scope, rows, clm_text(scope, "%s/load.csv", plots)));
    CLM_TRY(clm_csv_calls(scope, rows, clm_text(scope, "%s/calls.csv", plots)));
    CLM_TRY(clm_csv_ablations(scope, rows, clm_text(scope, "%s/ablations.csv", plots)));
    if (rows->plan->profile)
        CLM_TRY(clm_trace_write(scope, rows, clm_text(scope, "%s/trace.json", folder)));
    CLM_TRY(write_roofs(scope, rows, clm_text(scope, "%s/roofs.csv", plots)));
    const clm_names *figures = &rows->plan->figures;
    size_t drawn;
    CLM_TRY(
        clm_figures_draw(scope, plots, (const char *const *)figures->name, figures->count, &drawn));
    fprintf(stderr, "records and tables: %s", folder);
    if (drawn > 0) fprintf(stderr, "; %zu figures: %s", drawn, plots);
    fputc('\n', stderr);
    return CLM_OK;
}

clm_status clm_report(clm_scope *scope, const clm_run_plan *plan, const json_t *records,
                      const clm_report_options *options)
{
    const clm_rows *rows;
    CLM_TRY(clm_rows_make(scope, plan, records, &rows));
    if (options->table != NULL) clm_table_print(scope, rows, options->table);
    if (options->table != NULL) clm_ablations_print(scope, rows, options->table);
    if (options->table != NULL && plan->profile) clm_profiles_print(scope, rows, options->table);
    return options->folder != NULL ? write_files(scope, rows, options->folder) : CLM_OK;
}
