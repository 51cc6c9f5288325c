/* Staging: a folder that appears whole or not at all. It is filled under another name beside its
 * place and renamed at the end, so a full disk, a crash or Ctrl-C never leaves half a data set. */
#ifndef CLM_DATA_STAGING_H
#define CLM_DATA_STAGING_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct clm_staging {
    clm_scope *scope;
    const char *folder;  /* where it will be */
    const char *partial; /* where it is filled; removed when the scope ends without a commit */
    bool replace;
} clm_staging;

/* Starts a folder, making the folders above it. An existing one is an error, unless it shall be
 * replaced, which happens at the commit. */
clm_status clm_staging_new(clm_scope *scope, const char *folder, bool replace,
                           const clm_staging **staging);

/* A new file in it ("raw/edge.csv": in a folder of it), to be closed by clm_staging_close, which says if the disk is full. */
clm_status clm_staging_file(const clm_staging *staging, const char *name, FILE **file);
clm_status clm_staging_close(const clm_staging *staging, const char *name, FILE *file);

/* Puts the folder in its place. */
clm_status clm_staging_commit(const clm_staging *staging);

#endif
