/* User cache: where what is known about this machine's devices is kept between runs. */
#ifndef CLM_BASE_USER_CACHE_H
#define CLM_BASE_USER_CACHE_H

#include "base/scope.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes a folder and those above it; false with errno when it cannot. */
bool clm_make_folders(const char *path);

/* The folder clmoe/<name> of the user's cache ($XDG_CACHE_HOME, else ~/.cache), whether it exists
 * or not; null when the environment names none. */
const char *clm_user_cache(clm_scope *scope, const char *name);

/* Writes a file whole or not at all, so that a reader or a second writer never sees half of it;
 * false with errno. */
bool clm_write_whole(const char *path, const void *data, size_t bytes);

#endif
