#include "data/folder.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *clm_folder_name(clm_scope *scope, const char *folder)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    return clm_text(scope, "%.*s", (int)(end - start), folder + start);
}

bool clm_folder_has(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, F_OK) == 0) return true;
    (void)snprintf(path, sizeof path, "%s/%s.gz", folder, name);
    return access(path, F_OK) == 0;
}

/* Length of the name before the ending; 0: it has another. */
static size_t stem_length(const char *name, const char *ending)
{
    size_t length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".gz") == 0) length -= 3;
    const size_t tail = strlen(ending);
    return length > tail && memcmp(name + length - tail, ending, tail) == 0 ? length - tail : 0;
}

clm_status clm_folder_stem(clm_scope *scope, const char *folder, const char *ending,
                           const char **stem)
{
    *stem = NULL;
    const char *other = NULL;
    DIR *listing = opendir(folder);
    if (listing == NULL) return CLM_OK;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        const size_t length = stem_length(entry->d_name, ending);
        if (length == 0) continue;
        const char *name = clm_text(scope, "%.*s", (int)length, entry->d_name);
        if (*stem == NULL)
            *stem = name;
        else if (strcmp(*stem, name) != 0)
            other = name;
    }
    (void)closedir(listing);
    if (other == NULL) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "%s: holds two data sets, %s%s and %s%s", folder, *stem, ending,
             other, ending);
    clm_error_advice("put each data set into a folder of its own");
    return CLM_FAIL;
}
