/* What tests of data need: data sets that may be absent, folders made on the spot. */
#ifndef CLM_TESTS_DATA_H
#define CLM_TESTS_DATA_H

#include "unit.h"

#include "base/scope.h"
#include "base/text.h"
#include "data/graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Loads a named set, or skips the test where CLMOE_DATA is not set. */
static inline const clm_dataset *load_or_skip(clm_scope *scope, const char *name)
{
    if (getenv("CLMOE_DATA") == NULL) {
        print_message("CLMOE_DATA is not set: no real data sets to test with\n");
        skip();
    }
    const clm_dataset *dataset = NULL;
    assert_ok(clm_dataset_load(scope, name, NULL, &dataset));
    return dataset;
}

/* Removes a folder with all that is in it. */
static inline void remove_folder(const char *folder)
{
    char command[4352];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static inline void remove_at_end(void *folder) { remove_folder(folder); }

/* A new empty folder that goes with the scope. */
static inline const char *new_folder(clm_scope *scope)
{
    const char *base = getenv("TMPDIR");
    char *folder = clm_text(scope, "%s/clmoe-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    clm_scope_defer(scope, remove_at_end, folder);
    return folder;
}

static inline void write_file(const char *folder, const char *name, const char *bytes, size_t size)
{
    char path[4352];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(path, sizeof path, "%s/%.*s", folder, (int)(slash - name), name);
        assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *folder, const char *name, const char *text)
{
    write_file(folder, name, text, strlen(text));
}

#endif
