/* Table: a text file with one row a line, and how often it must have one. */
#ifndef CLM_DATA_TABLE_H
#define CLM_DATA_TABLE_H

#include "data/lines.h"

typedef struct clm_table {
    const char *folder, *name; /* the file, plain or with .gz behind its name */
    int64_t rows;              /* it must have; -1: at least one */
    const char *reason;        /* who says so: "raw/num-node-list.csv counts 7 atoms" */
    /* Takes all of the line. */
    clm_status (*row)(void *user, clm_lines *lines, int64_t row);
    void *user;
} clm_table;

/* Reads all rows; `rows` (may be null) is how many there are. Errors: what `row` refuses, and a
 * wrong number of rows. */
clm_status clm_table_read(clm_scope *work, const clm_table *table, int64_t *rows);

/* Takes `count` whole numbers separated by commas, number i in [0, size[i]), and the end of the
 * line. `what` names one of them in messages. */
clm_status clm_table_integers(clm_lines *lines, const char *what, int32_t count,
                              const int32_t *size, int32_t *value);

#endif
