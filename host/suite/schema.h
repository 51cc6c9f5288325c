/* The YAML schema of suites. It is made when it is needed, because the keys of `set` and `sweep`
 * are the parameters of whatever models were built in. */
#ifndef CLM_SUITE_SCHEMA_H
#define CLM_SUITE_SCHEMA_H

#include "suite/suite.h"

/* Every parameter of every model once, ends with null. */
const char *const *clm_suite_parameters(clm_scope *scope);

/* Schema that fills a clm_suite; set and sweep are in the order of `parameter`. */
const cyaml_schema_value_t *clm_suite_schema(clm_scope *scope, const char *const *parameter);

#endif
