/* Folder: what the folder of a data set is called, and the files in it. */
#ifndef CLM_DATA_FOLDER_H
#define CLM_DATA_FOLDER_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>

/* The last part of a path, without slashes at its end. */
const char *clm_folder_name(clm_scope *scope, const char *folder);

/* Whether the folder has the file, plain or with .gz behind its name. */
bool clm_folder_has(const char *folder, const char *name);

/* NAME of the file NAME`ending` or NAME`ending`.gz in the folder; null: there is none. Error
 * (USAGE): there are several names. */
clm_status clm_folder_stem(clm_scope *scope, const char *folder, const char *ending,
                           const char **stem);

#endif
