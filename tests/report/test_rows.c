/* Rows: whatever the metric, what is better, the same as published, and ranked as published. */
#include "suite/toy.h"

#include "report/ablation.h"
#include "report/csv.h"
#include "report/table.h"
#include "suite/record.h"

#include <math.h>
#include <sys/stat.h>

static char folder[64];

static void write_file(clm_scope *scope, const char *relative, const char *text)
{
    FILE *file = fopen(clm_text(scope, "%s/%s", folder, relative), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Four rows on each of two data sets, two seeds each: cells 4 i + 2 d + seed. */
static const char suite[] =
    "about: a\n"
    "published: paper\n"
    "data: [one, two]\n"
    "seeds: 2\n"
    "cells:\n"
    "  - {model: toy, label: base, groups: [rate], set: {p: 0}}\n"
    "  - {model: toy, label: a, groups: [rate], against: base, set: {p: 0.1}}\n"
    "  - {model: toy, label: b, groups: [rate], against: base, set: {p: 0.2}}\n"
    "  - {model: toy, label: c, set: {p: 0.3}}\n";
enum { ROWS = 4, SETS = 2, SEEDS = 2 };

static clm_status make_rows(clm_scope *scope, const char *published, json_t *records,
                            const clm_rows **rows)
{
    const clm_run_plan *plan = NULL;
    write_file(scope, "results/published/paper.csv", published);
    write_file(scope, "suites/mine.yaml", suite);
    assert_ok(clm_run_plan_make(scope, &(clm_request){.suite = "mine"}, &plan));
    assert_int_equal(plan->cells, ROWS * SETS * SEEDS);
    return clm_rows_make(scope, plan, records, rows);
}

/* Records of a metric: the seeds' scores are score - 0.01 and score + 0.01; validation is a tenth. */
static json_t *records_of(clm_scope *scope, const char *name, const double *score)
{
    const clm_run_plan *plan = NULL;
    const clm_metric *metric = clm_metric_named(name);
    json_t *records = json_array();
    write_file(scope, "results/published/paper.csv", "data,label,metric,score,tolerance\n");
    write_file(scope, "suites/mine.yaml", suite);
    assert_ok(clm_run_plan_make(scope, &(clm_request){.suite = "mine"}, &plan));
    for (size_t i = 0; i < plan->cells; i++) {
        json_t *record = clm_record_new(plan, &plan->cell[i]);
        const double value = score[i / (SETS * SEEDS)] + (i % SEEDS == 0 ? -0.01 : 0.01);
        clm_metric_write(metric, json_object_get(record, "metrics"), "test", value);
        clm_metric_write(metric, json_object_get(record, "metrics"), "val", value / 10);
        json_array_append_new(
            json_object_get(record, "curve"),
            json_pack("{s:i,s:f}", "epoch", 0, metric->lower ? "val" : "auc_val", value));
        clm_metric_write(metric, json_object_get(record, "metrics"), "last", value / 20);
        clm_record_finish(record, "ok", NULL);
        json_array_append_new(records, record);
    }
    return records;
}

static const clm_row *row_of(const clm_rows *rows, const char *data, const char *label)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->row[i].data, data) == 0 && strcmp(rows->row[i].label, label) == 0)
            return &rows->row[i];
    fail_msg("no row %s on %s", label, data);
    return NULL;
}

static void expect_verdict(const clm_rows *rows, const char *data, const char *label,
                           const char *verdict)
{
    const char *got = row_of(rows, data, label)->verdict;
    if (verdict == NULL ? got != NULL : got == NULL || strcmp(got, verdict) != 0)
        fail_msg("%s on %s: %s, expected %s", label, data, got != NULL ? got : "none",
                 verdict != NULL ? verdict : "none");
}

/* Better is lower for RMSE; the same is within two deviations, or within the tolerance. */
static void verdicts_know_the_metric(void **state)
{
    (void)state;
    static const double score[] = {2.0, 2.4, 1.6, 2.0};
    clm_scope scope = {0};
    json_t *records = records_of(&scope, "rmse", score);
    const clm_rows *rows = NULL;
    assert_ok(make_rows(&scope,
                        "# comment\n"
                        "data,label,metric,runs,score,std,se,tolerance\n"
                        "one,base,rmse,10,2.1,0.06,,\n"
                        "one,a,rmse,10,2.1,0.14,,\n"
                        "one,b,rmse,,2.1,,,0.4\n"
                        "two,base,rmse,4,2.1,,0.03,\n"
                        "two,a,rmse,4,2.1,,0.06,\n"
                        "two,b,auc,4,2.1,,0.06,\n",
                        records, &rows));
    expect_verdict(rows, "one", "base", "same");
    expect_verdict(rows, "one", "a", "worse");
    expect_verdict(rows, "one", "b", "better");
    expect_verdict(rows, "one", "c", NULL);
    expect_verdict(rows, "two", "base", "same"); /* deviation 2 * 0.03 */
    expect_verdict(rows, "two", "a", "worse");
    expect_verdict(rows, "two", "b", NULL); /* of another metric */
    assert_true(fabs(row_of(rows, "one", "a")->published->error - 0.14 / sqrt(10)) < 1e-12);
    assert_string_equal(row_of(rows, "one", "a")->metric->title, "RMSE");
    assert_string_equal(row_of(rows, "one", "a")->baseline->label, "base");
    assert_true(fabs(row_of(rows, "one", "b")->difference + 0.4) < 1e-9);
    assert_null(row_of(rows, "one", "c")->baseline);
    json_decref(records);
    clm_scope_end(&scope);
}

static void scores_in_validation_can_be_the_published_ones(void **state)
{
    (void)state;
    static const double score[] = {0.7, 0.75, 0.65, 0.6};
    clm_scope scope = {0};
    json_t *records = records_of(&scope, "accuracy", score);
    const clm_rows *rows = NULL;
    assert_ok(make_rows(&scope,
                        "data,label,metric,score,tolerance,compared\n"
                        "one,a,accuracy,0.076,0.002,val\n"
                        "two,a,accuracy,0.076,0.002,test\n"
                        "one,b,accuracy,0.034,0.002,last\n",
                        records, &rows));
    expect_verdict(rows, "one", "b", "same"); /* 0.65 / 20 */
    assert_true(fabs(row_of(rows, "one", "b")->difference + 0.0025) < 1e-9);
    expect_verdict(rows, "one", "a", "same");
    expect_verdict(rows, "two", "a", "better");
    assert_true(fabs(row_of(rows, "one", "a")->difference - 0.005) < 1e-9);
    assert_true(fabs(row_of(rows, "two", "a")->difference - 0.05) < 1e-9);
    json_decref(records);
    clm_scope_end(&scope);
}

/* Property: the order is kept exactly when every pair that the paper ranks is ranked so here. */
static void groups_are_ranked_as_published(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        double score[ROWS];
        size_t kept;
        const char *best;
    } cases[] = {
        {"rmse", {2.5, 2.6, 2.4, 0}, 3, "b"}, /* published b < base < a */
        {"rmse", {2.5, 2.4, 2.4, 0}, 1, "a"}, /* equal scores rank nothing */
        {"rmse", {2.5, 2.6, 2.7, 0}, 1, "base"}, {"rocauc", {2.5, 2.6, 2.4, 0}, 3, "a"},
        {"rocauc", {2.5, 2.4, 2.6, 0}, 0, "b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clm_scope scope = {0};
        json_t *records = records_of(&scope, cases[i].metric, cases[i].score);
        const clm_rows *rows = NULL;
        const clm_ablation *ablation;
        size_t count;
        const char *table = clm_text(&scope,
                                     "data,label,metric,score,std\n"
                                     "one,base,%s,2,1\none,a,%s,3,1\none,b,%s,1,1\none,c,%s,9,1\n"
                                     "two,base,%s,2,1\ntwo,a,%s,2,1\n",
                                     cases[i].metric, cases[i].metric, cases[i].metric,
                                     cases[i].metric, cases[i].metric, cases[i].metric);
        assert_ok(make_rows(&scope, table, records, &rows));
        clm_ablations(&scope, rows, &ablation, &count);
        assert_int_equal(count, SETS);
        assert_int_equal(ablation[0].count, 3);
        assert_int_equal(ablation[0].pairs, 3);
        assert_int_equal(ablation[0].kept, cases[i].kept);
        assert_string_equal(ablation[0].best->label, cases[i].best);
        assert_int_equal(ablation[1].pairs, 0); /* published as equal, or not at all */
        json_decref(records);
        clm_scope_end(&scope);
    }
}

static void mistakes_in_published_tables_have_a_line(void **state)
{
    (void)state;
    static const double score[ROWS] = {1, 1, 1, 1};
    static const struct {
        const char *text, *words;
    } mistakes[] = {
        {"", "paper.csv is empty"},
        {"data,label,score\n", "paper.csv:1: expected a column 'metric'"},
        {"data,label,metric,score,std\none,a,auk,1,1\n", "paper.csv:2: there is no metric 'auk'"},
        {"#\ndata,label,metric,score,std\none,a,auc,1x,1\n", "paper.csv:3: score '1x' is not a"},
        {"data,label,metric,score,std\none,a,auc,,1\n", "paper.csv:2: expected a score with"},
        {"data,label,metric,score,se\none,a,auc,1,1\n", "paper.csv:2: expected a score with"},
        {"data,label,metric,score,std,compared\none,a,auc,1,1,train\n", "not 'train'"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        clm_scope scope = {0};
        json_t *records = records_of(&scope, "auc", score);
        const clm_rows *rows = NULL;
        assert_int_equal(make_rows(&scope, mistakes[i].text, records, &rows), CLM_FAIL);
        if (strstr(clm_error_last()->what, mistakes[i].words) == NULL)
            fail_msg("expected %s, got %s", mistakes[i].words, clm_error_last()->what);
        json_decref(records);
        clm_scope_end(&scope);
    }
}

static const char *text_of(clm_scope *scope, FILE *file)
{
    char text[8192];
    rewind(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    return clm_text(scope, "%s", text);
}

/* What people and gnuplot read of a run with RMSE. */
static void tables_name_the_metric(void **state)
{
    (void)state;
    static const double score[] = {2.0, 2.4, 1.6, 2.0};
    clm_scope scope = {0};
    json_t *records = records_of(&scope, "rmse", score);
    const clm_rows *rows = NULL;
    json_object_set_new(json_object_get(json_array_get(records, 0), "routing"), "rows",
                        json_pack("{s:f,s:f,s:f}", "routed", 3.0, "read", 5.0, "dense", 8.0));
    assert_ok(make_rows(&scope,
                        "data,label,metric,score,std,runs\n"
                        "one,base,rmse,2.1,0.06,10\none,a,rmse,2,0.14,10\n",
                        records, &rows));
    FILE *out = tmpfile();
    clm_table_print(&scope, rows, out);
    clm_ablations_print(&scope, rows, out);
    const char *text = text_of(&scope, out);
    assert_non_null(strstr(text, "RMSE ↓"));
    assert_non_null(strstr(text, "2.4000 ± 0.0100"));
    assert_non_null(strstr(text, "base +0.4000 (p 0.500)"));
    assert_non_null(strstr(text, "rate on one: order kept: no, 0 of 1 pairs"));
    assert_non_null(strstr(text, "5 of 8"));
    assert_null(strstr(text, "validation ")); /* no row is judged by it */
    fclose(out);
    const char *path = clm_text(&scope, "%s/curve.csv", folder);
    assert_ok(clm_csv_curve(&scope, rows, path));
    out = fopen(path, "r");
    assert_non_null(strstr(text_of(&scope, out), "1,one,base,none,RMSE,0,NaN,NaN,NaN,2\n"));
    fclose(out);
    assert_ok(clm_csv_ablations(&scope, rows, path));
    out = fopen(path, "r");
    assert_non_null(
        strstr(text_of(&scope, out), "1,rate,one,none,none,a,RMSE,test,worse,2.4,0.01,2,"));
    fclose(out);
    json_decref(records);
    clm_scope_end(&scope);
}

int main(int argc, char **argv)
{
    toy_main(argc, argv);
    clm_scope scope = {0};
    (void)strcpy(folder, toy_folder(&scope));
    static const char *const inside[] = {"results", "results/published", "suites"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        (void)mkdir(clm_text(&scope, "%s/%s", folder, inside[i]), 0777);
    (void)setenv("CLMOE_SHARE", folder, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_know_the_metric),
        cmocka_unit_test(scores_in_validation_can_be_the_published_ones),
        cmocka_unit_test(groups_are_ranked_as_published),
        cmocka_unit_test(mistakes_in_published_tables_have_a_line),
        cmocka_unit_test(tables_name_the_metric),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    toy_remove(folder);
    clm_scope_end(&scope);
    return failed;
}
