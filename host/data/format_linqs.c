/* One graph with labelled nodes in the format of LINQS (Sen et al., 2008), with ids and classes as
 * numbers. Fields are separated by one TAB; every file may be gzip, with .gz behind its name.
 *
 *   NAME.content   id, features, class (empty: none); ids 0, 1, 2, ...
 *   NAME.cites     u, v: each undirected edge once
 *   NAME.split     id, train|val|test; may be absent, nodes not listed are in none
 *
 * The relation holds each edge twice, there and back, one after the other. */
#include "base/text.h"
#include "data/folder.h"
#include "data/format.h"
#include "data/pair_set.h"
#include "data/table.h"

#include <string.h>

enum { MOST_CLASSES = 1 << 12 }; /* a larger class was read from the wrong column */

/* Rows and edges as they grow; the graph gets exact copies. */
typedef struct linqs {
    clm_scope *scope, *work;
    const char *folder, *name;
    clm_graph *graph;
    int32_t dim; /* as the first line has features */
    int64_t *row_ptr;
    int32_t *col, *label, *end; /* end: [2 edges] */
    float *val;
    size_t row_capacity, label_capacity, col_capacity, val_capacity, end_capacity;
    int64_t nonzeros;
    clm_pair_set seen; /* edges */
} linqs;

static clm_status read_features(linqs *set, clm_lines *lines)
{
    for (int32_t f = 0; f < set->dim; f++) {
        float value = 0;
        if (lines->at[0] == '0' && lines->at[1] == '\t') { /* nearly all of them */
            lines->at += 2;
            continue;
        }
        CLM_TRY(clm_lines_real(lines, "the feature's value", &value));
        if (clm_lines_ended(lines))
            return clm_lines_fail(lines, lines->at,
                                  "expected %d features as in the first line, and a class",
                                  set->dim);
        CLM_TRY(clm_lines_character(lines, '\t', "the next feature or the class"));
        if (!(value > 0 || value < 0)) continue;
        const size_t count = (size_t)set->nonzeros++;
        set->col = clm_grow(set->work, set->col, count, &set->col_capacity, sizeof *set->col);
        set->val = clm_grow(set->work, set->val, count, &set->val_capacity, sizeof *set->val);
        set->col[count] = f;
        set->val[count] = value;
    }
    return CLM_OK;
}

static clm_status read_node(void *user, clm_lines *lines, int64_t row)
{
    linqs *set = user;
    int32_t id = 0, class = -1;
    CLM_TRY(clm_lines_integer(lines, "the node id", 0, INT32_MAX - 1, &id));
    if (id != row)
        return clm_lines_fail(lines, lines->line, "expected node id %lld, the next",
                              (long long)row);
    CLM_TRY(clm_lines_character(lines, '\t', "the features"));
    for (const char *at = lines->at; row == 0 && at < lines->line + lines->length; at++)
        set->dim += *at == '\t' ? 1 : 0;
    CLM_TRY(read_features(set, lines));
    if (!clm_lines_ended(lines)) {
        const char *start = lines->at;
        CLM_TRY(clm_lines_integer(lines, "the class", 0, MOST_CLASSES - 1, &class));
        if (!clm_lines_ended(lines))
            return clm_lines_fail(lines, start,
                                  "expected the class, a whole number, and the end of the line "
                                  "after %d features",
                                  set->dim);
    }
    const size_t count = (size_t)row;
    set->row_ptr =
        clm_grow(set->work, set->row_ptr, count + 1, &set->row_capacity, sizeof *set->row_ptr);
    set->label = clm_grow(set->work, set->label, count, &set->label_capacity, sizeof *set->label);
    set->row_ptr[count + 1] = set->nonzeros;
    set->label[count] = class;
    set->graph->nodes = id + 1;
    if (class >= set->graph->classes) set->graph->classes = class + 1;
    return CLM_OK;
}

static clm_status read_edge(void *user, clm_lines *lines, int64_t row)
{
    linqs *set = user;
    const int32_t most = set->graph->nodes - 1;
    int32_t u = 0, v = 0;
    CLM_TRY(clm_lines_integer(lines, "the node an edge starts at", 0, most, &u));
    CLM_TRY(clm_lines_character(lines, '\t', "the node the edge ends at"));
    CLM_TRY(clm_lines_integer(lines, "the node an edge ends at", 0, most, &v));
    CLM_TRY(clm_lines_end(lines, "the node the edge ends at"));
    if (u == v) return clm_lines_fail(lines, lines->line, "the edge joins a node with itself");
    if (!clm_pair_set_add(&set->seen, u < v ? u : v, u < v ? v : u))
        return clm_lines_fail(lines, lines->line,
                              "the edge of nodes %d and %d is listed already: each is listed once, "
                              "in one direction",
                              u, v);
    if (row == INT32_MAX / 2) return clm_lines_fail(lines, lines->line, "more than 2^30 edges");
    const size_t count = 2 * (size_t)row;
    set->end = clm_grow(set->work, set->end, count + 1, &set->end_capacity, sizeof *set->end);
    set->end[count] = u;
    set->end[count + 1] = v;
    return CLM_OK;
}

static clm_status read_member(void *user, clm_lines *lines, int64_t row)
{
    (void)row;
    static const char *const names[] = {"none", "train", "val", "test"};
    linqs *set = user;
    int32_t node = 0;
    CLM_TRY(clm_lines_integer(lines, "the node id", 0, set->graph->nodes - 1, &node));
    CLM_TRY(clm_lines_character(lines, '\t', "train, val or test"));
    const char *start = lines->at, *word = NULL;
    size_t length = 0;
    clm_lines_text(lines, &word, &length);
    clm_part part = CLM_PART_NONE;
    for (int p = CLM_PART_TRAIN; p <= CLM_PART_TEST; p++)
        if (length == strlen(names[p]) && memcmp(word, names[p], length) == 0) part = (clm_part)p;
    if (part == CLM_PART_NONE) return clm_lines_fail(lines, start, "expected train, val or test");
    CLM_TRY(clm_lines_end(lines, "the part"));
    if (set->graph->part[node] != CLM_PART_NONE)
        return clm_lines_fail(lines, lines->line, "node %d is in %s already", node,
                              names[set->graph->part[node]]);
    set->graph->part[node] = part;
    return CLM_OK;
}

static void *copied(clm_scope *scope, const void *from, size_t count, size_t size)
{
    void *to = clm_alloc_array(scope, count, size);
    if (count > 0) memcpy(to, from, count * size);
    return to;
}

static void finish(linqs *set, int64_t edges)
{
    clm_graph *graph = set->graph;
    const size_t nodes = (size_t)graph->nodes, nonzeros = (size_t)set->nonzeros;
    clm_graph_single(set->scope, graph, "node", graph->nodes, "edge", (int32_t)(2 * edges));
    graph->type->dim = set->dim;
    memcpy(graph->row_ptr, set->row_ptr, (nodes + 1) * sizeof *graph->row_ptr);
    graph->col = copied(set->scope, set->col, nonzeros, sizeof *graph->col);
    graph->val = copied(set->scope, set->val, nonzeros, sizeof *graph->val);
    graph->label = copied(set->scope, set->label, nodes, sizeof *graph->label);
    clm_relation *edge = graph->relation;
    for (int64_t e = 0; e < edges; e++) {
        edge->src[2 * e] = edge->dst[2 * e + 1] = set->end[2 * e];
        edge->dst[2 * e] = edge->src[2 * e + 1] = set->end[2 * e + 1];
    }
    graph->task = CLM_TASK_ACCURACY;
}

static clm_status read_all(linqs *set)
{
    int64_t edges = 0;
    CLM_TRY(clm_folder_stem(set->work, set->folder, ".content", &set->name));
    if (set->name == NULL) { /* the format was asked for by name */
        clm_fail(CLM_ERROR_USAGE, "%s: there is neither NAME.content nor NAME.content.gz",
                 set->folder);
        clm_error_advice("check the folder; `clmoe data list` says where data sets come from");
        return CLM_FAIL;
    }
    const char *content = clm_text(set->work, "%s.content", set->name);
    const char *cites = clm_text(set->work, "%s.cites", set->name);
    const char *split = clm_text(set->work, "%s.split", set->name);
    const clm_table nodes = {set->folder, content, -1, NULL, read_node, set};
    const clm_table all = {set->folder, cites, -1, NULL, read_edge, set};
    const clm_table parts = {set->folder, split, -1, NULL, read_member, set};
    CLM_TRY(clm_table_read(set->work, &nodes, NULL));
    set->seen = clm_pair_set_new(set->work, set->graph->nodes);
    CLM_TRY(clm_table_read(set->work, &all, &edges));
    finish(set, edges);
    if (!clm_folder_has(set->folder, split)) return CLM_OK;
    set->graph->part =
        clm_alloc_array(set->scope, (size_t)set->graph->nodes, sizeof *set->graph->part);
    return clm_table_read(set->work, &parts, NULL);
}

static bool owns(const char *folder)
{
    clm_scope scope = {0};
    const char *name = NULL;
    const bool several = clm_folder_stem(&scope, folder, ".content", &name) != CLM_OK;
    clm_scope_end(&scope);
    return several || name != NULL;
}

static clm_status read_folder(clm_scope *scope, const char *folder, clm_graph *graph)
{
    clm_scope work = {0};
    *graph = (clm_graph){.name = clm_folder_name(scope, folder)};
    linqs set = {.scope = scope, .work = &work, .folder = folder, .graph = graph};
    const clm_status status = read_all(&set);
    if (status != CLM_OK) clm_error_during("reading the data set in %s", folder);
    clm_scope_end(&work);
    return status;
}

const clm_format clm_format_linqs = {
    .name = "linqs",
    .about = "one graph with labelled nodes: NAME.content, NAME.cites, NAME.split",
    .owns = owns,
    .read = read_folder,
};
