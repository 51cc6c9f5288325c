/* Molecules in the csv format of the Open Graph Benchmark (Hu et al., NeurIPS 2020): tables without
 * a header, those of all graphs one after the other. Every file may be gzip, with .gz behind its
 * name.
 *
 *   raw/num-node-list.csv, raw/num-edge-list.csv   atoms and bonds of each graph
 *   raw/node-feat.csv, raw/edge-feat.csv           nine and three small integers each
 *   raw/edge.csv                                   u,v within the graph, each bond once
 *   raw/graph-label.csv                            a number for each task; empty: missing
 *   split/scaffold/{train,valid,test}.csv          graphs
 *
 * The relation holds each bond twice, there and back, one after the other: the order in which OGB
 * numbers them. */
#include "base/text.h"
#include "data/folder.h"
#include "data/format.h"
#include "data/pair_set.h"
#include "data/table.h"

#include <math.h>
#include <string.h>

enum { MOST_TASKS = 1 << 12 }; /* a longer first line is not a table of labels */

static const int32_t atom_sizes[] = {119, 5, 12, 12, 10, 6, 6, 2, 2};
static const int32_t bond_sizes[] = {5, 6, 2};
enum {
    ATOM_FIELDS = sizeof atom_sizes / sizeof *atom_sizes,
    BOND_FIELDS = sizeof bond_sizes / sizeof *bond_sizes,
};

/* Counts of graphs as they are read: first[g] is the sum of those before graph g. */
typedef struct count_list {
    clm_scope *scope;
    const char *what;
    int32_t least, most; /* of one count; of the sum */
    int32_t *first;
    size_t capacity;
} count_list;

typedef struct ogb {
    clm_scope *scope, *work;
    const char *folder;
    clm_graph *graph;
    count_list atoms, bonds;
    int32_t at;        /* graph of the bond being read */
    clm_pair_set seen; /* bonds */
    clm_part part;     /* of the split file being read */
    bool binary;       /* so far no label but 0 and 1 */
} ogb;

static clm_status read_count(void *user, clm_lines *lines, int64_t row)
{
    count_list *list = user;
    int32_t count = 0;
    CLM_TRY(clm_lines_integer(lines, list->what, list->least, INT32_MAX, &count));
    CLM_TRY(clm_lines_end(lines, list->what));
    /* Room for this sum and the next. */
    list->first =
        clm_grow(list->scope, list->first, (size_t)row + 1, &list->capacity, sizeof *list->first);
    if (count > list->most - list->first[row])
        return clm_lines_fail(lines, lines->line, "more than %d in all", list->most);
    list->first[row + 1] = list->first[row] + count;
    return CLM_OK;
}

static clm_status read_counts(ogb *set)
{
    int64_t graphs = 0;
    set->atoms = (count_list){set->scope, "the number of atoms", 1, INT32_MAX - 1, NULL, 0};
    set->bonds = (count_list){set->work, "the number of bonds", 0, INT32_MAX / 2, NULL, 0};
    const clm_table atoms = {set->folder, "raw/num-node-list.csv", -1, NULL, read_count,
                             &set->atoms};
    CLM_TRY(clm_table_read(set->work, &atoms, &graphs));
    const char *reason =
        clm_text(set->work, "raw/num-node-list.csv has %lld graphs", (long long)graphs);
    const clm_table bonds = {set->folder, "raw/num-edge-list.csv", graphs, reason, read_count,
                             &set->bonds};
    CLM_TRY(clm_table_read(set->work, &bonds, NULL));
    clm_graph *graph = set->graph;
    graph->graphs = (int32_t)graphs;
    graph->graph_first = set->atoms.first;
    clm_graph_single(set->scope, graph, "atom", set->atoms.first[graphs], "bond",
                     2 * set->bonds.first[graphs]);
    return CLM_OK;
}

static clm_status read_atom(void *user, clm_lines *lines, int64_t row)
{
    ogb *set = user;
    return clm_table_integers(lines, "the atom's property", ATOM_FIELDS, atom_sizes,
                              set->graph->category.value + ATOM_FIELDS * row);
}

static clm_status read_bond_properties(void *user, clm_lines *lines, int64_t row)
{
    ogb *set = user;
    int32_t *value = set->graph->relation->category.value + 2 * BOND_FIELDS * row;
    CLM_TRY(clm_table_integers(lines, "the bond's property", BOND_FIELDS, bond_sizes, value));
    memcpy(value + BOND_FIELDS, value, BOND_FIELDS * sizeof *value);
    return CLM_OK;
}

static clm_status read_bond(void *user, clm_lines *lines, int64_t row)
{
    ogb *set = user;
    while (row >= set->bonds.first[set->at + 1])
        set->at++;
    const int32_t first = set->atoms.first[set->at];
    const int32_t size[] = {set->atoms.first[set->at + 1] - first,
                            set->atoms.first[set->at + 1] - first};
    int32_t end[2] = {0, 0};
    CLM_TRY(clm_table_integers(lines, "the atom in its graph", 2, size, end));
    const int32_t u = first + end[0], v = first + end[1];
    if (u == v) return clm_lines_fail(lines, lines->line, "the bond joins an atom with itself");
    if (!clm_pair_set_add(&set->seen, u < v ? u : v, u < v ? v : u))
        return clm_lines_fail(lines, lines->line,
                              "graph %d has a bond of atoms %d and %d already: each is listed once",
                              set->at, end[0], end[1]);
    clm_relation *bond = set->graph->relation;
    bond->src[2 * row] = bond->dst[2 * row + 1] = u;
    bond->dst[2 * row] = bond->src[2 * row + 1] = v;
    return CLM_OK;
}

static clm_status read_structure(ogb *set)
{
    clm_graph *graph = set->graph;
    clm_relation *bond = graph->relation;
    const int32_t bonds = bond->count / 2;
    graph->category = (clm_categories){
        ATOM_FIELDS, atom_sizes,
        clm_alloc_array(set->scope, (size_t)graph->nodes, ATOM_FIELDS * sizeof(int32_t))};
    bond->category = (clm_categories){
        BOND_FIELDS, bond_sizes,
        clm_alloc_array(set->scope, (size_t)bond->count, BOND_FIELDS * sizeof(int32_t))};
    set->seen = clm_pair_set_new(set->work, bonds);
    const char *atoms =
        clm_text(set->work, "raw/num-node-list.csv counts %d atoms in all", graph->nodes);
    const char *all = clm_text(set->work, "raw/num-edge-list.csv counts %d bonds in all", bonds);
    const clm_table tables[] = {
        {set->folder, "raw/node-feat.csv", graph->nodes, atoms, read_atom, set},
        {set->folder, "raw/edge.csv", bonds, all, read_bond, set},
        {set->folder, "raw/edge-feat.csv", bonds, all, read_bond_properties, set},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        CLM_TRY(clm_table_read(set->work, &tables[i], NULL));
    return CLM_OK;
}

static int32_t fields_of(const clm_lines *lines)
{
    int32_t fields = 1;
    for (size_t i = 0; i < lines->length; i++)
        fields += lines->line[i] == ',' ? 1 : 0;
    return fields;
}

static clm_status read_labels(void *user, clm_lines *lines, int64_t row)
{
    ogb *set = user;
    clm_graph *graph = set->graph;
    const int32_t fields = fields_of(lines);
    if (row == 0) {
        if (fields > MOST_TASKS)
            return clm_lines_fail(lines, lines->line, "expected at most %d labels", MOST_TASKS);
        graph->tasks = fields;
        graph->target =
            clm_alloc_array(set->scope, (size_t)graph->graphs * (size_t)fields, sizeof(float));
    }
    if (fields != graph->tasks)
        return clm_lines_fail(lines, lines->line, "expected %d labels as in the first line, not %d",
                              graph->tasks, fields);
    for (int32_t t = 0; t < fields; t++) {
        float *label = &graph->target[row * fields + t];
        if (t > 0) CLM_TRY(clm_lines_character(lines, ',', "the next label, which may be empty"));
        *label = NAN;
        if (clm_lines_ended(lines) || *lines->at == ',') continue;
        CLM_TRY(clm_lines_real(lines, "the label, or nothing where it is missing", label));
        if (*label < 0 || *label > 1 || (*label > 0 && *label < 1)) set->binary = false;
    }
    return clm_lines_end(lines, "the last label");
}

static clm_status read_member(void *user, clm_lines *lines, int64_t row)
{
    (void)row;
    static const char *const names[] = {"no", "the training", "the validation", "the test"};
    ogb *set = user;
    int32_t graph = 0;
    CLM_TRY(clm_lines_integer(lines, "the graph", 0, set->graph->graphs - 1, &graph));
    CLM_TRY(clm_lines_end(lines, "the graph"));
    clm_part *part = &set->graph->part[graph];
    if (*part != CLM_PART_NONE)
        return clm_lines_fail(lines, lines->line, "graph %d is in %s part already", graph,
                              names[*part]);
    *part = set->part;
    return CLM_OK;
}

static clm_status read_split(ogb *set)
{
    static const char *const names[] = {"split/scaffold/train.csv", "split/scaffold/valid.csv",
                                        "split/scaffold/test.csv"};
    set->graph->part =
        clm_alloc_array(set->scope, (size_t)set->graph->graphs, sizeof *set->graph->part);
    for (int i = 0; i < 3; i++) {
        const clm_table table = {set->folder, names[i], -1, NULL, read_member, set};
        set->part = CLM_PART_TRAIN + (clm_part)i;
        CLM_TRY(clm_table_read(set->work, &table, NULL));
    }
    return CLM_OK;
}

static clm_status read_all(ogb *set)
{
    CLM_TRY(read_counts(set));
    CLM_TRY(read_structure(set));
    const char *reason =
        clm_text(set->work, "raw/num-node-list.csv has %d graphs", set->graph->graphs);
    const clm_table labels = {set->folder, "raw/graph-label.csv", set->graph->graphs,
                              reason,      read_labels,           set};
    set->binary = true;
    CLM_TRY(clm_table_read(set->work, &labels, NULL));
    /* The format does not say which it is; suites/data/<set>.yaml does. */
    set->graph->task = set->binary ? CLM_TASK_ROCAUC : CLM_TASK_RMSE;
    return read_split(set);
}

static bool owns(const char *folder)
{
    return clm_folder_has(folder, "raw/num-node-list.csv") ||
           clm_folder_has(folder, "raw/edge.csv");
}

static clm_status read_folder(clm_scope *scope, const char *folder, clm_graph *graph)
{
    clm_scope work = {0};
    *graph = (clm_graph){.name = clm_folder_name(scope, folder)};
    ogb set = {.scope = scope, .work = &work, .folder = folder, .graph = graph};
    const clm_status status = read_all(&set);
    if (status != CLM_OK) clm_error_during("reading the data set in %s", folder);
    clm_scope_end(&work);
    return status;
}

const clm_format clm_format_ogb = {
    .name = "ogb",
    .about = "molecules in the csv format of the Open Graph Benchmark",
    .owns = owns,
    .read = read_folder,
};
