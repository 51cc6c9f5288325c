#include "report/rows.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static double number_at(const json_t *record, const char *group, const char *member)
{
    const json_t *value = json_object_get(json_object_get(record, group), member);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Median of a group of times over its samples, as the record has it. */
static double median_time(const json_t *record, const char *stage)
{
    const json_t *times = json_object_get(json_object_get(record, "time_ns"), stage);
    const json_t *value = json_object_get(times, "median");
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool is_ok(const json_t *record)
{
    const char *status = json_string_value(json_object_get(record, "status"));
    return status != NULL && (strcmp(status, "ok") == 0 || strcmp(status, "emulated") == 0);
}

/* --- rows --- */

static clm_row *row_of(clm_rows *rows, const clm_run_cell *cell, const char **setting)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(setting[i], cell->setting) == 0) return &rows->row[i];
    setting[rows->count] = cell->setting;
    clm_row *row = &rows->row[rows->count++];
    *row = (clm_row){.label = cell->label,
                     .model = cell->model,
                     .data = cell->data,
                     .device = cell->device,
                     .lane = cell->lane,
                     .cell = cell,
                     .config = cell->config};
    return row;
}

/* "ok 2, failed 1, not run 1" */
static const char *status_words(clm_scope *scope, const clm_row *row)
{
    const char *kinds[16];
    size_t counts[16] = {0}, n = 0;
    for (size_t i = 0; i < row->planned; i++) {
        const char *status = row->record[i] != NULL
                                 ? json_string_value(json_object_get(row->record[i], "status"))
                                 : "not run";
        if (status == NULL) status = "failed";
        size_t k = 0;
        while (k < n && strcmp(kinds[k], status) != 0)
            k++;
        if (k == n && n < 16) kinds[n++] = status;
        if (k < 16) counts[k]++;
    }
    const char *words = "";
    for (size_t k = 0; k < n; k++)
        words = clm_text(scope, "%s%s%s %zu", words, k > 0 ? ", " : "", kinds[k], counts[k]);
    return words;
}

typedef double (*reader)(const json_t *record);

static const clm_metric *metric_of(const json_t *record)
{
    return clm_metric_of(json_object_get(record, "metrics"));
}

static double read_metric(const json_t *record, const char *split)
{
    const clm_metric *metric = metric_of(record);
    return metric != NULL ? clm_metric_read(metric, json_object_get(record, "metrics"), split)
                          : NAN;
}

static double read_val(const json_t *r) { return read_metric(r, "val"); }
static double read_test(const json_t *r) { return read_metric(r, "test"); }
static double read_last(const json_t *r) { return read_metric(r, "last"); }
static double read_precision(const json_t *r) { return number_at(r, "metrics", "ap_test"); }
static double read_epoch(const json_t *r) { return number_at(r, "metrics", "epoch"); }
static double read_step(const json_t *r) { return median_time(r, "train_step"); }
static double read_inference(const json_t *r) { return median_time(r, "inference"); }
static double read_planned(const json_t *r) { return number_at(r, "memory_bytes", "planned"); }
static double read_device(const json_t *r) { return number_at(r, "memory_bytes", "device"); }
static double read_nodes(const json_t *r) { return number_at(r, "graph", "nodes"); }
static double read_edges(const json_t *r) { return number_at(r, "graph", "edges"); }
static double read_imbalance(const json_t *r) { return number_at(r, "routing", "imbalance"); }

static double read_rows(const json_t *r, const char *which)
{
    return number_at(json_object_get(r, "routing"), "rows", which);
}

static double read_routed(const json_t *r) { return read_rows(r, "routed"); }
static double read_read(const json_t *r) { return read_rows(r, "read"); }
static double read_dense(const json_t *r) { return read_rows(r, "dense"); }

/* A number of record.profile.<part>, or of its roof. */
static double in_profile(const json_t *r, const char *part, const char *member)
{
    return number_at(json_object_get(r, "profile"), part, member);
}

static double read_kernel(const json_t *r) { return in_profile(r, "total", "ns"); }
static double read_forward(const json_t *r) { return in_profile(r, "forward", "ns"); }
static double read_backward(const json_t *r) { return in_profile(r, "backward", "ns"); }
static double read_wall(const json_t *r) { return in_profile(r, "wall_ns", "median"); }
static double read_overhead(const json_t *r) { return number_at(r, "profile", "overhead"); }
static double read_gflops(const json_t *r) { return in_profile(r, "total", "gflops"); }
static double read_gbytes(const json_t *r) { return in_profile(r, "total", "gbytes"); }

static const json_t *pass(const json_t *r, const char *name)
{
    return json_object_get(json_object_get(r, "profile"), name);
}

static double share(const json_t *r, const char *name)
{
    return number_at(pass(r, name), "roof", "share");
}

static double read_share(const json_t *r) { return share(r, "total"); }
static double read_forward_share(const json_t *r) { return share(r, "forward"); }
static double read_backward_share(const json_t *r) { return share(r, "backward"); }

/* Summary over the seeds that have the number. */
static clm_summary summarise(clm_scope *scope, const clm_row *row, reader read)
{
    double *values = clm_alloc_array(scope, row->planned, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < row->planned; i++)
        if (is_ok(row->record[i]) && isfinite(read(row->record[i])))
            values[n++] = read(row->record[i]);
    return clm_summarise(values, n);
}

static void fill_profile(clm_scope *scope, clm_row *row)
{
    clm_profile_row *p = &row->profile;
    p->ns = summarise(scope, row, read_kernel);
    p->forward_ns = summarise(scope, row, read_forward).median;
    p->backward_ns = summarise(scope, row, read_backward).median;
    p->wall_ns = summarise(scope, row, read_wall).median;
    p->overhead = summarise(scope, row, read_overhead).median;
    p->gflops = summarise(scope, row, read_gflops).median;
    p->gbytes = summarise(scope, row, read_gbytes).median;
    p->share = summarise(scope, row, read_share).median;
    p->forward_share = summarise(scope, row, read_forward_share).median;
    p->backward_share = summarise(scope, row, read_backward_share).median;
    for (size_t i = 0; i < row->planned && p->bound == NULL; i++)
        p->bound = json_string_value(
            json_object_get(json_object_get(pass(row->record[i], "total"), "roof"), "bound"));
}

static void fill(clm_scope *scope, clm_row *row)
{
    fill_profile(scope, row);
    row->test_of = clm_alloc_array(scope, row->planned, sizeof *row->test_of);
    row->val_of = clm_alloc_array(scope, row->planned, sizeof *row->val_of);
    row->last_of = clm_alloc_array(scope, row->planned, sizeof *row->last_of);
    for (size_t i = 0; i < row->planned; i++) {
        const bool ok = is_ok(row->record[i]);
        row->ok += ok;
        row->test_of[i] = ok ? read_test(row->record[i]) : NAN;
        row->val_of[i] = ok ? read_val(row->record[i]) : NAN;
        row->last_of[i] = ok ? read_last(row->record[i]) : NAN;
        if (ok && row->metric == NULL) row->metric = metric_of(row->record[i]);
    }
    row->status = status_words(scope, row);
    row->test = summarise(scope, row, read_test);
    row->val = summarise(scope, row, read_val);
    row->last = summarise(scope, row, read_last);
    row->precision = summarise(scope, row, read_precision);
    row->epoch = summarise(scope, row, read_epoch);
    row->train_step_ns = summarise(scope, row, read_step).median;
    row->inference_ns = summarise(scope, row, read_inference).median;
    row->planned_bytes = summarise(scope, row, read_planned).median;
    row->device_bytes = summarise(scope, row, read_device).median;
    row->nodes = summarise(scope, row, read_nodes).median;
    row->edges = summarise(scope, row, read_edges).median;
    row->imbalance = summarise(scope, row, read_imbalance).median;
    row->rows_routed = summarise(scope, row, read_routed).median;
    row->rows_read = summarise(scope, row, read_read).median;
    row->rows_dense = summarise(scope, row, read_dense).median;
    row->difference = row->p_value = NAN;
}

/* --- the published score --- */

const clm_summary *clm_row_score(const clm_row *row)
{
    const char *compared = row->published != NULL ? row->published->compared : "test";
    return strcmp(compared, "val") == 0    ? &row->val
           : strcmp(compared, "last") == 0 ? &row->last
                                           : &row->test;
}

/* Of another row, what this one is judged by, seed by seed. */
static const double *score_of(const clm_row *row, const clm_row *judged)
{
    const clm_summary *score = clm_row_score(judged);
    return score == &judged->val    ? row->val_of
           : score == &judged->last ? row->last_of
                                    : row->test_of;
}

static clm_status add_published(clm_scope *scope, const char *table, const clm_rows *rows)
{
    const clm_published *published;
    size_t count;
    CLM_TRY(clm_published_read(scope, table, &published, &count));
    for (size_t i = 0; i < rows->count; i++) {
        clm_row *row = &rows->row[i];
        for (size_t p = 0; p < count; p++)
            if (strcmp(row->data, published[p].data) == 0 &&
                strcmp(row->label, published[p].label) == 0 &&
                (row->metric == NULL || row->metric == published[p].metric))
                row->published = &published[p];
        row->verdict = clm_published_verdict(row->published, clm_row_score(row)->mean);
    }
    return CLM_OK;
}

/* --- comparison with a baseline --- */

/* Parameters that both have and that differ. */
static size_t differences(const clm_config *a, const clm_config *b)
{
    json_t *ja = clm_config_json(a, false), *jb = clm_config_json(b, false);
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(ja, key, value) n +=
        json_object_get(jb, key) != NULL && !json_equal(value, json_object_get(jb, key));
    json_decref(ja);
    json_decref(jb);
    return n;
}

/* Whether both solve the same task: what is split off, left in or recomputed is alike. */
static bool same_task(const clm_config *a, const clm_config *b)
{
    static const char *const switches[] = {"reverse", "features"};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (clm_config_has(a, switches[i]) && clm_config_has(b, switches[i]) &&
            !clm_config_is(a, switches[i], clm_config_choice(b, switches[i])))
            return false;
    return true;
}

/* Whether both ran on the same data, device and lane. */
static bool same_place(const clm_row *a, const clm_row *b)
{
    return strcmp(a->data, b->data) == 0 &&
           (a->device == NULL || b->device == NULL ||
            (strcmp(a->device, b->device) == 0 && strcmp(a->lane, b->lane) == 0));
}

/* The row of that label on the same data. */
static const clm_row *find_named(const clm_rows *rows, const clm_row *row, const char *label)
{
    for (size_t i = 0; i < rows->count; i++)
        if (&rows->row[i] != row && strcmp(rows->row[i].label, label) == 0 &&
            same_place(&rows->row[i], row))
            return &rows->row[i];
    return NULL;
}

/* The row of hgt on the same data that differs least. */
static const clm_row *find_hgt(const clm_rows *rows, const clm_row *row)
{
    const clm_row *best = NULL;
    size_t fewest = 0;
    if (strcmp(row->model, "hgt") == 0) return NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const clm_row *hgt = &rows->row[i];
        if (strcmp(hgt->model, "hgt") != 0 || !same_place(hgt, row) ||
            !same_task(hgt->config, row->config))
            continue;
        const size_t n = differences(row->config, hgt->config);
        if (best == NULL || n < fewest) {
            best = hgt;
            fewest = n;
        }
    }
    return best;
}

static const clm_row *find_baseline(const clm_rows *rows, const clm_row *row)
{
    const char *against = row->cell->against;
    return against != NULL ? find_named(rows, row, against) : find_hgt(rows, row);
}

static json_int_t seed_of(const json_t *record)
{
    return json_integer_value(json_object_get(record, "seed"));
}

static void compare(clm_scope *scope, clm_row *row)
{
    double *d = clm_alloc_array(scope, row->planned, sizeof *d);
    const double *own = score_of(row, row), *other = score_of(row->baseline, row);
    size_t n = 0;
    for (size_t i = 0; i < row->planned; i++)
        for (size_t j = 0; j < row->baseline->planned; j++) {
            const double difference = own[i] - other[j];
            if (isfinite(difference) &&
                seed_of(row->record[i]) == seed_of(row->baseline->record[j]))
                d[n++] = difference;
        }
    row->difference = clm_summarise(d, n).mean;
    row->p_value = n > 0 ? clm_sign_flip_test(d, n) : NAN;
}

clm_status clm_rows_make(clm_scope *scope, const clm_run_plan *plan, const json_t *records,
                         const clm_rows **out)
{
    clm_rows *rows = clm_alloc(scope, sizeof *rows);
    const char **setting = clm_alloc_array(scope, plan->cells, sizeof *setting);
    rows->plan = plan;
    rows->row = clm_alloc_array(scope, plan->cells, sizeof *rows->row);
    for (size_t i = 0; i < plan->cells; i++)
        row_of(rows, &plan->cell[i], setting)->planned++;
    for (size_t i = 0; i < rows->count; i++) {
        clm_row *row = &rows->row[i];
        row->record = clm_alloc_array(scope, row->planned, sizeof *row->record);
        row->planned = 0; /* counted again below, as an index */
    }
    for (size_t i = 0; i < plan->cells; i++) {
        clm_row *row = row_of(rows, &plan->cell[i], setting);
        const json_t *record = json_array_get(records, i);
        row->record[row->planned++] = json_is_object(record) ? record : NULL;
    }
    for (size_t i = 0; i < rows->count; i++)
        fill(scope, &rows->row[i]);
    if (plan->published != NULL) CLM_TRY(add_published(scope, plan->published, rows));
    for (size_t i = 0; i < rows->count; i++) {
        rows->row[i].baseline = find_baseline(rows, &rows->row[i]);
        if (rows->row[i].baseline != NULL) compare(scope, &rows->row[i]);
    }
    *out = rows;
    return CLM_OK;
}
