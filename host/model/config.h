/* Parameters of a model: one name everywhere (--set, suite keys, params of a record). */
#ifndef CLM_MODEL_CONFIG_H
#define CLM_MODEL_CONFIG_H

#include "base/scope.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum clm_parameter_type {
    CLM_INTEGER,
    CLM_NUMBER,
    CLM_CHOICE,
    CLM_WORD
} clm_parameter_type;

typedef struct clm_parameter_spec {
    const char *name, *about;
    clm_parameter_type type;
    const char *value;  /* default as text; "=2*width" forms are resolved by clm_config_resolve:
                                       an integer times another parameter */
    double least, most; /* range of numbers, inclusive */
    const char *const *choice; /* names of a CLM_CHOICE, ends with null; forms of a
                                  CLM_WORD, to which the model's check sees */
} clm_parameter_spec;

/* A default that one data set has instead. */
typedef struct clm_data_default {
    const char *data, *parameter, *value;
} clm_data_default;

typedef struct clm_config clm_config;

struct clm_model;

/* A model's parameters at their defaults. */
clm_config *clm_config_new(clm_scope *scope, const struct clm_model *model);
clm_config *clm_config_copy(clm_scope *scope, const clm_config *config);

/* Takes the defaults that the model has for that data set (its name; others have none of their own).
 * Before the first set. */
void clm_config_on_data(clm_config *config, const char *data);

/* Sets one from text. Error (USAGE) with the reason: the model has no such parameter (and which it
 * has, with a suggestion), not a number, out of range, not one of the choices. */
clm_status clm_config_set(clm_config *config, const char *name, const char *value);
/* Fills in defaults that depend on others and runs the model's check. After the last set. */
clm_status clm_config_resolve(clm_config *config);

/* Values; asking for one the model does not have is a programming error (aborts). */
int clm_config_int(const clm_config *config, const char *name);
double clm_config_real(const clm_config *config, const char *name);
const char *clm_config_choice(const clm_config *config, const char *name); /* or a word */
bool clm_config_is(const clm_config *config, const char *name, const char *choice);
bool clm_config_has(const clm_config *config, const char *name);

/* All parameters as a JSON object, resolved; `given_only`: those that were set. New reference. */
json_t *clm_config_json(const clm_config *config, bool given_only);
const struct clm_model *clm_config_model(const clm_config *config);

#endif
