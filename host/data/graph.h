/* Heterogeneous graph: typed nodes in contiguous ranges, typed relations, sparse features. */
#ifndef CLM_DATA_GRAPH_H
#define CLM_DATA_GRAPH_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct clm_node_type {
    const char *name;
    int32_t first, count; /* global ids first .. first + count - 1 */
    int32_t dim;          /* features; 0: the type has none (models use the constant 1) */
} clm_node_type;

/* Several small integers per node or edge, each from a table of its own (atoms, bonds). */
typedef struct clm_categories {
    int32_t fields;
    const int32_t *size; /* [fields] values of field f are in [0, size[f]) */
    int32_t *value;      /* [nodes or edges, fields] */
} clm_categories;

typedef struct clm_relation {
    const char *name;
    int32_t from, to;        /* node types of source and target */
    int32_t count;           /* edges */
    int32_t *src, *dst;      /* [count] global node ids, in file order */
    clm_categories category; /* of its edges; fields 0: none */
} clm_relation;

/* What is predicted, and with which score. */
typedef enum clm_task {
    CLM_TASK_LINK,     /* ROC-AUC of links */
    CLM_TASK_ACCURACY, /* one class of each node or graph */
    CLM_TASK_ROCAUC,   /* yes or no, several tasks, of each graph */
    CLM_TASK_RMSE,     /* a number of each graph, several tasks */
} clm_task;

/* "link", "accuracy", "rocauc" or "rmse". */
const char *clm_task_name(clm_task task);

/* The published split, of nodes or of graphs. */
typedef enum clm_part { CLM_PART_NONE, CLM_PART_TRAIN, CLM_PART_VAL, CLM_PART_TEST } clm_part;

typedef struct clm_graph {
    const char *name;
    int32_t nodes, types, relations;
    clm_node_type *type;    /* [types] */
    clm_relation *relation; /* [relations] */
    int64_t *row_ptr;       /* [nodes + 1] features as CSR; columns count within the node's type */
    int32_t *col;
    float *val;
    int32_t *label; /* [nodes] first class of each node, -1: none; null: no labels */
    int32_t classes;
    int32_t *role; /* [nodes] planted role of generated graphs; null otherwise */

    clm_task task;           /* what the set is for */
    clm_part *part;          /* [graphs] or, without graphs, [nodes]; null: no published split */
    clm_categories category; /* of nodes; fields 0: none */

    /* A set of small graphs; graphs 0: one graph. */
    int32_t graphs, tasks;
    int32_t *graph_first; /* [graphs + 1] nodes of each graph follow each other */
    int32_t *graph_label; /* [graphs] class; null: none */
    float *target;        /* [graphs, tasks] NaN: missing; null: none */
} clm_graph;

/* How features can be made from a neighbour type's: not, as their mean, as their union. */
enum { CLM_MADE_NONE, CLM_MADE_MEAN, CLM_MADE_UNION };

/* What a data set is for: suites/data/<set>.yaml says so; in a folder without a description the
 * target is the first link between two types that has a reverse. */
typedef struct clm_dataset {
    const char *name, *folder;
    clm_graph graph; /* without the node types and relations that are left out */
    int32_t target,
        reverse; /* relation whose edges are predicted, and its flipped copy; -1: none */
    int made;    /* CLM_MADE_*: how the start type's features were made from the end type's */
    const char *made_unsupported; /* why features=train_only cannot be had; null where it can */
} clm_dataset;

/* Loads a data set by name (suites/data/<set>.yaml) or from any folder; a generated one takes
 * parameters behind its name: "synthetic:edges=1000000,roles=8". The folder of a named set is
 * looked for in `data_dir` (null: CLMOE_DATA, then the user's data folder). Errors name
 * file:line:column, what was expected and what to do. */
clm_status clm_dataset_load(clm_scope *scope, const char *name, const char *data_dir,
                            const clm_dataset **dataset);

/* The user's data folder: $XDG_DATA_HOME/clmoe, or ~/.local/share/clmoe. */
const char *clm_data_folder(clm_scope *scope);

/* Where the folder of a named set is, as clm_dataset_load looks for it; null: nowhere. */
const char *clm_data_find(clm_scope *scope, const char *folder, const char *data_dir);

/* Refuses the name of a data set, suggesting the one meant. Always returns CLM_FAIL. */
clm_status clm_data_unknown(clm_scope *scope, const char *name);

/* Index of the relation, or node type, of that name; -1: there is none. */
int32_t clm_graph_relation(const clm_graph *graph, const char *name);
int32_t clm_graph_type(const clm_graph *graph, const char *name);

/* First relation from `from` to `to`; -1: there is none. */
int32_t clm_graph_relation_between(const clm_graph *graph, int32_t from, int32_t to);

/* Makes the graph one of a single node type and relation: `nodes` nodes without features, and the
 * relation with room for `edges`. */
void clm_graph_single(clm_scope *scope, clm_graph *graph, const char *type, int32_t nodes,
                      const char *relation, int32_t edges);

/* Labels that are given: classes of nodes or graphs, or targets of graphs that are not missing. */
int64_t clm_graph_labels(const clm_graph *graph);

/* Nodes or graphs in each part of the published split, by clm_part; `count` all zero: none. */
void clm_graph_parts(const clm_graph *graph, int32_t count[4]);

/* Drops node types (kept[t] false), every relation that touches one, and relations inside one type
 * unless `inner`; ids become contiguous again. Works in place. */
void clm_graph_drop(clm_graph *graph, const bool *kept, bool inner);

/* Edges of one relation as pairs of global ids. */
typedef struct clm_pairs_host {
    int32_t count;
    int32_t *u, *v;
} clm_pairs_host;

/* Link split with the semantics of PyTorch Geometric's RandomLinkSplit, 70, 10 and 20 % of the
 * target's edges; negatives of validation and test are distinct pairs that are no edge. Identical
 * on every device for a seed. u is the start type of the target, v its end type. */
typedef struct clm_link_split {
    clm_pairs_host train, val, test; /* edges of the target */
    clm_pairs_host supervision;      /* the share `disjoint` of train, or all of it */
    clm_pairs_host message; /* train without the supervision edges (disjoint > 0), or all of it */
    clm_pairs_host
        test_message; /* train and val: message graph of the test; that of val is train */
    clm_pairs_host val_negative, test_negative;
} clm_link_split;

clm_status clm_link_split_new(clm_scope *scope, const clm_dataset *dataset, double disjoint,
                              uint32_t seed, clm_link_split *split);

/* Typed edges of one message graph for attention: CSR by target, within a target by relation, and
 * the order by source row. Each (relation, source node that has such an edge) is a row; rows of all
 * relations follow each other, within one in the order of the nodes. */
typedef struct clm_adjacency {
    int32_t nodes, edges, rows, segments, relations;
    int32_t *row_first;   /* [relations + 1] */
    int32_t *row_node;    /* [rows] source node */
    int32_t *source_type; /* [relations] */
    int32_t *segment_ptr; /* [nodes + 1] segments of each target */
    int32_t *edge_ptr;    /* [segments + 1] edges of each segment */
    int32_t *source;      /* [edges] row */
    int32_t *target;      /* [edges] node */
    int32_t *relation;    /* [edges] */
    int32_t *input; /* [edges] position of the edge in the relations' lists, one after the other */
    int32_t *source_ptr;    /* [rows + 1] */
    int32_t *source_edge;   /* [edges] in order of their source rows */
    int32_t *source_target; /* [edges] targets in that order */
} clm_adjacency;

typedef struct clm_adjacency_choice {
    bool leak;         /* reverse=leak: the reverse relation keeps all its edges */
    bool per_relation; /* one segment per (target, relation) instead of one per target */
    const bool *into;  /* [types] whether nodes of the type receive messages; null: all do */
} clm_adjacency_choice;

/* Adjacency of the graph with the target's edges replaced by `target_edges` and its reverse by
 * their flipped copy. target_edges null: the graph as it is. */
clm_status clm_adjacency_new(clm_scope *scope, const clm_dataset *dataset,
                             const clm_pairs_host *target_edges, clm_adjacency_choice choice,
                             clm_adjacency *adjacency);

/* Features of all nodes as one CSR matrix: columns of type t start at column_first[t]; a type
 * without features has one column of ones. Also the transpose. `train_only`: features of the
 * target's start type recomputed as mean or union of its neighbours' over `train`: as
 * published they hold the edges that are to be predicted. */
typedef struct clm_features {
    int32_t rows, columns;
    int32_t *column_first; /* [types + 1] */
    int32_t *row_ptr, *col, *t_row_ptr, *t_col;
    float *val, *t_val;
    int64_t nonzeros;
} clm_features;

clm_status clm_features_new(clm_scope *scope, const clm_dataset *dataset, bool train_only,
                            const clm_pairs_host *train, clm_features *features);

#endif
