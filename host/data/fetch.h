/* Fetch: copying a described data set into a data folder. */
#ifndef CLM_DATA_FETCH_H
#define CLM_DATA_FETCH_H

#include "data/description.h"

/* Copies the described files from `from`, a path or file:// address of the set's folder or of the
 * folder above it, to data_dir (null: the user's data folder), and checks every sha256 before the
 * folder appears there. A damaged copy there is replaced. `from` null: checks the
 * copy that loading the set would take. The folder is returned in `folder`, and in `copied` whether
 * anything had to be copied. */
clm_status clm_data_fetch(clm_scope *scope, const clm_description *description, const char *from,
                          const char *data_dir, const char **folder, bool *copied);

#endif
