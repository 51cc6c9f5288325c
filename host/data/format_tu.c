/* A set of graphs in the format of TU Dortmund (Morris et al., 2020). Ids start at 1; fields are
 * separated by a comma and blanks; every file may be gzip, with .gz behind its name.
 *
 *   NAME_graph_indicator.txt   graph of each node; nodes of a graph follow each other
 *   NAME_graph_labels.txt      class of each graph, any whole number
 *   NAME_A.txt                 u, v: each edge in both directions
 *   NAME_node_labels.txt       a whole number for each node: features, one-hot
 *   NAME_node_attributes.txt   numbers for each node: features where there are no labels
 *
 * There is no published split. */
#include "base/input.h"
#include "base/text.h"
#include "data/folder.h"
#include "data/format.h"
#include "data/pair_set.h"
#include "data/table.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LABELS = 1 << 12 }; /* more different ones are no labels */

/* Whole numbers, one a line. */
typedef struct number_list {
    clm_scope *work;
    const char *what;
    int32_t *value;
    size_t capacity;
} number_list;

typedef struct tu {
    clm_scope *scope, *work;
    const char *folder, *name;
    clm_graph *graph;
    int32_t *graph_of, *end; /* [nodes], [2 edges] */
    size_t graph_of_capacity, first_capacity, end_capacity, col_capacity, val_capacity;
    clm_pair_set seen;      /* edges */
    const char *edges_path; /* as opened */
    int32_t dim;            /* attributes of the first node */
} tu;

static void skip_blanks(clm_lines *lines)
{
    while (*lines->at == ' ' || *lines->at == '\t')
        lines->at++;
}

static clm_status take_number(clm_lines *lines, const char *what, int32_t least, int32_t most,
                              int32_t *value)
{
    skip_blanks(lines);
    CLM_TRY(clm_lines_integer(lines, what, least, most, value));
    skip_blanks(lines);
    return CLM_OK;
}

static clm_status read_number(void *user, clm_lines *lines, int64_t row)
{
    number_list *list = user;
    int32_t value = 0;
    CLM_TRY(take_number(lines, list->what, -INT32_MAX, INT32_MAX, &value));
    CLM_TRY(clm_lines_end(lines, list->what));
    list->value =
        clm_grow(list->work, list->value, (size_t)row, &list->capacity, sizeof *list->value);
    list->value[row] = value;
    return CLM_OK;
}

static clm_status read_graph_of(void *user, clm_lines *lines, int64_t row)
{
    tu *set = user;
    clm_graph *graph = set->graph;
    int32_t id = 0;
    CLM_TRY(take_number(lines, "the graph of the node", 1, INT32_MAX, &id));
    CLM_TRY(clm_lines_end(lines, "the graph of the node"));
    if (id != graph->graphs && id != graph->graphs + 1)
        return clm_lines_fail(lines, lines->line,
                              "expected graph %d or %d: nodes of a graph follow each other",
                              graph->graphs > 0 ? graph->graphs : 1, graph->graphs + 1);
    if (row == INT32_MAX - 1) return clm_lines_fail(lines, lines->line, "more than 2^31 nodes");
    set->graph_of = clm_grow(set->work, set->graph_of, (size_t)row, &set->graph_of_capacity,
                             sizeof *set->graph_of);
    set->graph_of[row] = id - 1;
    /* Room for this entry and the one behind the last. */
    graph->graph_first = clm_grow(set->scope, graph->graph_first, (size_t)id, &set->first_capacity,
                                  sizeof *graph->graph_first);
    if (id > graph->graphs) graph->graph_first[id - 1] = (int32_t)row;
    graph->graph_first[id] = (int32_t)row + 1;
    graph->graphs = id;
    graph->nodes = (int32_t)row + 1;
    return CLM_OK;
}

static clm_status read_edge(void *user, clm_lines *lines, int64_t row)
{
    tu *set = user;
    int32_t u = 0, v = 0;
    CLM_TRY(take_number(lines, "the node an edge starts at", 1, set->graph->nodes, &u));
    CLM_TRY(clm_lines_character(lines, ',', "the node the edge ends at"));
    CLM_TRY(take_number(lines, "the node the edge ends at", 1, set->graph->nodes, &v));
    CLM_TRY(clm_lines_end(lines, "the node the edge ends at"));
    if (set->graph_of[u - 1] != set->graph_of[v - 1])
        return clm_lines_fail(lines, lines->line, "node %d is in graph %d, node %d in graph %d", u,
                              set->graph_of[u - 1] + 1, v, set->graph_of[v - 1] + 1);
    if (u == v) return clm_lines_fail(lines, lines->line, "the edge joins a node with itself");
    if (!clm_pair_set_add(&set->seen, u, v))
        return clm_lines_fail(lines, lines->line, "the edge from %d to %d is listed already", u, v);
    if (row == INT32_MAX) return clm_lines_fail(lines, lines->line, "more than 2^31 edges");
    const size_t count = 2 * (size_t)row;
    set->end = clm_grow(set->work, set->end, count + 1, &set->end_capacity, sizeof *set->end);
    set->end[count] = u - 1;
    set->end[count + 1] = v - 1;
    set->edges_path = lines->path;
    return CLM_OK;
}

/* Every edge must be listed in both directions. */
static clm_status read_edges(tu *set)
{
    int64_t edges = 0;
    const clm_table table = {
        set->folder, clm_text(set->work, "%s_A.txt", set->name), -1, NULL, read_edge, set};
    set->seen = clm_pair_set_new(set->work, set->graph->nodes);
    CLM_TRY(clm_table_read(set->work, &table, &edges));
    clm_graph_single(set->scope, set->graph, "node", set->graph->nodes, "edge", (int32_t)edges);
    clm_relation *edge = set->graph->relation;
    for (int64_t e = 0; e < edges; e++) {
        const int32_t u = set->end[2 * e], v = set->end[2 * e + 1];
        edge->src[e] = u;
        edge->dst[e] = v;
        if (clm_pair_set_has(&set->seen, v + 1, u + 1)) continue;
        const char *line = clm_text(set->work, "%d, %d", u + 1, v + 1);
        clm_fail_input(set->edges_path, e + 1, 1, line, strlen(line),
                       "the edge from %d to %d is not listed: edges stand in both directions",
                       v + 1, u + 1);
        clm_error_advice("add the line, or fetch the file again: clmoe data fetch");
        return CLM_FAIL;
    }
    return CLM_OK;
}

static int ascending(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Numbers `count` values 0, 1, ... in the order of the different ones among them, in place. */
static clm_status number_labels(tu *set, const char *name, int32_t *value, int32_t count,
                                int32_t *different)
{
    int32_t *sorted = clm_alloc_array(set->work, (size_t)count, sizeof *sorted), kept = 0;
    memcpy(sorted, value, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    for (int32_t i = 0; i < count; i++)
        if (kept == 0 || sorted[i] != sorted[kept - 1]) sorted[kept++] = sorted[i];
    if (kept > MOST_LABELS) {
        clm_fail(CLM_ERROR_USAGE, "%s/%s: has %d different labels, more than %d", set->folder, name,
                 kept, MOST_LABELS);
        clm_error_advice("labels are few small numbers: is this another file?");
        return CLM_FAIL;
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t *found = bsearch(&value[i], sorted, (size_t)kept, sizeof *sorted, ascending);
        value[i] = (int32_t)(found - sorted);
    }
    *different = kept;
    return CLM_OK;
}

/* A column of labels in file NAME`ending`, numbered from 0. */
static clm_status read_labels(tu *set, const char *ending, const char *what, int32_t rows,
                              int32_t **label, int32_t *different)
{
    const char *reason = clm_text(set->work, "%s_graph_indicator.txt says so", set->name);
    number_list list = {.work = set->work, .what = what};
    const char *name = clm_text(set->work, "%s%s", set->name, ending);
    const clm_table table = {set->folder, name, rows, reason, read_number, &list};
    CLM_TRY(clm_table_read(set->work, &table, NULL));
    *label = list.value;
    return number_labels(set, name, list.value, rows, different);
}

static clm_status read_attributes(void *user, clm_lines *lines, int64_t row)
{
    tu *set = user;
    clm_graph *graph = set->graph;
    int32_t fields = 0;
    for (bool more = true; more; fields++) {
        float value = 0;
        skip_blanks(lines);
        CLM_TRY(clm_lines_real(lines, "the attribute", &value));
        skip_blanks(lines);
        more = !clm_lines_ended(lines);
        if (more) CLM_TRY(clm_lines_character(lines, ',', "the next attribute"));
        const size_t count = (size_t)graph->row_ptr[row + 1];
        if (!(value > 0 || value < 0)) continue;
        graph->col = clm_grow(set->scope, graph->col, count, &set->col_capacity, sizeof(int32_t));
        graph->val = clm_grow(set->scope, graph->val, count, &set->val_capacity, sizeof(float));
        graph->col[count] = fields;
        graph->val[count] = value;
        graph->row_ptr[row + 1]++;
    }
    if (row + 1 < graph->nodes) graph->row_ptr[row + 2] = graph->row_ptr[row + 1];
    if (row == 0) set->dim = fields;
    if (fields == set->dim) return CLM_OK;
    return clm_lines_fail(lines, lines->line, "expected %d attributes as in the first line, not %d",
                          set->dim, fields);
}

static clm_status read_features(tu *set)
{
    clm_graph *graph = set->graph;
    const char *attributes = clm_text(set->work, "%s_node_attributes.txt", set->name);
    if (clm_folder_has(set->folder, clm_text(set->work, "%s_node_labels.txt", set->name))) {
        int32_t *label = NULL;
        CLM_TRY(read_labels(set, "_node_labels.txt", "the label of the node", graph->nodes, &label,
                            &graph->type->dim));
        graph->col = clm_alloc_array(set->scope, (size_t)graph->nodes, sizeof *graph->col);
        graph->val = clm_alloc_array(set->scope, (size_t)graph->nodes, sizeof *graph->val);
        for (int32_t v = 0; v < graph->nodes; v++) {
            graph->row_ptr[v + 1] = v + 1;
            graph->col[v] = label[v];
            graph->val[v] = 1;
        }
    } else if (clm_folder_has(set->folder, attributes)) {
        const char *reason = clm_text(set->work, "%s_graph_indicator.txt says so", set->name);
        const clm_table table = {set->folder, attributes,      graph->nodes,
                                 reason,      read_attributes, set};
        CLM_TRY(clm_table_read(set->work, &table, NULL));
        graph->type->dim = set->dim;
    }
    return CLM_OK;
}

static clm_status read_all(tu *set)
{
    clm_graph *graph = set->graph;
    CLM_TRY(clm_folder_stem(set->work, set->folder, "_A.txt", &set->name));
    if (set->name == NULL) { /* the format was asked for by name */
        clm_fail(CLM_ERROR_USAGE, "%s: there is neither NAME_A.txt nor NAME_A.txt.gz", set->folder);
        clm_error_advice("check the folder; `clmoe data list` says where data sets come from");
        return CLM_FAIL;
    }
    const clm_table nodes = {set->folder,
                             clm_text(set->work, "%s_graph_indicator.txt", set->name),
                             -1,
                             NULL,
                             read_graph_of,
                             set};
    CLM_TRY(clm_table_read(set->work, &nodes, NULL));
    int32_t *label = NULL;
    CLM_TRY(read_labels(set, "_graph_labels.txt", "the class of the graph", graph->graphs, &label,
                        &graph->classes));
    graph->graph_label =
        clm_alloc_array(set->scope, (size_t)graph->graphs, sizeof *graph->graph_label);
    memcpy(graph->graph_label, label, (size_t)graph->graphs * sizeof *label);
    graph->task = CLM_TASK_ACCURACY;
    CLM_TRY(read_edges(set));
    return read_features(set);
}

static bool owns(const char *folder)
{
    clm_scope scope = {0};
    const char *name = NULL;
    const bool several = clm_folder_stem(&scope, folder, "_A.txt", &name) != CLM_OK;
    clm_scope_end(&scope);
    return several || name != NULL;
}

static clm_status read_folder(clm_scope *scope, const char *folder, clm_graph *graph)
{
    clm_scope work = {0};
    *graph = (clm_graph){.name = clm_folder_name(scope, folder)};
    tu set = {.scope = scope, .work = &work, .folder = folder, .graph = graph};
    const clm_status status = read_all(&set);
    if (status != CLM_OK) clm_error_during("reading the data set in %s", folder);
    clm_scope_end(&work);
    return status;
}

const clm_format clm_format_tu = {
    .name = "tu",
    .about = "a set of graphs in the format of TU Dortmund",
    .owns = owns,
    .read = read_folder,
};
