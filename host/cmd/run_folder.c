#include "cmd/run_folder.h"

#include "base/text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* A data set can be a path or carry parameters: what would be awkward in a file name goes. */
static const char *file_name(clm_scope *scope, const char *text)
{
    char *name = clm_text(scope, "%s", text);
    for (char *c = name; *c != '\0'; c++)
        if (strchr("/:=, ", *c) != NULL) *c = '-';
    return name;
}

const char *clm_run_folder(clm_scope *scope, const clm_run_plan *plan, const clm_request *request)
{
    const char *name = plan->suite != NULL ? plan->suite
                                           : clm_text(scope, "%s-%s", plan->cell[0].model,
                                                      file_name(scope, plan->cell[0].data));
    if (request->shards > 0)
        name = clm_text(scope, "%s-%dof%d", name, request->shard, request->shards);
    char date[32];
    const time_t now = time(NULL);
    struct tm local;
    (void)strftime(date, sizeof date, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    const char *folder = clm_text(scope, "results/%s-%s", name, date);
    for (int i = 2; access(folder, F_OK) == 0; i++)
        folder = clm_text(scope, "results/%s-%s-%d", name, date, i);
    return folder;
}

const char *clm_runs_folder(clm_scope *scope, const char *run)
{
    if (run == NULL) return "results";
    char *folder = clm_text(scope, "%s", run);
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        folder[--length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL) return ".";
    *slash = '\0';
    return slash == folder ? "/" : folder;
}
