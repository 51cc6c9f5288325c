/* HGB-S as a data format; data/hgb.h says what it looks like. */
#include "data/folder.h"
#include "data/format.h"
#include "data/hgb.h"

static bool owns(const char *folder)
{
    return clm_folder_has(folder, "node.dat") || clm_folder_has(folder, "link.dat");
}

static clm_status read_all(clm_hgb *hgb, clm_graph *graph)
{
    CLM_TRY(clm_hgb_read_schema(hgb));
    CLM_TRY(clm_hgb_read_nodes(hgb, graph));
    CLM_TRY(clm_hgb_read_links(hgb, graph));
    return clm_hgb_read_labels(hgb, graph);
}

static clm_status read_folder(clm_scope *scope, const char *folder, clm_graph *graph)
{
    clm_scope work = {0};
    *graph = (clm_graph){.name = clm_folder_name(scope, folder)};
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
