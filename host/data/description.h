/* Description: what suites/data/<set>.yaml says about a data set. */
#ifndef CLM_DATA_DESCRIPTION_H
#define CLM_DATA_DESCRIPTION_H

#include "base/yaml.h"
#include "data/graph.h"
#include "data/synthetic.h"

typedef struct clm_described_file {
    char *name, *sha256;
} clm_described_file;

typedef struct clm_described_type {
    char *name;
    int64_t nodes, nonzeros;
} clm_described_type;

typedef struct clm_described_link {
    char *name;
    int64_t edges;
} clm_described_link;

/* Nodes or graphs in each part of the published split. */
typedef struct clm_described_split {
    int64_t train, val, test;
} clm_described_split;

/* Of a whole folder, before anything is left out. */
typedef struct clm_described_counts {
    clm_described_type *types;
    unsigned types_count;
    clm_described_link *links;
    unsigned links_count;
    /* Sets whose labels are predicted; 0 where there is no such thing. */
    int64_t graphs, tasks, classes;
    int64_t labels;             /* that are given */
    clm_described_split *split; /* null: none is published */
} clm_described_counts;

typedef struct clm_description {
    char *name, *about, *format, *source, *licence;
    char *folder;              /* below the data folder; null: generated */
    clm_described_file *files; /* as fetched */
    unsigned files_count;
    clm_described_counts *expected; /* may be null */
    clm_task task;
    char *target;   /* null: first link between two types that has a reverse */
    char **without; /* node types left out */
    unsigned without_count;
    int inner; /* whether links inside one type are kept */
    int made;  /* CLM_MADE_* */
    char *made_unsupported;
    clm_synthetic *generate; /* parameters of a generated set; null: it is read from a folder */
    const char *path;        /* of the file */
    const clm_yaml *yaml;    /* the file, for messages */
} clm_description;

/* Reads and checks suites/data/<name>.yaml; `found` is null where there is no such file. */
clm_status clm_description_read(clm_scope *scope, const char *name, const clm_description **found);

/* Names of all described data sets in order; ends with null. */
clm_status clm_description_names(clm_scope *scope, const char *const **names);

/* Refuses a graph whose counts are not the expected ones; `folder` is where it was read. */
clm_status clm_description_check(const clm_description *description, const clm_graph *graph,
                                 const char *folder);

/* Refuses described files in `folder` whose sha256 differs; `all`: missing ones, too. */
clm_status clm_description_check_files(const clm_description *description, const char *folder,
                                       bool all);

#endif
