#include "base/user_cache.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_each(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) return false;
        *at = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

bool clm_make_folders(const char *path)
{
    clm_scope scope = {0};
    const bool made = path[0] != '\0' && make_each(clm_text(&scope, "%s", path));
    const int reason = errno;
    clm_scope_end(&scope);
    errno = reason;
    return made;
}

const char *clm_user_cache(clm_scope *scope, const char *name)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base != NULL && base[0] == '/') return clm_text(scope, "%s/clmoe/%s", base, name);
    if (home != NULL && home[0] == '/') return clm_text(scope, "%s/.cache/clmoe/%s", home, name);
    return NULL;
}

/* Into a file of this process, then renamed. */
static bool write_renamed(const char *path, const char *temporary, const void *data, size_t bytes)
{
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) return false;
    bool written = fwrite(data, 1, bytes, file) == bytes && fflush(file) == 0;
    int reason = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(temporary, path) == 0) return true;
    if (written) reason = errno;
    (void)remove(temporary);
    errno = reason;
    return false;
}

bool clm_write_whole(const char *path, const void *data, size_t bytes)
{
    clm_scope scope = {0};
    const char *temporary = clm_text(&scope, "%s.%ld", path, (long)getpid());
    const bool written = write_renamed(path, temporary, data, bytes);
    const int reason = errno;
    clm_scope_end(&scope);
    errno = reason;
    return written;
}
