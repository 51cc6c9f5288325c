/* Parameters of a model: read from text with every mistake named, kept as numbers.
 *
 * A default such as "=2*width" or "=experts" stays open until clm_config_resolve, so that setting
 * the other parameter moves it. */
#include "model/config.h"

#include "base/text.h"
#include "model/model.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
    double number;      /* integers are exact up to 2^53 */
    const char *choice; /* one of the specification's names, or a word */
    bool given, known;  /* given: set from text; known: has a value */
} value;

struct clm_config {
    const clm_model *model;
    clm_scope *scope;
    size_t count;
    value *value; /* [count], in the order of model->parameters */
};

static size_t count_parameters(const clm_model *model)
{
    size_t n = 0;
    while (model->parameters[n] != NULL)
        n++;
    return n;
}

/* Index of a parameter, or the number of parameters when the model has none of that name. */
static size_t find(const clm_config *config, const char *name)
{
    size_t i = 0;
    while (i < config->count && strcmp(config->model->parameters[i]->name, name) != 0)
        i++;
    return i;
}

static const value *get(const clm_config *config, const char *name)
{
    const size_t i = find(config, name);
    if (i == config->count || !config->value[i].known) {
        (void)fprintf(stderr, "clmoe: parameter %s of %s was asked for but %s\n", name,
                      config->model->name, i == config->count ? "does not exist" : "is unresolved");
        abort();
    }
    return &config->value[i];
}

/* Names separated by ", ". */
static char *join(clm_scope *scope, const char *const *names)
{
    char *all = clm_text(scope, "%s", "");
    for (size_t i = 0; names[i] != NULL; i++)
        all = clm_text(scope, "%s%s%s", all, i == 0 ? "" : ", ", names[i]);
    return all;
}

static clm_status no_such_parameter(const clm_config *config, const char *name)
{
    const char **names = clm_alloc_array(config->scope, config->count + 1, sizeof *names);
    for (size_t i = 0; i < config->count; i++)
        names[i] = config->model->parameters[i]->name;
    const char *near = clm_did_you_mean(name, names);
    clm_fail(CLM_ERROR_USAGE, "model %s has no parameter '%s'%s%s%s", config->model->name, name,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    if (config->count == 0)
        clm_error_advice("%s has no parameters", config->model->name);
    else
        clm_error_advice("%s has: %s", config->model->name, join(config->scope, names));
    return CLM_FAIL;
}

static clm_status parse_number(const clm_parameter_spec *spec, const char *text, double *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtod(text, &end);
    const bool complete = end != text && *end == '\0' && !isspace((unsigned char)text[0]);
    if (!complete || !isfinite(*number))
        return clm_fail(CLM_ERROR_USAGE, "%s = '%s' is not %s", spec->name, text,
                        spec->type == CLM_INTEGER ? "a whole number" : "a number");
    if (spec->type == CLM_INTEGER && *number != floor(*number))
        return clm_fail(CLM_ERROR_USAGE, "%s = %s is not a whole number", spec->name, text);
    if (*number < spec->least || *number > spec->most) {
        clm_fail(CLM_ERROR_USAGE, "%s = %s is out of range", spec->name, text);
        clm_error_advice("%s (%s) lies in [%.10g, %.10g]", spec->name, spec->about, spec->least,
                         spec->most);
        return CLM_FAIL;
    }
    return CLM_OK;
}

static clm_status parse_choice(clm_scope *scope, const clm_parameter_spec *spec, const char *text,
                               const char **choice)
{
    for (const char *const *c = spec->choice; *c != NULL; c++)
        if (strcmp(*c, text) == 0) {
            *choice = *c;
            return CLM_OK;
        }
    const char *near = clm_did_you_mean(text, spec->choice);
    clm_fail(CLM_ERROR_USAGE, "%s = '%s' is not one of its values%s%s%s", spec->name, text,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("%s (%s) is one of: %s", spec->name, spec->about, join(scope, spec->choice));
    return CLM_FAIL;
}

/* A word stays as it is; the model's check knows what it may be. */
static clm_status parse_word(clm_scope *scope, const clm_parameter_spec *spec, const char *text,
                             const char **word)
{
    if (text[0] == '\0') {
        clm_fail(CLM_ERROR_USAGE, "%s has no value", spec->name);
        clm_error_advice("%s (%s) is: %s", spec->name, spec->about, join(scope, spec->choice));
        return CLM_FAIL;
    }
    *word = clm_text(scope, "%s", text);
    return CLM_OK;
}

static clm_status parse(clm_scope *scope, const clm_parameter_spec *spec, const char *text,
                        value *out)
{
    value v = {.known = true};
    if (spec->type == CLM_CHOICE)
        CLM_TRY(parse_choice(scope, spec, text, &v.choice));
    else if (spec->type == CLM_WORD)
        CLM_TRY(parse_word(scope, spec, text, &v.choice));
    else
        CLM_TRY(parse_number(spec, text, &v.number));
    *out = v;
    return CLM_OK;
}

/* The value of a default; a wrong one is a programming error (aborts). */
static void take_default(clm_config *config, size_t index, const char *text)
{
    if (parse(config->scope, config->model->parameters[index], text, &config->value[index]) ==
        CLM_OK)
        return;
    clm_error_print(stderr);
    abort();
}

clm_config *clm_config_new(clm_scope *scope, const clm_model *model)
{
    clm_config *config = clm_alloc(scope, sizeof *config);
    config->model = model;
    config->scope = scope;
    config->count = count_parameters(model);
    config->value = clm_alloc_array(scope, config->count, sizeof *config->value);
    for (size_t i = 0; i < config->count; i++) {
        const clm_parameter_spec *spec = model->parameters[i];
        if (spec->value[0] != '=') take_default(config, i, spec->value);
    }
    return config;
}

void clm_config_on_data(clm_config *config, const char *data)
{
    const clm_data_default *d = config->model->on_data;
    for (; d != NULL && d->data != NULL; d++)
        if (strcmp(d->data, data) == 0) take_default(config, find(config, d->parameter), d->value);
}

clm_config *clm_config_copy(clm_scope *scope, const clm_config *config)
{
    clm_config *copy = clm_alloc(scope, sizeof *copy);
    *copy = *config;
    copy->scope = scope;
    copy->value = clm_alloc_array(scope, config->count, sizeof *copy->value);
    if (config->count > 0) memcpy(copy->value, config->value, config->count * sizeof *copy->value);
    return copy;
}

clm_status clm_config_set(clm_config *config, const char *name, const char *text)
{
    const size_t i = find(config, name);
    if (i == config->count) return no_such_parameter(config, name);
    CLM_TRY(parse(config->scope, config->model->parameters[i], text, &config->value[i]));
    config->value[i].given = true;
    return CLM_OK;
}

/* Resolves a default "=[factor*]name". */
static clm_status resolve_one(clm_config *config, size_t index)
{
    const clm_parameter_spec *spec = config->model->parameters[index];
    const char *other = spec->value + 1;
    double factor = 1;
    if (isdigit((unsigned char)*other)) {
        char *end = NULL;
        factor = strtod(other, &end);
        other = end + 1; /* past the '*' */
    }
    const double number = factor * get(config, other)->number;
    if (number < spec->least || number > spec->most) {
        clm_fail(CLM_ERROR_USAGE, "%s = %.10g, which follows from %s, is out of range", spec->name,
                 number, other);
        clm_error_advice("set %s within [%.10g, %.10g]", spec->name, spec->least, spec->most);
        return CLM_FAIL;
    }
    config->value[index].number = number;
    config->value[index].known = true;
    return CLM_OK;
}

clm_status clm_config_resolve(clm_config *config)
{
    for (size_t i = 0; i < config->count; i++)
        if (!config->value[i].given && config->model->parameters[i]->value[0] == '=')
            CLM_TRY(resolve_one(config, i));
    if (config->model->check != NULL) CLM_TRY(config->model->check(config));
    return CLM_OK;
}

int clm_config_int(const clm_config *config, const char *name)
{
    return (int)get(config, name)->number;
}

double clm_config_real(const clm_config *config, const char *name)
{
    return get(config, name)->number;
}

const char *clm_config_choice(const clm_config *config, const char *name)
{
    return get(config, name)->choice;
}

bool clm_config_is(const clm_config *config, const char *name, const char *choice)
{
    return strcmp(clm_config_choice(config, name), choice) == 0;
}

bool clm_config_has(const clm_config *config, const char *name)
{
    return find(config, name) < config->count;
}

json_t *clm_config_json(const clm_config *config, bool given_only)
{
    json_t *object = json_object();
    for (size_t i = 0; i < config->count; i++) {
        const clm_parameter_spec *spec = config->model->parameters[i];
        const value *v = &config->value[i];
        if (!v->known || (given_only && !v->given)) continue;
        json_t *member = v->choice != NULL           ? json_string(v->choice)
                         : spec->type == CLM_INTEGER ? json_integer((json_int_t)v->number)
                                                     : json_real(v->number);
        json_object_set_new(object, spec->name, member);
    }
    return object;
}

const clm_model *clm_config_model(const clm_config *config) { return config->model; }
