/* YAML files against a schema, strictly: libcyaml fills structs, libfyaml says where a mistake is.
 *
 * Every error names file:line:column, shows the line with a caret below the place, and suggests the
 * key that was probably meant. */
#ifndef CLM_BASE_YAML_H
#define CLM_BASE_YAML_H

#include "base/scope.h"
#include "base/status.h"

#include <cyaml/cyaml.h>

typedef struct clm_yaml clm_yaml;

/* Reads a file. Errors: unreadable, empty, syntax, a key given twice. */
clm_status clm_yaml_open(clm_scope *scope, const char *path, clm_yaml **yaml);

/* Fills the struct that `schema` (a mapping with CYAML_FLAG_POINTER) describes; *loaded lives as
 * long as the scope of clm_yaml_open. Errors: unknown or missing key, wrong type. */
clm_status clm_yaml_load(clm_yaml *yaml, const cyaml_schema_value_t *schema, void **loaded);

/* A mistake that the schema cannot see (ranges, cross-checks): fails (USAGE) at the node that
 * `node` names ("/cells/0/set/p"; the key itself when `at_key`), or at the top when there is none.
 */
clm_status clm_yaml_fail(const clm_yaml *yaml, const char *node, bool at_key, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* Whether the file has this node. */
bool clm_yaml_has(const clm_yaml *yaml, const char *node);

#endif
