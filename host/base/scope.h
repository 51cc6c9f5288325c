/* Ownership: everything lives in a scope (process, data set, cell) and goes when the scope ends.
 *
 * Functions take the scope to allocate in; nobody frees. A function opens a scope or returns early
 * through a macro (CLM_TRY), never both, so there are no labels and no leaks. */
#ifndef CLM_BASE_SCOPE_H
#define CLM_BASE_SCOPE_H

#include <stddef.h>

typedef struct clm_scope {
    struct clm_scope_entry *last; /* null: empty; a zeroed scope is ready for use */
} clm_scope;

/* Zeroed memory of `bytes` bytes that lives as long as `scope`. Never null: a host that is out of
 * memory ends the process with exit status 1 after naming the size, which costs a worker its cell.
 */
void *clm_alloc(clm_scope *scope, size_t bytes);

/* As clm_alloc for `count` elements of `size` bytes; an overflowing product counts as out of
 * memory. */
void *clm_alloc_array(clm_scope *scope, size_t count, size_t size);

/* Calls release(object) when the scope ends, in reverse order of registration. */
void clm_scope_defer(clm_scope *scope, void (*release)(void *object), void *object);

/* Releases everything in reverse order; the scope is empty and usable afterwards. */
void clm_scope_end(clm_scope *scope);

#endif
