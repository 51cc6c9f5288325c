/* The inside of a table of tunings, shared with its file. */
#ifndef CLM_OP_TUNING_INTERNAL_H
#define CLM_OP_TUNING_INTERNAL_H

#include "base/yaml.h"
#include "op/tuning.h"

typedef struct clm_tuned_list {
    clm_tuned *entry;
    unsigned count;
} clm_tuned_list;

struct clm_tuning {
    clm_scope *scope;
    char *key, *name, *driver;
    double seconds;
    clm_tuned_list entries, ended;
    const char *path;    /* null: made in memory */
    const char *warning; /* about the first entry that was ignored; null: none was */
    char sha256[65];     /* of the file */
    clm_yaml *yaml;
    bool vendor; /* libraries' variants instead of entries */
};

#endif
