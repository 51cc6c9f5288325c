#include "cmd/tune_table.h"

#include "base/text.h"

#include <string.h>

static double ratio_of(const clm_tuned *entry)
{
    return entry && entry->variant ? entry->ratio : 1;
}

static void print_class(clm_scope *scope, const clm_tuned *entry, const clm_met *met, double total)
{
    const double ratio = ratio_of(entry);
    printf("%-24s %5.1f %%  %9s", met->op, 100 * met->ns / total,
           entry ? clm_text_ns(scope, entry->default_ns) : "-");
    if (!entry)
        printf("  %9s  %-19s  %s\n", "-", "not searched yet", met->shape);
    else if (!entry->variant)
        printf("  %9s  %-19s  %s; default, %d tried%s\n", "same", "1.00", met->shape, entry->trials,
               entry->complete ? "" : ", more to try");
    else
        printf("  %9s  %4.2f [%4.2f, %5.2f]   %s; %s %s, %d tried%s\n",
               clm_text_ns(scope, entry->default_ns / ratio), ratio, entry->low, entry->high,
               met->shape, entry->variant, entry->tunables ? entry->tunables : "", entry->trials,
               entry->complete ? "" : ", more to try");
}

/* Time of an operator's classes by default over their time with what is kept. */
static void print_operator(const clm_tuning *tuning, const clm_met *met, size_t count, size_t first)
{
    double before = 0, after = 0;
    int classes = 0, better = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(met[i].op, met[first].op) != 0) continue;
        if (i < first) return; /* printed already */
        const double ratio = ratio_of(clm_tuning_entry(tuning, met[i].op, met[i].shape));
        before += met[i].ns;
        after += met[i].ns / ratio;
        classes++;
        better += ratio > 1;
    }
    printf("%-24s %5.2f x  %d of %d classes\n", met[first].op, before / after, better, classes);
}

void clm_tune_print(clm_scope *scope, const clm_tuning *tuning, const clm_met *met, size_t count)
{
    double total = 0, after = 0;
    for (size_t i = 0; i < count; i++) {
        total += met[i].ns;
        after += met[i].ns / ratio_of(clm_tuning_entry(tuning, met[i].op, met[i].shape));
    }
    if (count == 0) return;
    printf("%-24s %7s  %9s  %9s  %-19s  %s\n", "operator", "share", "default", "tuned",
           "ratio [95 %]", "class; choice");
    for (size_t i = 0; i < count; i++)
        print_class(scope, clm_tuning_entry(tuning, met[i].op, met[i].shape), &met[i], total);
    printf("\n%-24s %7s  improved\n", "operator", "faster");
    for (size_t i = 0; i < count; i++)
        print_operator(tuning, met, count, i);
    printf("%-24s %5.2f x\n", "all", total / after);
}
