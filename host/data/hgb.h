/* HGB-S: the text format of the Heterogeneous Graph Benchmark (Lv et al., KDD 2021), with a sparse
 * form of the feature column and, where there is one, a schema. Fields are separated by one TAB.
 *
 *   node.dat    id, name (ignored), type [, features]: "index:value ...", "v0,v1,...", or nothing
 *   link.dat    source, target, link type, weight (ignored)
 *   label.dat, label.dat.val, label.dat.test   id, name (ignored), node type, class[,class...]
 *   schema.tsv  node: type, name, count, feature dimension, nonzeros; link: type, start, end, name,
 *               count; class: id, name, labelled nodes; labels: type, single|multi
 *
 * Nodes are listed in id order, each type is one range of ids, in type order. Every file may be
 * gzip, with .gz behind its name. */
#ifndef CLM_DATA_HGB_H
#define CLM_DATA_HGB_H

#include "data/graph.h"
#include "data/lines.h"

/* A larger feature dimension was read from the wrong column, and a projection would not fit anyway.
 */
enum { CLM_HGB_MOST_FEATURES = 1 << 24 };

/* Where schema.tsv promises a count, for the message when the files do not keep it. */
typedef struct clm_hgb_promise {
    int64_t count;    /* -1: nothing was promised */
    int64_t line;     /* number of the line */
    size_t column;    /* of the count, from 1 */
    const char *text; /* the line; empty: nothing was promised */
} clm_hgb_promise;

typedef struct clm_hgb_type {
    const char *name; /* null: unknown */
    int32_t first, count, dim;
    int32_t dense_dim; /* length of the first dense row, 0: none yet */
    int64_t nonzeros;
    clm_hgb_promise promised_count, promised_nonzeros;
} clm_hgb_type;

typedef struct clm_hgb_link {
    const char *name; /* null: unknown */
    int32_t from, to; /* -1: unknown */
    int32_t count;
    clm_hgb_promise promised_count;
} clm_hgb_link;

typedef struct clm_hgb_class {
    int32_t count;
    clm_hgb_promise promised_count;
} clm_hgb_class;

/* What is known of a folder while it is read. Arrays grow in `work`, which ends with the reading.
 */
typedef struct clm_hgb {
    clm_scope *scope, *work;
    const char *folder, *schema_path; /* schema_path null: there is no schema.tsv */
    int32_t types, links, classes;
    size_t types_capacity, links_capacity, classes_capacity;
    clm_hgb_type *type;
    clm_hgb_link *link;
    clm_hgb_class *class;
    int32_t nodes;
} clm_hgb;

/* Each reads one file into `hgb` and, but for the schema, `graph`; in this order. */
clm_status clm_hgb_read_schema(clm_hgb *hgb);
clm_status clm_hgb_read_nodes(clm_hgb *hgb, clm_graph *graph);
clm_status clm_hgb_read_links(clm_hgb *hgb, clm_graph *graph);
clm_status clm_hgb_read_labels(clm_hgb *hgb, clm_graph *graph);

/* Refuses the folder unless `counted` is what the schema promised (or it promised nothing). */
clm_status clm_hgb_check(const clm_hgb *hgb, const clm_hgb_promise *promise, int64_t counted,
                         const char *where, const char *what);

/* The next element, zeroed, of the types, links or classes. */
clm_hgb_type *clm_hgb_add_type(clm_hgb *hgb);
clm_hgb_link *clm_hgb_add_link(clm_hgb *hgb);
clm_hgb_class *clm_hgb_add_class(clm_hgb *hgb);

/* Type of a node. */
int32_t clm_hgb_type_of(const clm_hgb *hgb, int32_t node);

/* Writes a graph as a folder of this format that reads back to the identical graph. Nothing is left
 * behind when it fails; an existing folder is an error. */
clm_status clm_hgb_write(const clm_graph *graph, const char *folder);

#endif
