#include "data/fetch.h"
#include "base/text.h"
#include "data/staging.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Path of a file:// address (RFC 8089): an empty host or localhost, %XX for any byte. */
static clm_status path_of(clm_scope *scope, const char *from, const char **path)
{
    if (strncmp(from, "file:", 5) != 0) {
        *path = from;
        if (strstr(from, "://") == NULL) return CLM_OK;
        clm_fail(CLM_ERROR_USAGE, "%s: only a path or a file:// address can be fetched from", from);
        clm_error_advice("download it (and unpack it) first, and give the folder with --from");
        return CLM_FAIL;
    }
    const char *rest = from + 5;
    if (strncmp(rest, "//localhost/", 12) == 0)
        rest += 11;
    else if (strncmp(rest, "///", 3) == 0)
        rest += 2;
    if (rest[0] != '/' || rest[1] == '/')
        return clm_fail(CLM_ERROR_USAGE, "%s: expected file:///path, on this machine", from);
    char *decoded = clm_text(scope, "%s", rest), *to = decoded;
    for (; *rest != '\0'; rest++) {
        const int high = *rest == '%' ? digit(rest[1]) : -1;
        const int low = high >= 0 ? digit(rest[2]) : -1;
        *to++ = low >= 0 ? (char)(16 * high + low) : *rest;
        if (low >= 0) rest += 2;
    }
    *to = '\0';
    *path = decoded;
    return CLM_OK;
}

static clm_status copy_file(clm_scope *scope, const clm_staging *staging, const char *from,
                            const char *name)
{
    const char *path = clm_text(scope, "%s/%s", from, name);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return clm_fail(CLM_ERROR_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    FILE *out = NULL;
    const clm_status status = clm_staging_file(staging, name, &out);
    char bytes[1 << 16];
    bool written = true;
    for (size_t got; status == CLM_OK && written && (got = fread(bytes, 1, sizeof bytes, in)) > 0;)
        written = fwrite(bytes, 1, got, out) == got;
    const int code = ferror(in) ? errno : 0;
    (void)fclose(in);
    if (status != CLM_OK) return status;
    CLM_TRY(clm_staging_close(staging, name, out));
    if (code != 0) return clm_fail(CLM_ERROR_USAGE, "%s: cannot be read: %s", path, strerror(code));
    return CLM_OK;
}

static clm_status copy_all(clm_scope *scope, const clm_description *d, const char *from,
                           const char *folder)
{
    const clm_staging *staging = NULL;
    CLM_TRY(clm_description_check_files(d, from, true));
    CLM_TRY(clm_staging_new(scope, folder, true, &staging));
    for (unsigned i = 0; i < d->files_count; i++)
        CLM_TRY(copy_file(scope, staging, from, d->files[i].name));
    CLM_TRY(clm_description_check_files(d, staging->partial, true));
    return clm_staging_commit(staging);
}

static clm_status missing(const clm_description *d, const char *folder)
{
    clm_fail(CLM_ERROR_USAGE,
             "%s: is not a whole copy of %s, and there is no --from to fetch it from", folder,
             d->name);
    clm_error_advice("it comes from %s (licence: %s). Get its files (clmoe data info %s names "
                     "them), then: clmoe data fetch %s --from FOLDER",
                     d->source, d->licence, d->name, d->name);
    return CLM_FAIL;
}

static clm_status copy_from(clm_scope *work, const clm_description *d, const char *from,
                            const char *folder)
{
    const char *path = NULL;
    CLM_TRY(path_of(work, from, &path));
    const char *below = clm_text(work, "%s/%s", path, d->folder);
    return copy_all(work, d, access(below, F_OK) == 0 ? below : path, folder);
}

/* A scope of its own, so that what a failure leaves half done is gone when this returns. */
static clm_status copy(const clm_description *d, const char *from, const char *folder)
{
    clm_scope work = {0};
    const clm_status status = copy_from(&work, d, from, folder);
    if (status != CLM_OK) clm_error_during("fetching %s from %s to %s", d->name, from, folder);
    clm_scope_end(&work);
    return status;
}

clm_status clm_data_fetch(clm_scope *scope, const clm_description *d, const char *from,
                          const char *data_dir, const char **folder, bool *copied)
{
    *copied = false;
    if (d->folder == NULL) {
        clm_fail(CLM_ERROR_USAGE, "%s is generated: there is nothing to fetch", d->name);
        clm_error_advice(
            "use it as it is, or write a graph like it: clmoe data generate --out DIR");
        return CLM_FAIL;
    }
    const char *root = data_dir != NULL ? data_dir : clm_data_folder(scope);
    const char *here = from == NULL ? clm_data_find(scope, d->folder, data_dir) : NULL;
    *folder = here != NULL ? here : clm_text(scope, "%s/%s", root, d->folder);
    if (clm_description_check_files(d, *folder, true) == CLM_OK) return CLM_OK;
    if (from == NULL) return missing(d, *folder);
    CLM_TRY(copy(d, from, *folder));
    *copied = true;
    return CLM_OK;
}
