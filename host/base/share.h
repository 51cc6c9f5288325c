/* Share: where the files that come with the program are (suites, plots, published numbers). */
#ifndef CLM_BASE_SHARE_H
#define CLM_BASE_SHARE_H

#include "base/scope.h"
#include "base/status.h"

/* Path of a file or folder that comes with the program, such as "suites/quick.yaml": below
 * CLMOE_SHARE when that is set, else below the nearest folder around the binary that holds suites/
 * (a build tree), else below ../share/clmoe (an installation). Never the current folder, so that a
 * run means the same wherever it is started. Error (USAGE) naming all places when it is nowhere. */
clm_status clm_share(clm_scope *scope, const char *relative, const char **path);

#endif
