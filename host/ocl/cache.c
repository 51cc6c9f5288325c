/* The cache of program binaries: one file per program, "clmoe program 1\n", the SHA-256 of the
 * content in hexadecimal, "\n", the content. The sum is checked before a driver sees the binary,
 * because some drivers end the process on a damaged one. */
#include "base/sha256.h"
#include "base/text.h"
#include "ocl/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char head[] = "clmoe program 1\n";
enum { HEAD_BYTES = sizeof head - 1, SUM_BYTES = 65, PREFIX_BYTES = HEAD_BYTES + SUM_BYTES };

/* Makes a folder and those above it. */
static bool make_folder(clm_scope *scope, const char *path)
{
    char *part = clm_text(scope, "%s", path);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return false;
        *at = '/';
    }
    return mkdir(part, 0777) == 0 || errno == EEXIST;
}

const char *clm_cache_folder(clm_scope *scope, const char *asked)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *folder = NULL;
    if (asked != NULL)
        folder = clm_text(scope, "%s", asked);
    else if (base != NULL && base[0] == '/')
        folder = clm_text(scope, "%s/clmoe/programs", base);
    else if (home != NULL && home[0] == '/')
        folder = clm_text(scope, "%s/.cache/clmoe/programs", home);
    if (folder == NULL || folder[0] == '\0' || !make_folder(scope, folder)) return NULL;
    return folder;
}

static void sum(const uint8_t *data, size_t bytes, char hex[65])
{
    clm_sha256 hash;
    clm_sha256_start(&hash);
    clm_sha256_add(&hash, data, bytes);
    clm_sha256_end(&hash, hex);
}

static bool read_content(clm_scope *scope, FILE *file, uint8_t **data, size_t *bytes)
{
    char prefix[PREFIX_BYTES];
    if (fread(prefix, 1, sizeof prefix, file) != sizeof prefix) return false;
    if (memcmp(prefix, head, HEAD_BYTES) != 0 || prefix[PREFIX_BYTES - 1] != '\n') return false;
    if (fseek(file, 0, SEEK_END) != 0) return false;
    const long size = ftell(file);
    if (size <= PREFIX_BYTES || fseek(file, PREFIX_BYTES, SEEK_SET) != 0) return false;
    *bytes = (size_t)size - PREFIX_BYTES;
    *data = clm_alloc(scope, *bytes);
    if (fread(*data, 1, *bytes, file) != *bytes) return false;
    char hex[65];
    sum(*data, *bytes, hex);
    return memcmp(hex, prefix + HEAD_BYTES, 64) == 0;
}

bool clm_cache_read(clm_scope *scope, const char *folder, const char *name, uint8_t **data,
                    size_t *bytes)
{
    FILE *file = fopen(clm_text(scope, "%s/%s", folder, name), "rb");
    if (file == NULL) return false;
    const bool sound = read_content(scope, file, data, bytes);
    (void)fclose(file);
    return sound;
}

static bool write_content(FILE *file, const uint8_t *data, size_t bytes)
{
    char hex[65];
    sum(data, bytes, hex);
    return fprintf(file, "%s%s\n", head, hex) == PREFIX_BYTES &&
           fwrite(data, 1, bytes, file) == bytes && fflush(file) == 0;
}

/* Into a file of this process, then renamed: a reader or a second writer never sees half of it. */
static bool write_renamed(clm_scope *scope, const char *path, const uint8_t *data, size_t bytes)
{
    const char *temporary = clm_text(scope, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(temporary, "wb");
    if (file == NULL) return false;
    bool written = write_content(file, data, bytes);
    written = fclose(file) == 0 && written;
    if (written && rename(temporary, path) == 0) return true;
    const int reason = errno;
    (void)remove(temporary);
    errno = reason;
    return false;
}

bool clm_cache_write(const char *folder, const char *name, const uint8_t *data, size_t bytes)
{
    clm_scope scope = {0};
    const bool written =
        write_renamed(&scope, clm_text(&scope, "%s/%s", folder, name), data, bytes);
    clm_scope_end(&scope);
    return written;
}
