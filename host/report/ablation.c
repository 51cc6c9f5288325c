#include "report/ablation.h"

#include "report/csv_file.h"

#include <math.h>
#include <string.h>

static bool in_group(const clm_row *row, const char *group)
{
    const clm_names *groups = &row->cell->groups;
    for (unsigned i = 0; i < groups->count; i++)
        if (strcmp(groups->name[i], group) == 0) return true;
    return false;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool belongs(const clm_ablation *a, const char *group, const clm_row *row)
{
    return strcmp(a->group, group) == 0 && same(a->row[0]->data, row->data) &&
           same(a->row[0]->device, row->device) && same(a->row[0]->lane, row->lane);
}

/* --- order --- */

static bool has_both(const clm_row *row)
{
    return row->published != NULL && isfinite(clm_row_score(row)->mean);
}

static bool ranks(const clm_row *a, const clm_row *b)
{
    return has_both(a) && has_both(b) && a->metric == b->metric &&
           a->published->score != b->published->score;
}

static const clm_row *better(const clm_row *a, const clm_row *b, bool published)
{
    if (a == NULL || b == NULL) return a == NULL ? b : a;
    const double of_a = published ? a->published->score : clm_row_score(a)->mean,
                 of_b = published ? b->published->score : clm_row_score(b)->mean;
    return clm_metric_better(a->metric, of_b, of_a) ? b : a;
}

static void rank(clm_ablation *a)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < i; j++) {
            const clm_row *x = a->row[j], *y = a->row[i];
            if (!ranks(x, y)) continue;
            const bool tie = clm_row_score(x)->mean == clm_row_score(y)->mean;
            a->pairs++;
            a->kept += !tie && better(x, y, true) == better(x, y, false);
            a->best_published = better(better(a->best_published, x, true), y, true);
            a->best = better(better(a->best, x, false), y, false);
        }
}

/* Names of all groups in the order in which they come; ends with null. */
static const char **group_names(clm_scope *scope, const clm_rows *rows, size_t *most)
{
    *most = 0;
    for (size_t i = 0; i < rows->count; i++)
        *most += rows->row[i].cell->groups.count;
    const char **name = clm_alloc_array(scope, *most + 1, sizeof *name);
    size_t n = 0;
    for (size_t i = 0; i < rows->count; i++)
        for (unsigned g = 0; g < rows->row[i].cell->groups.count; g++) {
            size_t known = 0;
            while (known < n && strcmp(name[known], rows->row[i].cell->groups.name[g]) != 0)
                known++;
            if (known == n) name[n++] = rows->row[i].cell->groups.name[g];
        }
    return name;
}

void clm_ablations(clm_scope *scope, const clm_rows *rows, const clm_ablation **out, size_t *count)
{
    size_t most, n = 0;
    const char **group = group_names(scope, rows, &most);
    clm_ablation *list = clm_alloc_array(scope, most + 1, sizeof *list);
    for (; *group != NULL; group++)
        for (size_t i = 0; i < rows->count; i++) {
            size_t known = 0;
            while (known < n && !belongs(&list[known], *group, &rows->row[i]))
                known++;
            if (known < n || !in_group(&rows->row[i], *group)) continue;
            clm_ablation *a = &list[n];
            *a = (clm_ablation){.group = *group};
            a->row = clm_alloc_array(scope, rows->count, sizeof *a->row);
            a->row[0] = &rows->row[i];
            for (size_t r = i; r < rows->count; r++)
                if (in_group(&rows->row[r], *group) && belongs(a, *group, &rows->row[r]))
                    a->row[a->count++] = &rows->row[r];
            rank(a);
            n += a->count > 1;
        }
    *out = list;
    *count = n;
}

/* --- output --- */

void clm_ablations_print(clm_scope *scope, const clm_rows *rows, FILE *out)
{
    const clm_ablation *list;
    size_t n;
    clm_ablations(scope, rows, &list, &n);
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        const clm_ablation *a = &list[i];
        if (a->pairs == 0) continue;
        if (first) fputc('\n', out);
        first = false;
        const bool several = a->row[0]->lane != NULL && strcmp(a->row[0]->lane, "portable") != 0;
        fprintf(out, "%s on %s%s%s%s: order kept: ", a->group, a->row[0]->data, several ? " (" : "",
                several ? a->row[0]->lane : "", several ? ")" : "");
        if (a->kept == a->pairs)
            fprintf(out, "yes\n");
        else
            fprintf(out, "no, %zu of %zu pairs; best published %s, here %s\n", a->kept, a->pairs,
                    a->best_published->label, a->best->label);
    }
}

static void put_text(FILE *out, const char *text)
{
    fputc(',', out);
    clm_csv_text(out, text != NULL ? text : "none");
}

static void put_row(FILE *out, size_t number, const clm_ablation *a, const clm_row *row)
{
    const clm_summary *score = clm_row_score(row);
    fprintf(out, "%zu", number);
    put_text(out, a->group);
    put_text(out, row->data);
    clm_csv_device(out, row->device);
    put_text(out, row->lane);
    put_text(out, row->label);
    put_text(out, row->metric != NULL ? row->metric->title : NULL);
    put_text(out, row->published != NULL ? row->published->compared : "test");
    put_text(out, row->verdict);
    clm_csv_number(out, score->mean);
    clm_csv_number(out, score->standard_error);
    clm_csv_number(out, row->published != NULL ? row->published->score : NAN);
    clm_csv_number(out, row->published != NULL ? row->published->error : NAN);
    clm_csv_number(out, row->train_step_ns / 1e6);
    clm_csv_number(out, row->inference_ns / 1e6);
    fprintf(out, ",%zu,%zu\n", a->pairs, a->kept);
}

clm_status clm_csv_ablations(clm_scope *scope, const clm_rows *rows, const char *path)
{
    const clm_ablation *list;
    size_t n;
    clm_ablations(scope, rows, &list, &n);
    if (n == 0) return CLM_OK;
    FILE *out;
    CLM_TRY(clm_csv_open(path, &out));
    fputs("ablation,group,data,device,lane,label,metric,compared,verdict,score,score_se,published,"
          "published_se,train_step_ms,inference_ms,pairs,kept\n",
          out);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < list[i].count; r++)
            put_row(out, i + 1, &list[i], list[i].row[r]);
    return clm_csv_close(out, path);
}
