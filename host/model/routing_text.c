#include "model/routing_text.h"

#include "base/share.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    clm_routing_kind kind;
} kinds[] = {{"uniform", CLM_ROUTING_UNIFORM},
             {"zipf", CLM_ROUTING_ZIPF},
             {"one-hot", CLM_ROUTING_ONE_HOT},
             {"empty-expert", CLM_ROUTING_EMPTY_EXPERT},
             {"trained", CLM_ROUTING_TRAINED}};

const char *const clm_routing_forms[] = {"uniform", "zipf:S",          "one-hot", "empty-expert",
                                         "trained", "trained:RECORDS", NULL};

static clm_status refuse(const char *text, const char *why)
{
    clm_fail(CLM_ERROR_USAGE, "routing = '%s' %s", text, why);
    clm_error_advice("routing is one of: uniform, zipf:1, one-hot, empty-expert, trained, "
                     "trained:results/RUN/records.jsonl");
    return CLM_FAIL;
}

clm_status clm_routing_parse(const char *text, clm_workload *w, const char **file)
{
    const size_t length = strcspn(text, ":");
    const char *rest = text[length] == ':' ? text + length + 1 : NULL;
    size_t k = 0;
    *file = NULL;
    while (k < sizeof kinds / sizeof *kinds &&
           (strlen(kinds[k].name) != length || strncmp(kinds[k].name, text, length) != 0))
        k++;
    if (k == sizeof kinds / sizeof *kinds) return refuse(text, "is none of its forms");
    w->routing = kinds[k].kind;
    if (w->routing == CLM_ROUTING_TRAINED) {
        *file = rest;
    } else if (w->routing == CLM_ROUTING_ZIPF && rest != NULL) {
        char *end;
        w->exponent = strtod(rest, &end);
        if (end == rest || *end != '\0' || !(w->exponent >= 0 && w->exponent <= 10))
            return refuse(text, "has no exponent between 0 and 10");
    } else if (rest != NULL) {
        return refuse(text, "has something behind the colon that means nothing");
    }
    return CLM_OK;
}

static bool fits(const json_t *record, const clm_workload *w)
{
    const json_t *params = json_object_get(record, "params");
    const json_t *types = json_object_get(json_object_get(record, "routing"), "load_by_type");
    if (json_integer_value(json_object_get(params, "experts")) != w->experts ||
        json_integer_value(json_object_get(params, "top_k")) != w->top_k ||
        json_array_size(types) == 0)
        return false;
    for (size_t t = 0; t < json_array_size(types); t++)
        if (json_array_size(json_array_get(types, t)) != (size_t)w->experts) return false;
    return true;
}

static void take(clm_scope *scope, const json_t *types, clm_workload *w)
{
    const size_t count = json_array_size(types), experts = (size_t)w->experts;
    double *nodes = clm_alloc_array(scope, count, sizeof *nodes);
    double *load = clm_alloc_array(scope, count * experts, sizeof *load);
    clm_trained_load *made = clm_alloc(scope, sizeof *made);
    for (size_t t = 0; t < count; t++)
        for (size_t e = 0; e < experts; e++) {
            const double pairs = json_number_value(json_array_get(json_array_get(types, t), e));
            load[t * experts + e] = pairs;
            nodes[t] += pairs / (double)w->top_k;
        }
    *made = (clm_trained_load){(int32_t)count, nodes, load};
    w->trained = made;
}

clm_status clm_routing_load(clm_scope *scope, const char *file, clm_workload *w)
{
    if (file == NULL) CLM_TRY(clm_share(scope, "suites/routing/imdb_magnn.jsonl", &file));
    FILE *in = fopen(file, "r");
    if (in == NULL) {
        clm_fail(CLM_ERROR_USAGE, "%s cannot be read: %s", file, strerror(errno));
        clm_error_advice("routing=trained:FILE wants the records.jsonl of a run with experts");
        return CLM_FAIL;
    }
    w->trained = NULL;
    for (json_t *record;
         w->trained == NULL && (record = json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL)) != NULL;) {
        if (fits(record, w))
            take(scope, json_object_get(json_object_get(record, "routing"), "load_by_type"), w);
        json_decref(record);
    }
    (void)fclose(in);
    if (w->trained != NULL) return CLM_OK;
    return clm_skip("no record of %s has %lld experts, %lld of them for each node", file,
                    (long long)w->experts, (long long)w->top_k);
}
