/* node.dat of HGB-S: types as ranges of ids, features as CSR rows. */
#include "base/text.h"
#include "data/hgb.h"

#include <string.h>

/* Rows as they grow; the graph gets exact copies at the end. */
typedef struct row_list {
    int64_t *ptr;
    int32_t *col;
    float *val;
    size_t nodes, nonzeros, ptr_capacity, col_capacity, val_capacity;
} row_list;

static void add_nonzero(clm_hgb *hgb, row_list *rows, int32_t col, float val)
{
    if (!(val > 0 || val < 0)) return; /* a stored zero says nothing */
    rows->col =
        clm_grow(hgb->work, rows->col, rows->nonzeros, &rows->col_capacity, sizeof(int32_t));
    rows->val = clm_grow(hgb->work, rows->val, rows->nonzeros, &rows->val_capacity, sizeof(float));
    rows->col[rows->nonzeros] = col;
    rows->val[rows->nonzeros++] = val;
}

/* "index:value" tokens, indices increasing. Without a schema the largest index makes the dimension.
 */
static clm_status read_sparse(clm_hgb *hgb, clm_lines *lines, clm_hgb_type *type, row_list *rows)
{
    const bool known = hgb->schema_path != NULL;
    for (int32_t least = 0;;) {
        const char *start = lines->at;
        int32_t col = 0;
        float val = 0;
        const int32_t most = known ? type->dim - 1 : CLM_HGB_MOST_FEATURES - 1;
        CLM_TRY(clm_lines_integer(lines, "the feature index", 0, most, &col));
        if (col < least) return clm_lines_fail(lines, start, "feature indices must increase");
        CLM_TRY(clm_lines_character(lines, ':', "the feature's value"));
        CLM_TRY(clm_lines_real(lines, "the feature's value", &val));
        add_nonzero(hgb, rows, col, val);
        if (!known && col >= type->dim) type->dim = col + 1;
        if (clm_lines_ended(lines)) return CLM_OK;
        CLM_TRY(clm_lines_character(lines, ' ', "the next index:value, or the end of the line"));
        least = col + 1;
    }
}

/* "v0,v1,...", as many as the type has dimensions. */
static clm_status read_dense(clm_hgb *hgb, clm_lines *lines, clm_hgb_type *type, row_list *rows)
{
    const int32_t expected = hgb->schema_path != NULL ? type->dim : type->dense_dim;
    int32_t count = 0;
    for (;;) {
        float val = 0;
        const char *start = lines->at;
        CLM_TRY(clm_lines_real(lines, "the feature's value", &val));
        if (expected > 0 && count == expected)
            return clm_lines_fail(lines, start, "expected %d values, here is one more", expected);
        add_nonzero(hgb, rows, count++, val);
        if (clm_lines_ended(lines)) break;
        CLM_TRY(clm_lines_character(lines, ',', "the next value, or the end of the line"));
    }
    if (expected > 0 && count < expected)
        return clm_lines_fail(lines, lines->at, "expected %d values, the line has %d", expected,
                              count);
    type->dense_dim = count;
    if (hgb->schema_path == NULL && count > type->dim) type->dim = count;
    return CLM_OK;
}

static clm_status read_features(clm_hgb *hgb, clm_lines *lines, clm_hgb_type *type, row_list *rows)
{
    const bool known = hgb->schema_path != NULL;
    if (clm_lines_ended(lines)) {
        if (!known || type->dim == 0) return CLM_OK;
        return clm_lines_fail(lines, lines->at,
                              "expected a TAB and the features (or nothing): %s has %d", type->name,
                              type->dim);
    }
    CLM_TRY(clm_lines_character(lines, '\t', "the features, or the end of the line"));
    if (clm_lines_ended(lines)) return CLM_OK;
    if (known && type->dim == 0)
        return clm_lines_fail(
            lines, lines->at,
            "expected the end of the line: the schema says that %s has no features", type->name);
    const size_t digits = strspn(lines->at, "0123456789");
    if (lines->at[digits] == ':') return read_sparse(hgb, lines, type, rows);
    return read_dense(hgb, lines, type, rows);
}

/* The type of the next node: the current one or the next. */
static clm_status read_type(clm_hgb *hgb, clm_lines *lines, int32_t *current)
{
    const bool known = hgb->schema_path != NULL;
    const char *start = lines->at;
    int32_t type = 0;
    const int32_t most = known ? hgb->types - 1 : INT32_MAX;
    CLM_TRY(clm_lines_integer(lines, "the node type", 0, most, &type));
    if (type < *current)
        return clm_lines_fail(lines, start, "nodes of type %d must stand before those of type %d",
                              type, *current);
    if (!known && type > *current + 1)
        return clm_lines_fail(lines, start, "expected a node of type %d before one of type %d",
                              *current + 1, type);
    if (!known && type == hgb->types) clm_hgb_add_type(hgb);
    for (; *current < type; ++*current)
        hgb->type[*current + 1].first = hgb->nodes;
    return CLM_OK;
}

static clm_status read_node(clm_hgb *hgb, clm_lines *lines, int32_t *current, row_list *rows)
{
    int32_t id = 0;
    CLM_TRY(clm_lines_integer(lines, "the node id", 0, INT32_MAX - 1, &id));
    if (id != hgb->nodes)
        return clm_lines_fail(lines, lines->line, "expected node id %d, the next", hgb->nodes);
    CLM_TRY(clm_lines_character(lines, '\t', "the node's name, which may be empty"));
    const char *name = NULL;
    size_t length = 0;
    clm_lines_text(lines, &name, &length);
    CLM_TRY(clm_lines_character(lines, '\t', "the node type"));
    CLM_TRY(read_type(hgb, lines, current));
    clm_hgb_type *type = &hgb->type[*current];
    const size_t before = rows->nonzeros;
    CLM_TRY(read_features(hgb, lines, type, rows));
    type->nonzeros += (int64_t)(rows->nonzeros - before);
    type->count++;
    hgb->nodes++;
    rows->ptr =
        clm_grow(hgb->work, rows->ptr, rows->nodes + 1, &rows->ptr_capacity, sizeof(int64_t));
    rows->ptr[++rows->nodes] = (int64_t)rows->nonzeros;
    return CLM_OK;
}

static void *copied(clm_scope *scope, const void *from, size_t count, size_t size)
{
    void *to = clm_alloc_array(scope, count, size);
    if (count > 0) memcpy(to, from, count * size);
    return to;
}

static clm_status finish(clm_hgb *hgb, const char *path, const row_list *rows, clm_graph *graph)
{
    for (int32_t t = 0; t < hgb->types; t++) {
        const clm_hgb_type *type = &hgb->type[t];
        CLM_TRY(clm_hgb_check(hgb, &type->promised_count, type->count, path, "nodes"));
        CLM_TRY(clm_hgb_check(hgb, &type->promised_nonzeros, type->nonzeros, path, "nonzeros"));
    }
    graph->nodes = hgb->nodes;
    graph->types = hgb->types;
    graph->type = clm_alloc_array(hgb->scope, (size_t)hgb->types, sizeof *graph->type);
    for (int32_t t = 0; t < hgb->types; t++) {
        const clm_hgb_type *type = &hgb->type[t];
        const char *name = type->name != NULL ? type->name : clm_text(hgb->scope, "type%d", t);
        graph->type[t] = (clm_node_type){name, type->first, type->count, type->dim};
    }
    graph->row_ptr = copied(hgb->scope, rows->ptr, rows->nodes + 1, sizeof(int64_t));
    graph->col = copied(hgb->scope, rows->col, rows->nonzeros, sizeof(int32_t));
    graph->val = copied(hgb->scope, rows->val, rows->nonzeros, sizeof(float));
    return CLM_OK;
}

clm_status clm_hgb_read_nodes(clm_hgb *hgb, clm_graph *graph)
{
    clm_lines lines;
    CLM_TRY(clm_lines_open(hgb->work, hgb->folder, "node.dat", true, &lines));
    row_list rows = {0};
    rows.ptr = clm_grow(hgb->work, NULL, 0, &rows.ptr_capacity, sizeof(int64_t));
    int32_t current = hgb->schema_path != NULL ? 0 : -1;
    for (bool more = true;;) {
        CLM_TRY(clm_lines_next(&lines, &more));
        if (!more) break;
        CLM_TRY(read_node(hgb, &lines, &current, &rows));
    }
    if (hgb->nodes == 0) {
        clm_fail(CLM_ERROR_USAGE, "%s: has no line; expected one for each node", lines.path);
        clm_error_advice("fetch the file again: clmoe data fetch");
        return CLM_FAIL;
    }
    for (int32_t t = current + 1; t < hgb->types; t++)
        hgb->type[t].first = hgb->nodes;
    return finish(hgb, lines.path, &rows, graph);
}
