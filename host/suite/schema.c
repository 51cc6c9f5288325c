#include "suite/schema.h"

#include "base/text.h"
#include "model/model.h"

#include <stdint.h>
#include <string.h>

static const cyaml_schema_value_t word = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4096)};

static cyaml_schema_field_t text_field(const char *key, enum cyaml_flag flags, size_t offset)
{
    return (cyaml_schema_field_t){
        .key = key,
        .value = {.type = CYAML_STRING,
                  .flags = CYAML_FLAG_POINTER | flags,
                  .data_size = sizeof(char),
                  .string = {.min = 1, .max = 4096}},
        .data_offset = (uint32_t)offset,
    };
}

static cyaml_schema_field_t integer_field(const char *key, size_t offset)
{
    return (cyaml_schema_field_t){
        .key = key,
        .value = {.type = CYAML_INT, .flags = CYAML_FLAG_OPTIONAL, .data_size = sizeof(int)},
        .data_offset = (uint32_t)offset,
    };
}

/* A list; `offset` is that of a clm_names, or of a pointer followed by a count alike. */
static cyaml_schema_field_t list_field(const char *key, enum cyaml_flag flags, size_t offset,
                                       const cyaml_schema_value_t *entry, size_t entry_bytes)
{
    return (cyaml_schema_field_t){
        .key = key,
        .value = {.type = CYAML_SEQUENCE,
                  .flags = CYAML_FLAG_POINTER | flags,
                  .data_size = (uint32_t)entry_bytes,
                  .sequence = {.entry = entry, .min = 1, .max = CYAML_UNLIMITED}},
        .data_offset = (uint32_t)(offset + offsetof(clm_names, name)),
        .count_offset = (uint32_t)(offset + offsetof(clm_names, count)),
        .count_size = sizeof(unsigned),
    };
}

static cyaml_schema_field_t names_field(const char *key, size_t offset)
{
    return list_field(key, CYAML_FLAG_OPTIONAL, offset, &word, sizeof(char *));
}

static cyaml_schema_field_t mapping_field(const char *key, size_t offset,
                                          const cyaml_schema_field_t *fields, size_t bytes)
{
    return (cyaml_schema_field_t){
        .key = key,
        .value = {.type = CYAML_MAPPING,
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = (uint32_t)bytes,
                  .mapping = {.fields = fields}},
        .data_offset = (uint32_t)offset,
    };
}

const char *const *clm_suite_parameters(clm_scope *scope)
{
    size_t most = 0, n = 0;
    for (size_t m = 0; clm_models[m] != NULL; m++)
        for (size_t i = 0; clm_models[m]->parameters[i] != NULL; i++)
            most++;
    const char **names = clm_alloc_array(scope, most + 1, sizeof *names);
    for (size_t m = 0; clm_models[m] != NULL; m++)
        for (size_t i = 0; clm_models[m]->parameters[i] != NULL; i++) {
            size_t known = 0;
            while (known < n && strcmp(names[known], clm_models[m]->parameters[i]->name) != 0)
                known++;
            if (known == n) names[n++] = clm_models[m]->parameters[i]->name;
        }
    return names;
}

/* Fields that end with CYAML_FIELD_END, as zeroed memory does. */
static cyaml_schema_field_t *fields(clm_scope *scope, size_t count)
{
    return clm_alloc_array(scope, count + 1, sizeof(cyaml_schema_field_t));
}

static cyaml_schema_value_t *mapping(clm_scope *scope, enum cyaml_flag flags, size_t bytes,
                                     const cyaml_schema_field_t *of)
{
    cyaml_schema_value_t *value = clm_alloc(scope, sizeof *value);
    *value = (cyaml_schema_value_t){.type = CYAML_MAPPING,
                                    .flags = flags,
                                    .data_size = (uint32_t)bytes,
                                    .mapping = {.fields = of}};
    return value;
}

const cyaml_schema_value_t *clm_suite_schema(clm_scope *scope, const char *const *parameter)
{
    const size_t n = clm_list_length(parameter);
    cyaml_schema_field_t *set = fields(scope, n), *sweep = fields(scope, n);
    for (size_t i = 0; i < n; i++) {
        set[i] = text_field(parameter[i], CYAML_FLAG_OPTIONAL, i * sizeof(char *));
        sweep[i] = names_field(parameter[i], i * sizeof(clm_names));
    }
    /* One more than there are, so that an empty registry is no zero-sized mapping. */
    const size_t set_bytes = (n + 1) * sizeof(char *), sweep_bytes = (n + 1) * sizeof(clm_names);

    cyaml_schema_field_t *cell = fields(scope, 8);
    cell[0] = text_field("model", CYAML_FLAG_DEFAULT, offsetof(clm_suite_cell, model));
    cell[1] = text_field("label", CYAML_FLAG_OPTIONAL, offsetof(clm_suite_cell, label));
    cell[2] = text_field("about", CYAML_FLAG_OPTIONAL, offsetof(clm_suite_cell, about));
    cell[3] = names_field("data", offsetof(clm_suite_cell, data));
    cell[4] = mapping_field("set", offsetof(clm_suite_cell, set), set, set_bytes);
    cell[5] = mapping_field("sweep", offsetof(clm_suite_cell, sweep), sweep, sweep_bytes);
    cell[6] = names_field("groups", offsetof(clm_suite_cell, groups));
    cell[7] = text_field("against", CYAML_FLAG_OPTIONAL, offsetof(clm_suite_cell, against));

    cyaml_schema_field_t *per_data = fields(scope, 3);
    per_data[0] = list_field("data", CYAML_FLAG_DEFAULT, offsetof(clm_suite_per_data, data), &word,
                             sizeof(char *));
    per_data[1] = integer_field("seeds", offsetof(clm_suite_per_data, seeds));
    per_data[2] = mapping_field("set", offsetof(clm_suite_per_data, set), set, set_bytes);

    cyaml_schema_field_t *suite = fields(scope, 11);
    suite[0] = text_field("about", CYAML_FLAG_DEFAULT, offsetof(clm_suite, about));
    suite[1] = text_field("paper", CYAML_FLAG_OPTIONAL, offsetof(clm_suite, paper));
    suite[2] = text_field("published", CYAML_FLAG_OPTIONAL, offsetof(clm_suite, published));
    suite[3] = names_field("data", offsetof(clm_suite, data));
    suite[4] = names_field("figures", offsetof(clm_suite, figures));
    suite[5] = integer_field("seeds", offsetof(clm_suite, seeds));
    suite[6] = integer_field("timeout", offsetof(clm_suite, timeout_s));
    suite[7] = mapping_field("set", offsetof(clm_suite, set), set, set_bytes);
    suite[8] = names_field("lane", offsetof(clm_suite, lane));
    suite[9] = list_field("per_data", CYAML_FLAG_OPTIONAL, offsetof(clm_suite, per_data),
                          mapping(scope, CYAML_FLAG_DEFAULT, sizeof(clm_suite_per_data), per_data),
                          sizeof(clm_suite_per_data));
    suite[10] = list_field("cells", CYAML_FLAG_DEFAULT, offsetof(clm_suite, cells),
                           mapping(scope, CYAML_FLAG_DEFAULT, sizeof(clm_suite_cell), cell),
                           sizeof(clm_suite_cell));
    return mapping(scope, CYAML_FLAG_POINTER, sizeof(clm_suite), suite);
}
