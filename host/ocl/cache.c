/* The cache of program binaries: one file per program, "clmoe program 1\n", the SHA-256 of the
 * content in hexadecimal, "\n", the content. The sum is checked before a driver sees the binary,
 * because some drivers end the process on a damaged one. */
#include "base/sha256.h"
#include "base/text.h"
#include "base/user_cache.h"
#include "ocl/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char head[] = "clmoe program 1\n";
enum {
    HEAD_BYTES = sizeof head - 1,
    SUM_BYTES = 65,
    PREFIX_BYTES = HEAD_BYTES + SUM_BYTES,
    KEPT_S = 30 * 24 * 3600 /* without being read */
};

const char *clm_cache_folder(clm_scope *scope, const char *asked)
{
    const char *folder = asked != NULL ? asked : clm_user_cache(scope, "programs");
    if (folder == NULL || !clm_make_folders(folder)) return NULL;
    return clm_text(scope, "%s", folder);
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

bool clm_cache_write(const char *folder, const char *name, const uint8_t *data, size_t bytes)
{
    clm_scope scope = {0};
    char *content = clm_alloc(&scope, PREFIX_BYTES + 1 + bytes), hex[65];
    sum(data, bytes, hex);
    (void)snprintf(content, PREFIX_BYTES + 1, "%s%s\n", head, hex);
    if (bytes > 0) memcpy(content + PREFIX_BYTES, data, bytes);
    const bool written =
        clm_write_whole(clm_text(&scope, "%s/%s", folder, name), content, PREFIX_BYTES + bytes);
    const int reason = errno;
    clm_scope_end(&scope);
    errno = reason;
    return written;
}

/* Whether a file is an entry (its head says so) that was last used before `since`. Times of access
 * are not kept on every file system; the later of both is when it was used at least. */
static bool unused_entry(int folder, const char *name, time_t since)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode) ||
        info.st_mtime >= since || info.st_atime >= since)
        return false;
    char start[HEAD_BYTES];
    const int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    const bool entry = file >= 0 && read(file, start, sizeof start) == (ssize_t)sizeof start &&
                       memcmp(start, head, sizeof start) == 0;
    if (file >= 0) (void)close(file);
    return entry;
}

void clm_cache_trim(const char *folder)
{
    DIR *files = opendir(folder);
    if (files == NULL) return;
    const time_t since = time(NULL) - KEPT_S;
    for (const struct dirent *file; (file = readdir(files)) != NULL;)
        if (unused_entry(dirfd(files), file->d_name, since))
            (void)unlinkat(dirfd(files), file->d_name, 0);
    (void)closedir(files);
}
