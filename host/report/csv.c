#include "report/csv.h"

#include "base/text.h"
#include "model/model.h"
#include "report/csv_file.h"
#include "suite/schema.h"

#include <math.h>
#include <string.h>

/* A device's id without the quotes around a name, which gnuplot does not read back. */
static void put_device(FILE *out, const clm_row *row)
{
    fputc(',', out);
    for (const char *c = row->device != NULL ? row->device : "none"; *c != '\0'; c++)
        if (*c != '"') fputc(*c == ',' ? ';' : *c, out);
}

/* --- summary --- */

/* Every parameter there is, so that a figure finds its columns in any run. */
static void put_parameters(FILE *out, const clm_row *row, const char *const *parameter)
{
    json_t *params = clm_config_json(row->config, false);
    for (; *parameter != NULL; parameter++) {
        if (strcmp(*parameter, "seed") == 0) continue;
        const json_t *value = json_object_get(params, *parameter);
        if (json_is_string(value))
            fprintf(out, ",%s", json_string_value(value));
        else
            clm_csv_number(out, json_is_number(value) ? json_number_value(value) : NAN);
    }
    json_decref(params);
}

/* What every table starts with; the number tells which lines belong together. */
static void put_head(FILE *out, const clm_rows *rows, const clm_row *row)
{
    fprintf(out, "%d,", (int)(row - rows->row) + 1);
    clm_csv_text(out, row->data);
    fputc(',', out);
    clm_csv_text(out, row->label);
}

static void put_row(FILE *out, const clm_rows *rows, const clm_row *row,
                    const char *const *parameter)
{
    put_head(out, rows, row);
    fprintf(out, ",%s", row->model);
    put_device(out, row);
    fprintf(out, ",%s", row->lane != NULL ? row->lane : "none");
    put_parameters(out, row, parameter);
    fprintf(out, ",%zu,", row->ok);
    clm_csv_text(out, row->status);
    const double numbers[] = {
        row->test.mean,
        row->test.standard_error,
        row->test.min,
        row->test.max,
        row->val.mean,
        row->precision.mean,
        row->epoch.median,
        row->published,
        row->published_se,
        row->difference,
        row->p_value,
        row->train_step_ns / 1e6,
        row->inference_ns / 1e6,
        row->planned_bytes,
        row->device_bytes,
        row->imbalance,
        row->nodes,
        row->edges,
        row->profile.ns.median / 1e6,
        row->profile.ns.min / 1e6,
        row->profile.ns.max / 1e6,
        row->profile.forward_ns / 1e6,
        row->profile.backward_ns / 1e6,
        row->profile.wall_ns / 1e6,
        row->profile.overhead,
        row->profile.gflops,
        row->profile.gbytes,
        row->profile.share,
        row->profile.forward_share,
        row->profile.backward_share,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        clm_csv_number(out, numbers[i]);
    fputc(',', out);
    for (size_t i = 0; i < row->planned; i++)
        fprintf(out, isfinite(row->auc_test[i]) ? "%s%.6f" : "%sNaN", i > 0 ? " " : "",
                row->auc_test[i]);
    fputc('\n', out);
}

clm_status clm_csv_summary(clm_scope *scope, const clm_rows *rows, const char *path)
{
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    const char *const *parameter = clm_suite_parameters(scope);
    fputs("row,data,label,model,device,lane", out);
    for (size_t i = 0; parameter[i] != NULL; i++)
        if (strcmp(parameter[i], "seed") != 0) fprintf(out, ",%s", parameter[i]);
    fputs(",seeds,status,auc_test,auc_test_se,auc_test_min,auc_test_max,auc_val,ap_test,best_epoch,"
          "published,published_se,against_hgt,against_hgt_p,train_step_ms,inference_ms,"
          "planned_bytes,device_bytes,imbalance,graph_nodes,graph_edges,kernel_ms,kernel_ms_min,"
          "kernel_ms_max,forward_ms,backward_ms,wall_ms,overhead,gflops,gbytes,roof_share,forward_"
          "share,"
          "backward_share,"
          "auc_test_of_seeds\n",
          out);
    for (size_t i = 0; i < rows->count; i++)
        put_row(out, rows, &rows->row[i], parameter);
    return clm_csv_close(out, path);
}

/* --- curve --- */

/* Mean of a member of point `i` of the curve over the seeds that have it. */
static double curve_mean(const clm_row *row, size_t i, const char *member)
{
    double sum = 0;
    size_t n = 0;
    for (size_t s = 0; s < row->planned; s++) {
        const json_t *point = json_array_get(json_object_get(row->record[s], "curve"), i);
        const json_t *value = json_object_get(point, member);
        if (!json_is_number(value)) continue;
        sum += json_number_value(value);
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

clm_status clm_csv_curve(clm_scope *scope, const clm_rows *rows, const char *path)
{
    (void)scope;
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    fputs("row,data,label,device,epoch,seconds,training_seconds,loss,auc_val\n", out);
    for (size_t r = 0; r < rows->count; r++) {
        const clm_row *row = &rows->row[r];
        size_t points = 0;
        for (size_t s = 0; s < row->planned; s++) {
            const size_t n = json_array_size(json_object_get(row->record[s], "curve"));
            points = n > points ? n : points;
        }
        for (size_t i = 0; i < points; i++) {
            put_head(out, rows, row);
            put_device(out, row);
            clm_csv_number(out, curve_mean(row, i, "epoch"));
            clm_csv_number(out, curve_mean(row, i, "seconds"));
            clm_csv_number(out, curve_mean(row, i, "seconds") - curve_mean(row, 0, "seconds"));
            clm_csv_number(out, curve_mean(row, i, "loss"));
            clm_csv_number(out, curve_mean(row, i, "val"));
            fputc('\n', out);
        }
    }
    return clm_csv_close(out, path);
}

/* --- load --- */

static const json_t *first_with_load(const clm_row *row)
{
    for (size_t s = 0; s < row->planned; s++)
        if (json_is_array(
                json_object_get(json_object_get(row->record[s], "routing"), "load_by_type")))
            return json_object_get(row->record[s], "routing");
    return NULL;
}

static void put_type(FILE *out, const clm_rows *rows, const clm_row *row, const char *type,
                     size_t number, const json_t *load)
{
    double sum = 0;
    for (size_t e = 0; e < json_array_size(load); e++)
        sum += json_number_value(json_array_get(load, e));
    for (size_t e = 0; e < json_array_size(load); e++) {
        put_head(out, rows, row);
        fprintf(out, ",%s,%zu,%zu", type, number, e);
        clm_csv_number(out, sum > 0 ? json_number_value(json_array_get(load, e)) / sum : NAN);
        fputc('\n', out);
    }
}

clm_status clm_csv_load(clm_scope *scope, const clm_rows *rows, const char *path)
{
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    fputs("row,data,label,type,type_number,expert,share\n", out);
    for (size_t r = 0; r < rows->count; r++) {
        const json_t *routing = first_with_load(&rows->row[r]);
        const json_t *loads = json_object_get(routing, "load_by_type");
        const json_t *types = json_object_get(routing, "types");
        for (size_t t = 0; t < json_array_size(loads); t++) {
            const char *name = json_string_value(json_object_get(json_array_get(types, t), "type"));
            put_type(out, rows, &rows->row[r], name != NULL ? name : clm_text(scope, "type %zu", t),
                     t, json_array_get(loads, t));
        }
    }
    return clm_csv_close(out, path);
}
