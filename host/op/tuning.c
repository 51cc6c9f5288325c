/* The table of choices and what it says of a call; its file is in tuning_file.c. */
#include "op/tuning_internal.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- classes --- */

static int64_t nearest_power(int64_t n)
{
    return n < 1 ? 0 : (int64_t)1 << lround(log2((double)n));
}

const char *clm_shape_class(clm_scope *scope, const clm_call *call)
{
    const clm_op *op = call->op;
    const char *text = "", *blank = "";
    char seen[64] = "";
    for (int o = 0; o < CLM_OPERANDS && op->operand[o].name; o++)
        for (const char *s = op->operand[o].shape; call->arg[o] && *s; s++) {
            const size_t n = strlen(seen);
            if (*s < 'A' || *s > 'Z' || strchr(seen, *s) || n + 1 == sizeof seen) continue;
            seen[n] = *s;
            seen[n + 1] = '\0';
            text = clm_text(scope, "%s%s%c=%lld", text, blank, *s,
                            (long long)nearest_power(clm_dim(call, *s)));
            blank = " ";
        }
    for (int o = 0; o < CLM_OPERANDS && op->operand[o].name; o++)
        if (call->arg[o] && op->operand[o].optional) {
            text = clm_text(scope, "%s%s%s", text, blank, op->operand[o].name);
            blank = " ";
        }
    const clm_type real = clm_call_real(call);
    return real == CLM_F32 ? text : clm_text(scope, "%s%s%s", text, blank, clm_type_name(real));
}

/* --- the table --- */

clm_tuning *clm_tuning_new(clm_scope *scope, const clm_device *device)
{
    clm_tuning *tuning = clm_alloc(scope, sizeof *tuning);
    tuning->scope = scope;
    tuning->key = clm_text(scope, "%s", device->key);
    tuning->name = clm_text(scope, "%s", device->name);
    tuning->driver = clm_text(scope, "%s", device->driver);
    return tuning;
}

clm_tuning *clm_tuning_vendor(clm_scope *scope, const clm_device *device)
{
    clm_tuning *tuning = clm_tuning_new(scope, device);
    tuning->vendor = true;
    return tuning;
}

static bool same(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static clm_tuned *find(const clm_tuned_list *list, const char *op, const char *shape)
{
    for (unsigned i = 0; i < list->count; i++)
        if (same(list->entry[i].op, op) && same(list->entry[i].shape, shape))
            return &list->entry[i];
    return NULL;
}

static clm_tuned *append(clm_scope *scope, clm_tuned_list *list)
{
    clm_tuned *larger = clm_alloc_array(scope, list->count + 1, sizeof *larger);
    if (list->count > 0) memcpy(larger, list->entry, list->count * sizeof *larger);
    list->entry = larger;
    return &list->entry[list->count++];
}

static clm_tuned copy(clm_scope *scope, const clm_tuned *entry)
{
    clm_tuned own = *entry;
    char **const text[] = {&own.op,       &own.shape, &own.variant,
                           &own.tunables, &own.from,  &own.reason};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (*text[i]) *text[i] = clm_text(scope, "%s", *text[i]);
    return own;
}

void clm_tuning_put(clm_tuning *tuning, const clm_tuned *entry)
{
    clm_tuned *place = find(&tuning->entries, entry->op, entry->shape);
    if (!place) place = append(tuning->scope, &tuning->entries);
    *place = copy(tuning->scope, entry);
}

void clm_tuning_put_ended(clm_tuning *tuning, const clm_tuned *entry)
{
    *append(tuning->scope, &tuning->ended) = copy(tuning->scope, entry);
}

bool clm_tuning_ended(const clm_tuning *tuning, const char *op, const char *shape,
                      const char *variant, const char *tunables)
{
    for (unsigned i = 0; i < tuning->ended.count; i++) {
        const clm_tuned *e = &tuning->ended.entry[i];
        if (same(e->op, op) && same(e->shape, shape) && same(e->variant, variant) &&
            same(e->tunables, tunables))
            return true;
    }
    return false;
}

const clm_tuned *clm_tuning_entry(const clm_tuning *tuning, const char *op, const char *shape)
{
    return find(&tuning->entries, op, shape);
}

void clm_tuning_add_seconds(clm_tuning *tuning, double seconds) { tuning->seconds += seconds; }

clm_tuning_facts clm_tuning_about(const clm_tuning *tuning)
{
    clm_tuning_facts facts = {.path = tuning->path,
                              .sha256 = tuning->path ? tuning->sha256 : NULL,
                              .warning = tuning->warning,
                              .vendor = tuning->vendor,
                              .seconds = tuning->seconds,
                              .entries = tuning->entries.count};
    for (unsigned i = 0; i < tuning->entries.count; i++)
        facts.ignored += tuning->entries.entry[i].ignored;
    return facts;
}

/* --- what an entry says of a call --- */

/* Says once what is wrong with an entry, and where it stands. */
static bool ignore(clm_tuning *tuning, clm_tuned *entry, const char *member, const char *why)
{
    clm_scope scope = {0};
    entry->ignored = true;
    if (tuning->yaml)
        (void)clm_yaml_fail(
            tuning->yaml,
            clm_text(&scope, "/entries/%d/%s", (int)(entry - tuning->entries.entry), member), false,
            "%s", why);
    else
        (void)clm_fail(CLM_ERROR_USAGE, "tuning of %s, %s: %s", entry->op, entry->shape, why);
    if (!tuning->warning)
        tuning->warning =
            clm_text(tuning->scope, "this entry is ignored: %s", clm_error_last()->what);
    fprintf(stderr, "clmoe: warning: this entry is ignored: %s\n", clm_error_last()->what);
    clm_scope_end(&scope);
    return false;
}

/* Sets one "NAME=value"; null, or why it makes no sense. */
static const char *set_value(clm_scope *scope, const char *word, const clm_call *call,
                             const clm_device *device, clm_choice *choice)
{
    const size_t length = strcspn(word, "=");
    char *end;
    const long value = word[length] ? strtol(word + length + 1, &end, 10) : 0;
    if (!word[length] || end == word + length + 1 || *end)
        return clm_text(scope, "expected NAME=number, not '%s'", word);
    for (int t = 0; t < clm_tunables(choice->variant); t++) {
        const clm_tunable *tunable = &choice->variant->tunable[t];
        if (strncmp(tunable->name, word, length) != 0 || tunable->name[length]) continue;
        choice->tune[t] = (int)value;
        return clm_tunable_allows(tunable, (int)value, call, device)
                   ? NULL
                   : clm_text(scope, "%s of %s, variant %s, cannot be %ld", tunable->name,
                              call->op->name, choice->variant->name, value);
    }
    return clm_text(scope, "%s, variant %s, has no tunable '%.*s'", call->op->name,
                    choice->variant->name, (int)length, word);
}

/* Sets all that `tunables` says; null, or why it makes no sense. */
static const char *set_values(clm_scope *scope, const char *tunables, const clm_call *call,
                              const clm_device *device, clm_choice *choice)
{
    char *text = clm_text(scope, "%s", tunables ? tunables : ""), *rest;
    const char *why = NULL;
    for (char *word = strtok_r(text, " ", &rest); word && !why; word = strtok_r(NULL, " ", &rest))
        why = set_value(scope, word, call, device, choice);
    return why;
}

static bool interpret(clm_scope *scope, clm_tuning *tuning, clm_tuned *entry, const clm_call *call,
                      const clm_device *device, clm_choice *choice)
{
    const clm_variant *variant = call->op->variant;
    while (variant->name && strcmp(variant->name, entry->variant) != 0)
        variant++;
    if (!variant->name)
        return ignore(tuning, entry, "variant",
                      clm_text(scope, "%s has no variant '%s'", entry->op, entry->variant));
    if (clm_variant_misfit(variant, call, device)) return false;
    *choice = clm_choice_of(variant, call, device);
    const char *why = set_values(scope, entry->tunables, call, device, choice);
    return why ? ignore(tuning, entry, "tunables", why) : true;
}

static bool find_entry(clm_tuning *tuning, const clm_call *call, const clm_device *device,
                       clm_choice *choice)
{
    clm_scope scope = {0};
    clm_tuned *entry = find(&tuning->entries, call->op->name, clm_shape_class(&scope, call));
    const bool found = entry && entry->variant && !entry->ignored &&
                       interpret(&scope, tuning, entry, call, device, choice);
    clm_scope_end(&scope);
    return found;
}

bool clm_tuning_find(clm_tuning *tuning, const clm_call *call, const clm_device *device,
                     clm_choice *choice)
{
    if (!tuning->vendor) return find_entry(tuning, call, device, choice);
    *choice = clm_choice_vendor(call, device);
    return choice->variant != NULL;
}
