#include "base/scope.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One list holds memory and deferred releases, so that both go in one reverse order: an object may
 * use, in its release, whatever was made before it. */
struct clm_scope_entry {
    struct clm_scope_entry *previous;
    void (*release)(void *object); /* null: the entry is memory, which follows the entry itself */
    void *object;
    max_align_t memory[];
};

static struct clm_scope_entry *entry_new(clm_scope *scope, size_t bytes)
{
    struct clm_scope_entry *entry = NULL;
    if (bytes <= SIZE_MAX - sizeof *entry) entry = calloc(1, sizeof *entry + bytes);
    if (entry == NULL) {
        fprintf(stderr, "clmoe: out of memory on the host: cannot allocate %zu bytes\n", bytes);
        exit(1);
    }
    entry->previous = scope->last;
    scope->last = entry;
    return entry;
}

void *clm_alloc(clm_scope *scope, size_t bytes)
{
    return entry_new(scope, bytes)->memory;
}

void *clm_alloc_array(clm_scope *scope, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
    return clm_alloc(scope, bytes);
}

void clm_scope_defer(clm_scope *scope, void (*release)(void *object), void *object)
{
    struct clm_scope_entry *entry = entry_new(scope, 0);
    entry->release = release;
    entry->object = object;
}

void clm_scope_end(clm_scope *scope)
{
    while (scope->last != NULL) {
        struct clm_scope_entry *entry = scope->last;
        scope->last = entry->previous;
        if (entry->release != NULL) entry->release(entry->object);
        free(entry);
    }
}
