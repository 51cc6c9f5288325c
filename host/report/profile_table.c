/* What --profile found, for people: a step by operator, the longest first. */
#include "report/table.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All calls of one operator in one pass. */
typedef struct group {
    const char *op, *pass, *variant, *bound;
    size_t calls;
    double ns, flops, bytes, launches, least_ns;
} group;

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static int longest_first(const void *a, const void *b)
{
    const double x = ((const group *)a)->ns, y = ((const group *)b)->ns;
    return (x < y) - (x > y);
}

static size_t group_calls(const json_t *calls, group *groups)
{
    size_t n = 0, i;
    const json_t *call;
    json_array_foreach(calls, i, call)
    {
        size_t g = 0;
        while (g < n && (strcmp(groups[g].op, text(call, "operator")) != 0 ||
                         strcmp(groups[g].pass, text(call, "pass")) != 0 ||
                         strcmp(groups[g].variant, text(call, "variant")) != 0))
            g++;
        const json_t *roof = json_object_get(call, "roof");
        if (g == n)
            groups[n++] = (group){.op = text(call, "operator"),
                                  .pass = text(call, "pass"),
                                  .variant = text(call, "variant"),
                                  .bound = text(roof, "bound")};
        groups[g].calls++;
        groups[g].ns += number(json_object_get(call, "ns"), "median");
        groups[g].flops += number(call, "flops");
        groups[g].bytes += number(call, "bytes");
        groups[g].launches += number(call, "launches");
        groups[g].least_ns += number(roof, "least_ns");
    }
    qsort(groups, n, sizeof *groups, longest_first);
    return n;
}

static void print_group(clm_scope *scope, const group *g, double wall_ns, FILE *out)
{
    const bool roof = isfinite(g->least_ns) && g->ns > 0;
    fprintf(out, "  %-26s %-9s %-8s %5zu %8.0f %10s %7.1f %% %8.1f %8.1f %8s  %s\n", g->op, g->pass,
            g->variant, g->calls, g->launches, clm_text_ns(scope, g->ns), 100 * g->ns / wall_ns,
            g->flops / g->ns, g->bytes / g->ns,
            roof ? clm_text(scope, "%.0f %%", 100 * g->least_ns / g->ns) : "-",
            roof ? g->bound : "-");
}

static void print_profile(clm_scope *scope, const json_t *profile, const char *title, FILE *out)
{
    const json_t *calls = json_object_get(profile, "calls"),
                 *total = json_object_get(profile, "total");
    const double wall_ns = number(json_object_get(profile, "wall_ns"), "median");
    group *groups = clm_alloc_array(scope, json_array_size(calls) + 1, sizeof *groups);
    const size_t n = group_calls(calls, groups);
    fprintf(out,
            "\n%s: %s, of it %s in kernels (%s), %.1f %% launch overhead; %zu operators, %.0f "
            "launches\n",
            title, clm_text_ns(scope, wall_ns), clm_text_ns(scope, number(total, "ns")),
            text(profile, "timer"), 100 * number(profile, "overhead"), json_array_size(calls),
            number(total, "launches"));
    fprintf(out, "  %-26s %-9s %-8s %5s %8s %10s %9s %8s %8s %8s  %s\n", "operator", "pass",
            "variant", "calls", "launches", "time", "share", "Gflop/s", "GB/s", "of roof", "bound");
    for (size_t g = 0; g < n; g++)
        print_group(scope, &groups[g], wall_ns, out);
}

void clm_profiles_print(clm_scope *scope, const clm_rows *rows, FILE *out)
{
    for (size_t r = 0; r < rows->count; r++) {
        const clm_row *row = &rows->row[r];
        const json_t *record = row->planned > 0 ? row->record[0] : NULL;
        const json_t *step = json_object_get(record, "profile");
        const json_t *inference = json_object_get(record, "inference_profile");
        if (!json_is_object(step)) continue;
        const char *where = clm_text(scope, "%s on %s", row->label, row->data);
        const bool training = json_is_object(inference);
        print_profile(scope, step, training ? clm_text(scope, "%s, training step", where) : where,
                      out);
        if (training) print_profile(scope, inference, clm_text(scope, "%s, inference", where), out);
    }
}
