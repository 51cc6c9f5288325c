/* Format: how a folder is read. The loader asks each format whether a folder is its own; adding one
 * is adding host/data/format_<name>.c, which defines `const clm_format clm_format_<name>`. */
#ifndef CLM_DATA_FORMAT_H
#define CLM_DATA_FORMAT_H

#include "data/graph.h"

typedef struct clm_format {
    const char *name, *about;
    /* Whether the folder looks like this format (a file of it exists; nothing is parsed). */
    bool (*owns)(const char *folder);
    /* Reads the folder. Bad input: CLM_ERROR_USAGE with file:line:column, the line, what was
     * expected. */
    clm_status (*read)(clm_scope *scope, const char *folder, clm_graph *graph);
} clm_format;

extern const clm_format *const clm_formats[]; /* ends with null; collected by the build */

#endif
