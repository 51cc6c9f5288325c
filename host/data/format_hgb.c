/* HGB-S as a data format; data/hgb.h says what it looks like. */
#include "base/text.h"
#include "data/format.h"
#include "data/hgb.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool owns(const char *folder)
{
    static const char *const names[] = {"node.dat", "node.dat.gz", "link.dat", "link.dat.gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (access(path, F_OK) == 0) return true;
    }
    return false;
}

static clm_status read_all(clm_hgb *hgb, clm_graph *graph)
{
    CLM_TRY(clm_hgb_read_schema(hgb));
    CLM_TRY(clm_hgb_read_nodes(hgb, graph));
    CLM_TRY(clm_hgb_read_links(hgb, graph));
    return clm_hgb_read_labels(hgb, graph);
}

/* The last part of the folder's path, without slashes at its end. */
static const char *base_name(clm_scope *scope, const char *folder)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    return clm_text(scope, "%.*s", (int)(end - start), folder + start);
}

static clm_status read_folder(clm_scope *scope, const char *folder, clm_graph *graph)
{
    clm_scope work = {0};
    *graph = (clm_graph){.name = base_name(scope, folder)};
    clm_hgb hgb = {.scope = scope, .work = &work, .folder = folder};
    const clm_status status = read_all(&hgb, graph);
    if (status != CLM_OK) clm_error_during("reading the data set in %s", folder);
    clm_scope_end(&work);
    return status;
}

const clm_format clm_format_hgb = {
    .name = "hgb",
    .about = "text format of the Heterogeneous Graph Benchmark, features also sparse",
    .owns = owns,
    .read = read_folder,
};
