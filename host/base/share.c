#include "base/share.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folders around the binary that are looked at: build/clmoe, build/tests/layer/test. */
enum { LEVELS_UP = 4 };

static bool exists(clm_scope *scope, const char *root, const char *relative, const char **path)
{
    *path = clm_text(scope, "%s/%s", root, relative);
    char *real = realpath(*path, NULL);
    if (real == NULL) return false;
    *path = clm_text(scope, "%s", real);
    free(real);
    return true;
}

/* Folder of the running binary, without the last slash; empty when the system does not say. */
static char *binary_folder(clm_scope *scope)
{
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) *slash = '\0';
    return clm_text(scope, "%s", path);
}

clm_status clm_share(clm_scope *scope, const char *relative, const char **path)
{
    const char *chosen = getenv("CLMOE_SHARE");
    if (chosen != NULL && chosen[0] != '\0') {
        if (exists(scope, chosen, relative, path)) return CLM_OK;
        clm_fail(CLM_ERROR_USAGE, "%s does not exist", *path);
        clm_error_advice("CLMOE_SHARE=%s must name the folder that holds suites/ and plots/",
                         chosen);
        return CLM_FAIL;
    }
    char *folder = binary_folder(scope);
    const char *installed = clm_text(scope, "%s/../share/clmoe", folder);
    if (exists(scope, installed, relative, path)) return CLM_OK;
    const char *around = folder;
    const char *ignored;
    for (int i = 0; i < LEVELS_UP && !exists(scope, around, "suites", &ignored); i++)
        around = clm_text(scope, "%s/..", around);
    if (exists(scope, around, relative, path)) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "%s is neither below %s nor below %s", relative, folder, installed);
    clm_error_advice("set CLMOE_SHARE to the folder that holds suites/ and plots/");
    return CLM_FAIL;
}
