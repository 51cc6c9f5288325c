/* YAML: every mistake is a usage error with file:line:column, the line and a caret. */
#include "unit.h"

#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct item {
    char *name;
    char **tags;
    unsigned tags_count;
} item;

typedef struct top {
    char *title;
    int seeds;
    item *items;
    unsigned items_count;
} top;

static const cyaml_schema_value_t text = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 99)};
static const cyaml_schema_field_t item_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, item, name, 1, 99),
    CYAML_FIELD_SEQUENCE("tags", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, item, tags, &text, 1, 9),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, item, item_fields)};
static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER, top, title, 1, 99),
    CYAML_FIELD_INT("seeds", CYAML_FLAG_OPTIONAL, top, seeds),
    CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER, top, items, &item_schema, 1, 9),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t top_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, top, top_fields)};

static char path[] = "/tmp/clmoe-test-yaml-XXXXXX";

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static clm_status load(clm_scope *scope, const char *content, clm_yaml **yaml, top **out)
{
    write_file(content);
    CLM_TRY(clm_yaml_open(scope, path, yaml));
    void *data = NULL;
    CLM_TRY(clm_yaml_load(*yaml, &top_schema, &data));
    *out = data;
    return CLM_OK;
}

static void a_good_file_fills_the_struct(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_yaml *yaml = NULL;
    top *t = NULL;
    assert_ok(load(&scope,
                   "title: no\nseeds: 3\nitems:\n  - name: a\n  - {name: b, tags: [off, 0.3]}\n",
                   &yaml, &t));
    assert_string_equal(t->title, "no"); /* a typed schema: no truth values */
    assert_int_equal(t->seeds, 3);
    assert_int_equal(t->items_count, 2);
    assert_string_equal(t->items[0].name, "a");
    assert_string_equal(t->items[1].name, "b");
    assert_int_equal(t->items[1].tags_count, 2);
    assert_string_equal(t->items[1].tags[0], "off");
    assert_string_equal(t->items[1].tags[1], "0.3");
    clm_scope_end(&scope);
}

/* Property: the message starts with path:line:column, its last line is a caret below that column.
 */
static void expect_error(const char *content, int line, int column, const char *words)
{
    clm_scope scope = {0};
    clm_yaml *yaml = NULL;
    top *t = NULL;
    assert_int_equal(load(&scope, content, &yaml, &t), CLM_FAIL);
    const clm_error *error = clm_error_last();
    assert_int_equal(error->kind, CLM_ERROR_USAGE);
    char place[64];
    (void)snprintf(place, sizeof place, "%s:%d:%d: ", path, line, column);
    if (strncmp(error->what, place, strlen(place)) != 0 || strstr(error->what, words) == NULL)
        fail_msg("expected %s%s\ngot %s", place, words, error->what);
    const char *caret = strrchr(error->what, '\n');
    assert_non_null(caret);
    assert_int_equal(strlen(caret + 1), 4 + column);
    assert_int_equal(error->what[strlen(error->what) - 1], '^');
    clm_scope_end(&scope);
}

static void mistakes_are_shown_where_they_are(void **state)
{
    (void)state;
    expect_error("title: a\nseedz: 3\nitems:\n  - name: a\n", 2, 1,
                 "unknown key 'seedz'; did you mean 'seeds'?");
    expect_error("title: a\nitems:\n  - {name: a, tag: [x]}\n", 3, 15, "did you mean 'tags'?");
    expect_error("title: a\nitems:\n  - name: a\n    xyzzy: 1\n", 4, 5, "unknown key 'xyzzy'");
    expect_error("title: a\ntitle: b\nitems:\n  - name: a\n", 2, 1, "duplicate key");
    expect_error("title: a\nseeds: many\nitems:\n  - name: a\n", 2, 8, "number");
    expect_error("title: a\nseeds: [1]\nitems:\n  - name: a\n", 2, 8, "expected one whole number");
    expect_error("title: a\nitems:\n  - name: a\n    tags: x\n", 4, 11, "expected a list");
    expect_error("title: a\nitems:\n  - name: [x]\n", 3, 11, "expected one value");
    expect_error("title: a\nitems:\n  - x\n", 3, 5, "expected `key: value` pairs");
    expect_error("title: a\nitems: []\n", 2, 8, "at least one entry");
    expect_error("title: a\nitems:\n  - tags: [x]\n", 3, 5, "'name' is missing here");
    expect_error("title: a\nitems:\n  - name: [x\n", 4, 1, "");
    expect_error("just text\n", 1, 1, "expected `key: value` lines");
}

static void further_checks_point_at_their_node(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_yaml *yaml = NULL;
    top *t = NULL;
    assert_ok(load(&scope, "title: a\nitems:\n  - {name: a, tags: [x, bad]}\n", &yaml, &t));
    char place[96];
    (void)clm_yaml_fail(yaml, "/items/0/tags/1", false, "%s is bad", "bad");
    (void)snprintf(place, sizeof place, "%s:3:25: bad is bad\n", path);
    assert_int_equal(strncmp(clm_error_last()->what, place, strlen(place)), 0);
    (void)clm_yaml_fail(yaml, "/items/0/tags", true, "no tags wanted");
    (void)snprintf(place, sizeof place, "%s:3:15: no tags wanted\n", path);
    assert_int_equal(strncmp(clm_error_last()->what, place, strlen(place)), 0);
    clm_scope_end(&scope);
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_yaml *yaml = NULL;
    assert_int_equal(clm_yaml_open(&scope, "/nowhere/suite.yaml", &yaml), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "/nowhere/suite.yaml: No such file"));
    assert_int_equal(clm_yaml_open(&scope, "/", &yaml), CLM_FAIL);
    write_file("\n# nothing\n  # here");
    assert_int_equal(clm_yaml_open(&scope, path, &yaml), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "is empty"));
    clm_scope_end(&scope);
}

int main(void)
{
    const int file = mkstemp(path);
    if (file < 0) return 1;
    close(file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_fills_the_struct),
        cmocka_unit_test(mistakes_are_shown_where_they_are),
        cmocka_unit_test(further_checks_point_at_their_node),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
