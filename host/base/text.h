/* Text: formatting into a scope, reading files, and guessing what a mistyped name meant. */
#ifndef CLM_BASE_TEXT_H
#define CLM_BASE_TEXT_H

#include "base/scope.h"
#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* A formatted string that lives as long as `scope`. */
char *clm_text(clm_scope *scope, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *clm_text_list(clm_scope *scope, const char *format, va_list list);

/* The name among `names` (ends with null) closest to `word` by edit distance, or null when none is
 * near enough to be worth suggesting (more than a third of its letters differ). */
const char *clm_did_you_mean(const char *word, const char *const *names);

/* Bytes as people read them: "3.1 GiB", "512 KiB". */
char *clm_text_bytes(clm_scope *scope, uint64_t bytes);

/* Nanoseconds as people read them: "4.1 us", "87.3 ms", "1.24 s", "10.5 min", "2 h". */
char *clm_text_ns(clm_scope *scope, double nanoseconds);

/* Elements of a list that ends with null; 0 for no list. */
size_t clm_list_length(const char *const *list);

#endif
