/* Edge kinds: the different tuples of categories that edges have, so that a vector can be made for
 * each kind instead of each edge. */
#ifndef CLM_DATA_EDGE_KINDS_H
#define CLM_DATA_EDGE_KINDS_H

#include "data/graph.h"

/* Rows of the stacked table: the tables of all fields one below the other. */
typedef struct clm_edge_kinds {
    int32_t count, fields; /* kinds Q, fields A */
    int32_t rows;          /* V of the stacked table */
    int32_t *row;          /* [count, fields] rows of the stacked table, in ascending order */
    int32_t *kind;         /* [edges] */
} clm_edge_kinds;

/* Rows of the stacked table of some categories: the sum of their sizes. */
int32_t clm_category_rows(const clm_categories *category);

/* Kinds of the relation's edges; without categories all are of the one kind without fields. Error
 * (TOO_LARGE): the sizes of the tables multiply to more than 2^28. */
clm_status clm_edge_kinds_new(clm_scope *scope, const clm_relation *relation,
                              clm_edge_kinds *kinds);

#endif
