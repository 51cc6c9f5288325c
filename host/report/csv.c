#include "report/csv.h"

#include "base/text.h"
#include "model/model.h"
#include "report/csv_file.h"
#include "suite/schema.h"

#include <math.h>
#include <string.h>

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

typedef struct column {
    const char *name;
    double value;
} column;
enum { MOST_COLUMNS = 48 };

/* Numbers of a row; a null row gives the names alone. */
static size_t numbers(const clm_row *row, column *out)
{
    static const clm_published nothing = {.score = NAN, .error = NAN, .deviation = NAN};
    static const clm_row no_row;
    const clm_row *r = row != NULL ? row : &no_row;
    const clm_published *published = r->published != NULL ? r->published : &nothing;
    const clm_profile_row *p = &r->profile;
    const column all[] = {
        {"test", r->test.mean},
        {"test_se", r->test.standard_error},
        {"test_std", r->test.standard_error * sqrt((double)r->test.n)},
        {"test_min", r->test.min},
        {"test_max", r->test.max},
        {"val", r->val.mean},
        {"val_se", r->val.standard_error},
        {"last", r->last.mean},
        {"last_se", r->last.standard_error},
        {"ap_test", r->precision.mean},
        {"best_epoch", r->epoch.median},
        {"published", published->score},
        {"published_se", published->error},
        {"published_std", published->deviation},
        {"difference", r->difference},
        {"difference_p", r->p_value},
        {"train_step_ms", r->train_step_ns / 1e6},
        {"inference_ms", r->inference_ns / 1e6},
        {"planned_bytes", r->planned_bytes},
        {"device_bytes", r->device_bytes},
        {"imbalance", r->imbalance},
        {"rows_routed", r->rows_routed},
        {"rows_read", r->rows_read},
        {"rows_dense", r->rows_dense},
        {"graph_nodes", r->nodes},
        {"graph_edges", r->edges},
        {"kernel_ms", p->ns.median / 1e6},
        {"kernel_ms_min", p->ns.min / 1e6},
        {"kernel_ms_max", p->ns.max / 1e6},
        {"forward_ms", p->forward_ns / 1e6},
        {"backward_ms", p->backward_ns / 1e6},
        {"wall_ms", p->wall_ns / 1e6},
        {"overhead", p->overhead},
        {"gflops", p->gflops},
        {"gbytes", p->gbytes},
        {"roof_share", p->share},
        {"forward_share", p->forward_share},
        {"backward_share", p->backward_share},
    };
    _Static_assert(sizeof all / sizeof *all <= MOST_COLUMNS, "room for every column");
    memcpy(out, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void put_name(FILE *out, const char *name)
{
    fputc(',', out);
    clm_csv_text(out, name != NULL ? name : "none");
}

static void put_seeds(FILE *out, const clm_row *row, const double *value)
{
    fputc(',', out);
    for (size_t i = 0; i < row->planned; i++)
        fprintf(out, isfinite(value[i]) ? "%s%.6f" : "%sNaN", i > 0 ? " " : "", value[i]);
}

static void put_row(FILE *out, const clm_rows *rows, const clm_row *row,
                    const char *const *parameter)
{
    column column_of[MOST_COLUMNS];
    const size_t columns = numbers(row, column_of);
    put_head(out, rows, row);
    fprintf(out, ",%s", row->model);
    clm_csv_device(out, row->device);
    put_name(out, row->lane);
    put_parameters(out, row, parameter);
    fprintf(out, ",%zu", row->ok);
    put_name(out, row->status);
    put_name(out, row->metric != NULL ? row->metric->title : NULL);
    put_name(out, row->published != NULL ? row->published->compared : "test");
    put_name(out, row->verdict);
    put_name(out, row->baseline != NULL ? row->baseline->label : NULL);
    for (size_t i = 0; i < columns; i++)
        clm_csv_number(out, column_of[i].value);
    put_seeds(out, row, row->test_of);
    put_seeds(out, row, row->val_of);
    fputc('\n', out);
}

clm_status clm_csv_summary(clm_scope *scope, const clm_rows *rows, const char *path)
{
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    const char *const *parameter = clm_suite_parameters(scope);
    column column_of[MOST_COLUMNS];
    const size_t columns = numbers(NULL, column_of);
    fputs("row,data,label,model,device,lane", out);
    for (size_t i = 0; parameter[i] != NULL; i++)
        if (strcmp(parameter[i], "seed") != 0) fprintf(out, ",%s", parameter[i]);
    fputs(",seeds,status,metric,compared,verdict,against", out);
    for (size_t i = 0; i < columns; i++)
        fprintf(out, ",%s", column_of[i].name);
    fputs(",test_of_seeds,val_of_seeds\n", out);
    for (size_t i = 0; i < rows->count; i++)
        put_row(out, rows, &rows->row[i], parameter);
    return clm_csv_close(out, path);
}

/* --- curve --- */

/* A member of a point; `val` had the metric in its name once. */
static double point_value(const json_t *point, const char *member)
{
    const json_t *value = json_object_get(point, member);
    if (value == NULL && strcmp(member, "val") == 0) value = json_object_get(point, "auc_val");
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Mean over the seeds that have it in point `i` of the curve. */
static double curve_mean(const clm_row *row, size_t i, const char *member)
{
    double sum = 0;
    size_t n = 0;
    for (size_t s = 0; s < row->planned; s++) {
        const double value =
            point_value(json_array_get(json_object_get(row->record[s], "curve"), i), member);
        if (!isfinite(value)) continue;
        sum += value;
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

clm_status clm_csv_curve(clm_scope *scope, const clm_rows *rows, const char *path)
{
    (void)scope;
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    fputs("row,data,label,device,metric,epoch,seconds,training_seconds,loss,val\n", out);
    for (size_t r = 0; r < rows->count; r++) {
        const clm_row *row = &rows->row[r];
        size_t points = 0;
        for (size_t s = 0; s < row->planned; s++) {
            const size_t n = json_array_size(json_object_get(row->record[s], "curve"));
            points = n > points ? n : points;
        }
        for (size_t i = 0; i < points; i++) {
            put_head(out, rows, row);
            clm_csv_device(out, row->device);
            put_name(out, row->metric != NULL ? row->metric->title : NULL);
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
