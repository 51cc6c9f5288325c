/* Writes a graph as an HGB-S folder. */
#include "data/hgb.h"
#include "data/staging.h"

#include <math.h>

/* Nine significant digits identify every 32-bit number. */
static void put_real(FILE *file, float value)
{
    if (value == rintf(value) && fabsf(value) < 1e6f)
        (void)fprintf(file, "%d", (int)value);
    else
        (void)fprintf(file, "%.9g", (double)value);
}

static void put_nodes(FILE *file, const clm_graph *graph)
{
    for (int32_t t = 0; t < graph->types; t++) {
        const clm_node_type *type = &graph->type[t];
        for (int32_t node = type->first; node < type->first + type->count; node++) {
            (void)fprintf(file, "%d\t\t%d%s", node, t, type->dim > 0 ? "\t" : "");
            for (int64_t k = graph->row_ptr[node]; k < graph->row_ptr[node + 1]; k++) {
                (void)fprintf(file, "%s%d:", k > graph->row_ptr[node] ? " " : "", graph->col[k]);
                put_real(file, graph->val[k]);
            }
            (void)fputc('\n', file);
        }
    }
}

static void put_links(FILE *file, const clm_graph *graph)
{
    for (int32_t r = 0; r < graph->relations; r++)
        for (int32_t e = 0; e < graph->relation[r].count; e++)
            (void)fprintf(file, "%d\t%d\t%d\t1\n", graph->relation[r].src[e],
                          graph->relation[r].dst[e], r);
}

static void put_labels(FILE *file, const clm_graph *graph)
{
    for (int32_t t = 0; t < graph->types; t++) {
        const clm_node_type *type = &graph->type[t];
        for (int32_t node = type->first; node < type->first + type->count; node++)
            if (graph->label[node] >= 0)
                (void)fprintf(file, "%d\t\t%d\t%d\n", node, t, graph->label[node]);
    }
}

static void put_schema(FILE *file, const clm_graph *graph, const int32_t *labelled)
{
    (void)fputs("# node <type> <name> <count> <feature_dim> <feature_nonzeros>\n"
                "# link <type> <start_node_type> <end_node_type> <meaning> <count>\n"
                "# class <id> <name> <labelled_nodes>\n",
                file);
    for (int32_t t = 0; t < graph->types; t++) {
        const clm_node_type *type = &graph->type[t];
        const int64_t nonzeros =
            graph->row_ptr[type->first + type->count] - graph->row_ptr[type->first];
        (void)fprintf(file, "node\t%d\t%s\t%d\t%d\t%lld\n", t, type->name, type->count, type->dim,
                      (long long)nonzeros);
    }
    for (int32_t r = 0; r < graph->relations; r++) {
        const clm_relation *relation = &graph->relation[r];
        (void)fprintf(file, "link\t%d\t%d\t%d\t%s\t%d\n", r, relation->from, relation->to,
                      relation->name, relation->count);
    }
    for (int32_t c = 0; c < graph->classes; c++)
        (void)fprintf(file, "class\t%d\tclass%d\t%d\n", c, c, labelled[c]);
}

static clm_status write_all(clm_scope *scope, const clm_graph *graph, const char *folder)
{
    const clm_staging *staging = NULL;
    FILE *file = NULL;
    CLM_TRY(clm_staging_new(scope, folder, false, &staging));
    CLM_TRY(clm_staging_file(staging, "node.dat", &file));
    put_nodes(file, graph);
    CLM_TRY(clm_staging_close(staging, "node.dat", file));
    CLM_TRY(clm_staging_file(staging, "link.dat", &file));
    put_links(file, graph);
    CLM_TRY(clm_staging_close(staging, "link.dat", file));
    int32_t *labelled = clm_alloc_array(scope, (size_t)graph->classes, sizeof *labelled);
    if (graph->label != NULL) {
        for (int32_t node = 0; node < graph->nodes; node++)
            if (graph->label[node] >= 0) labelled[graph->label[node]]++;
        CLM_TRY(clm_staging_file(staging, "label.dat", &file));
        put_labels(file, graph);
        CLM_TRY(clm_staging_close(staging, "label.dat", file));
    }
    CLM_TRY(clm_staging_file(staging, "schema.tsv", &file));
    put_schema(file, graph, labelled);
    CLM_TRY(clm_staging_close(staging, "schema.tsv", file));
    return clm_staging_commit(staging);
}

clm_status clm_hgb_write(const clm_graph *graph, const char *folder)
{
    clm_scope scope = {0};
    const clm_status status = write_all(&scope, graph, folder);
    if (status != CLM_OK) clm_error_during("writing the graph to %s", folder);
    clm_scope_end(&scope);
    return status;
}
