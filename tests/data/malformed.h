/* What tests of formats need: a small valid folder, and what becomes of it when it is damaged. */
#ifndef CLM_TESTS_MALFORMED_H
#define CLM_TESTS_MALFORMED_H

#include "data.h"

typedef struct file {
    const char *name, *text;
} file;

/* Writes the files with one replaced, or left out where `text` is null. */
static inline const char *folder_of(clm_scope *scope, const file *files, size_t count,
                                    const char *name, const char *text)
{
    const char *folder = new_folder(scope);
    for (size_t i = 0; i < count; i++) {
        const bool replaced = name != NULL && strcmp(name, files[i].name) == 0;
        if (replaced && text == NULL) continue;
        write_text(folder, files[i].name, replaced ? text : files[i].text);
    }
    return folder;
}

/* What is read of them. */
static inline const clm_dataset *dataset_of(clm_scope *scope, const file *files, size_t count,
                                            const char *name, const char *text)
{
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(scope, folder_of(scope, files, count, name, text), NULL, &dataset));
    return dataset;
}

typedef struct wrong_case {
    const char *name, *text; /* the file replaced; null text: missing */
    const char *fragment;    /* of the message */
} wrong_case;

static inline void check_refused(const char *folder, const wrong_case *wrong)
{
    clm_scope scope = {0};
    const clm_dataset *dataset = NULL;
    const clm_status status = clm_dataset_load(&scope, folder, NULL, &dataset);
    clm_scope_end(&scope);
    const clm_error *error = clm_error_last();
    if (status != CLM_FAIL)
        fail_msg("%s was accepted; expected \"%s\"", wrong->name, wrong->fragment);
    assert_int_equal(error->kind, CLM_ERROR_USAGE);
    if (strstr(error->what, wrong->fragment) == NULL)
        fail_msg("%s: \"%s\" lacks \"%s\"", wrong->name, error->what, wrong->fragment);
    if (error->advice[0] == '\0')
        fail_msg("%s: \"%s\" does not say what to do", wrong->name, error->what);
}

static inline void check_all_refused(const file *files, size_t count, const wrong_case *wrong,
                                     size_t wrongs)
{
    for (size_t i = 0; i < wrongs; i++) {
        clm_scope scope = {0};
        check_refused(folder_of(&scope, files, count, wrong[i].name, wrong[i].text), &wrong[i]);
        clm_scope_end(&scope);
    }
}

/* A small generator (Numerical Recipes' constants): the fuzz must be the same every time. */
static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* One to three changes of a byte, insertions, deletions or cuts; returns the new size. */
static inline size_t damaged(char *bytes, size_t size, uint32_t *random)
{
    static const char likely[] = "\t\n\r :,-+.eE0123456789\0#xyz\xff";
    for (uint32_t hits = 1 + next_random(random) % 3; hits > 0; hits--) {
        const size_t at = next_random(random) % size;
        const char byte = likely[next_random(random) % (sizeof likely - 1)];
        const uint32_t kind = next_random(random) % 4;
        if (kind == 0) { /* insert */
            memmove(bytes + at + 1, bytes + at, size - at);
            size++;
        } else if (kind == 1 && size > 1) { /* delete */
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size--;
            continue;
        } else if (kind == 2) { /* cut off */
            size = at > 0 ? at : 1;
            continue;
        }
        bytes[at] = byte;
    }
    return size;
}

/* Property: no bytes crash the reader; what it accepts passes `check`. Built with the sanitizers
 * this also finds reads past a buffer. `optional` (may be null) is left out every second time.
 * Returns how many of `rounds` damaged folders were accepted. */
static inline int damage(const file *files, size_t count, const char *optional, int rounds,
                         void (*check)(clm_scope *scope, const clm_dataset *dataset))
{
    uint32_t random = 1;
    clm_scope outer = {0};
    const char *folder = folder_of(&outer, files, count, NULL, NULL);
    int accepted = 0;
    for (int round = 0; round < rounds; round++) {
        const file *victim = &files[next_random(&random) % count];
        char bytes[1024];
        memcpy(bytes, victim->text, strlen(victim->text));
        const size_t size = damaged(bytes, strlen(victim->text), &random);
        write_file(folder, victim->name, bytes, size);
        if (round % 2 == 1 && optional != NULL)
            (void)remove(clm_text(&outer, "%s/%s", folder, optional));
        clm_scope scope = {0};
        const clm_dataset *dataset = NULL;
        const clm_status status = clm_dataset_load(&scope, folder, NULL, &dataset);
        if (status == CLM_OK)
            check(&scope, dataset);
        else
            assert_true(clm_error_last()->what[0] != '\0');
        accepted += status == CLM_OK ? 1 : 0;
        clm_scope_end(&scope);
        for (size_t i = 0; i < count; i++)
            if (&files[i] == victim || (optional != NULL && strcmp(files[i].name, optional) == 0))
                write_text(folder, files[i].name, files[i].text);
    }
    clm_scope_end(&outer);
    return accepted;
}

#endif
