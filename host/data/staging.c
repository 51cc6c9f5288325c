#define _XOPEN_SOURCE 700 /* nftw */
#include "data/staging.h"
#include "base/text.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static clm_status failed(int code, const char *what, const char *path)
{
    clm_fail(CLM_ERROR_USAGE, "%s: %s: %s", path, what, strerror(code));
    clm_error_code(code);
    if (code == ENOSPC || code == EDQUOT)
        clm_error_advice("make room, or choose a folder on another disk; nothing was changed");
    else
        clm_error_advice("choose a folder you may write to; nothing was changed");
    return CLM_FAIL;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    (void)remove(path);
    return 0;
}

/* With all that is in it; what does not exist is as good as removed. */
static void remove_folder(const char *folder)
{
    enum { OPEN = 16 }; /* folders at a time */
    (void)nftw(folder, remove_entry, OPEN, FTW_DEPTH | FTW_PHYS);
}

static void abandon(void *partial) { remove_folder(partial); }

static clm_status make_parents(clm_scope *scope, const char *folder)
{
    char *path = clm_text(scope, "%s", folder);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return failed(errno, "cannot make the folder", path);
        *slash = '/';
    }
    return CLM_OK;
}

clm_status clm_staging_new(clm_scope *scope, const char *folder, bool replace,
                           const clm_staging **out)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    clm_staging *staging = clm_alloc(scope, sizeof *staging);
    staging->scope = scope;
    staging->replace = replace;
    staging->folder = clm_text(scope, "%.*s", (int)length, folder);
    if (length == 0) return clm_fail(CLM_ERROR_USAGE, "the name of the folder to write is empty");
    if (!replace && access(staging->folder, F_OK) == 0) {
        clm_fail(CLM_ERROR_USAGE, "%s: exists already", staging->folder);
        clm_error_advice("choose another folder, or remove this one");
        return CLM_FAIL;
    }
    CLM_TRY(make_parents(scope, staging->folder));
    char *partial = clm_text(scope, "%s.partial-%ld", staging->folder, (long)getpid());
    if (mkdir(partial, 0777) != 0) return failed(errno, "cannot make the folder", partial);
    clm_scope_defer(scope, abandon, partial);
    staging->partial = partial;
    *out = staging;
    return CLM_OK;
}

clm_status clm_staging_file(const clm_staging *staging, const char *name, FILE **file)
{
    const char *path = clm_text(staging->scope, "%s/%s", staging->partial, name);
    CLM_TRY(make_parents(staging->scope, path));
    *file = fopen(path, "wb");
    return *file != NULL ? CLM_OK : failed(errno, "cannot be made", path);
}

clm_status clm_staging_close(const clm_staging *staging, const char *name, FILE *file)
{
    errno = 0;
    const bool flushed = fflush(file) == 0 && !ferror(file);
    int code = errno;
    if (fclose(file) != 0 && code == 0) code = errno;
    if (flushed && code == 0) return CLM_OK;
    const char *path = clm_text(staging->scope, "%s/%s", staging->partial, name);
    return failed(code != 0 ? code : ENOSPC, "cannot be written", path);
}

clm_status clm_staging_commit(const clm_staging *staging)
{
    const char *old = clm_text(staging->scope, "%s.replaced-%ld", staging->folder, (long)getpid());
    const bool moved = staging->replace && rename(staging->folder, old) == 0;
    if (rename(staging->partial, staging->folder) == 0) {
        if (moved) remove_folder(old);
        return CLM_OK;
    }
    const int code = errno;
    if (moved) (void)rename(old, staging->folder);
    return failed(code, "cannot be put in its place", staging->folder);
}
