#include "data/description.h"
#include "base/sha256.h"
#include "base/share.h"
#include "base/text.h"
#include "base/yaml.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4096 }; /* entries of any list */

#define TEXT(key, flags, type)                                                                     \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), type, key, 1, 4096)
#define LIST(key, type, entry)                                                                     \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, key, entry, 0, MOST)
#define COUNT(key, type) CYAML_FIELD_INT(#key, CYAML_FLAG_DEFAULT, type, key)
#define MAYBE(key, type) CYAML_FIELD_INT(#key, CYAML_FLAG_OPTIONAL, type, key)
#define MAPPING(key, type, fields)                                                                 \
    CYAML_FIELD_MAPPING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, key, fields)
#define CHOICE(key, type, names)                                                                   \
    CYAML_FIELD_ENUM(#key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, key, names,              \
                     CYAML_ARRAY_LEN(names))

static const cyaml_schema_field_t file_fields[] = {
    TEXT(name, 0, clm_described_file), TEXT(sha256, 0, clm_described_file), CYAML_FIELD_END};
static const cyaml_schema_value_t file_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, clm_described_file, file_fields)};

static const cyaml_schema_field_t type_fields[] = {
    TEXT(name, 0, clm_described_type), COUNT(nodes, clm_described_type),
    COUNT(nonzeros, clm_described_type), CYAML_FIELD_END};
static const cyaml_schema_value_t type_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, clm_described_type, type_fields)};

static const cyaml_schema_field_t link_fields[] = {
    TEXT(name, 0, clm_described_link), COUNT(edges, clm_described_link), CYAML_FIELD_END};
static const cyaml_schema_value_t link_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, clm_described_link, link_fields)};

static const cyaml_schema_field_t split_fields[] = {
    COUNT(train, clm_described_split), COUNT(val, clm_described_split),
    COUNT(test, clm_described_split), CYAML_FIELD_END};

static const cyaml_schema_field_t expected_fields[] = {
    LIST(types, clm_described_counts, &type_entry),
    LIST(links, clm_described_counts, &link_entry),
    MAYBE(graphs, clm_described_counts),
    MAYBE(tasks, clm_described_counts),
    MAYBE(classes, clm_described_counts),
    MAYBE(labels, clm_described_counts),
    MAPPING(split, clm_described_counts, split_fields),
    CYAML_FIELD_END};

static const cyaml_schema_field_t generate_fields[] = {
    COUNT(nodes, clm_synthetic),
    COUNT(edges, clm_synthetic),
    COUNT(types, clm_synthetic),
    COUNT(roles, clm_synthetic),
    COUNT(features, clm_synthetic),
    CYAML_FIELD_FLOAT("noise", CYAML_FLAG_DEFAULT, clm_synthetic, noise),
    COUNT(seed, clm_synthetic),
    CYAML_FIELD_END};

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, 4096)};
static const cyaml_strval_t switches[] = {{"off", 0}, {"on", 1}};
static const cyaml_strval_t tasks[] = {{"link", CLM_TASK_LINK},
                                       {"accuracy", CLM_TASK_ACCURACY},
                                       {"rocauc", CLM_TASK_ROCAUC},
                                       {"rmse", CLM_TASK_RMSE}};
static const cyaml_strval_t mades[] = {
    {"none", CLM_MADE_NONE}, {"mean", CLM_MADE_MEAN}, {"union", CLM_MADE_UNION}};

static const cyaml_schema_field_t fields[] = {
    TEXT(name, 0, clm_description),
    TEXT(about, 0, clm_description),
    TEXT(format, 0, clm_description),
    TEXT(source, 0, clm_description),
    TEXT(licence, 0, clm_description),
    TEXT(folder, CYAML_FLAG_OPTIONAL, clm_description),
    LIST(files, clm_description, &file_entry),
    MAPPING(expected, clm_description, expected_fields),
    CHOICE(task, clm_description, tasks),
    TEXT(target, CYAML_FLAG_OPTIONAL, clm_description),
    LIST(without, clm_description, &text_entry),
    CHOICE(inner, clm_description, switches),
    CHOICE(made, clm_description, mades),
    TEXT(made_unsupported, CYAML_FLAG_OPTIONAL, clm_description),
    MAPPING(generate, clm_description, generate_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, clm_description, fields)};

/* What a schema cannot say: which keys belong together, and ranges. */
static clm_status check(const clm_description *d, const char *name)
{
    if (strcmp(d->name, name) != 0)
        return clm_yaml_fail(d->yaml, "/name", false, "the name must be that of the file, %s",
                             name);
    if ((d->folder == NULL) == (d->generate == NULL))
        return clm_yaml_fail(d->yaml, "/name", false,
                             "a data set has either a folder or generate, the parameters to "
                             "generate it with");
    if (d->task == CLM_TASK_LINK && d->made == CLM_MADE_NONE && d->made_unsupported == NULL)
        return clm_yaml_fail(
            d->yaml, "/made", false,
            "made: none needs made_unsupported, the reason why features=train_only "
            "cannot be had");
    for (unsigned i = 0; i < d->files_count; i++) {
        const char *hash = d->files[i].sha256;
        char node[64];
        (void)snprintf(node, sizeof node, "/files/%u/sha256", i);
        if (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64)
            return clm_yaml_fail(d->yaml, node, false,
                                 "expected 64 hexadecimal digits in lower case");
    }
    const char *fault = NULL;
    if (d->generate == NULL || clm_synthetic_check(d->generate, &fault) == CLM_OK) return CLM_OK;
    char node[64], why[512];
    (void)snprintf(node, sizeof node, "/generate/%s", fault);
    (void)snprintf(why, sizeof why, "%.500s", clm_error_last()->what);
    return clm_yaml_fail(d->yaml, node, false, "%s", why);
}

clm_status clm_description_read(clm_scope *scope, const char *name, const clm_description **found)
{
    *found = NULL;
    if (strchr(name, '/') != NULL) return CLM_OK;
    const char *folder = NULL;
    CLM_TRY(clm_share(scope, "suites/data", &folder));
    const char *path = clm_text(scope, "%s/%s.yaml", folder, name);
    if (access(path, F_OK) != 0) return CLM_OK;
    void *data = NULL;
    clm_yaml *yaml = NULL;
    CLM_TRY(clm_yaml_open(scope, path, &yaml));
    CLM_TRY(clm_yaml_load(yaml, &schema, &data));
    clm_description *description = data;
    description->path = path;
    description->yaml = yaml;
    CLM_TRY(check(description, name));
    *found = description;
    return CLM_OK;
}

static int is_yaml(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

clm_status clm_description_names(clm_scope *scope, const char *const **names)
{
    const char *folder = NULL;
    CLM_TRY(clm_share(scope, "suites/data", &folder));
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, is_yaml, alphasort);
    if (count < 0)
        return clm_fail(CLM_ERROR_USAGE, "%s: cannot be listed: %s", folder, strerror(errno));
    const char **list = clm_alloc_array(scope, (size_t)count + 1, sizeof *list);
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(entry[i]->d_name) - 5;
        list[i] = clm_text(scope, "%.*s", (int)length, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    *names = list;
    return CLM_OK;
}

/* Refuses a count that the description contradicts; `node` is where it says so. */
static clm_status check_count(const clm_description *d, const char *node, int64_t expected,
                              int64_t counted, const char *folder)
{
    if (expected == counted) return CLM_OK;
    clm_yaml_fail(d->yaml, node, false, "expected %lld, but %s has %lld", (long long)expected,
                  folder, (long long)counted);
    clm_error_advice("this is another version of %s: fetch it from %s, or load the folder by its "
                     "path, which expects nothing",
                     d->name, d->source);
    return CLM_FAIL;
}

static clm_status check_entry(const clm_description *d, const char *list, unsigned i,
                              const char *key, int64_t expected, int64_t counted,
                              const char *folder)
{
    char node[96];
    (void)snprintf(node, sizeof node, "/expected/%s/%u/%s", list, i, key);
    return check_count(d, node, expected, counted, folder);
}

static clm_status check_named(const clm_description *d, const char *list, unsigned i,
                              const char *name, bool exists, const char *folder)
{
    if (exists) return CLM_OK;
    char node[96];
    (void)snprintf(node, sizeof node, "/expected/%s/%u/name", list, i);
    clm_yaml_fail(d->yaml, node, false, "%s has no %s", folder, name);
    clm_error_advice("names stand in its schema.tsv; load a folder without one by its path");
    return CLM_FAIL;
}

/* What only sets whose labels are predicted have. */
static clm_status check_labels(const clm_description *d, const clm_graph *graph, const char *folder)
{
    const clm_described_counts *e = d->expected;
    if (graph->task == CLM_TASK_LINK) return CLM_OK;
    CLM_TRY(check_count(d, "/expected/graphs", e->graphs, graph->graphs, folder));
    CLM_TRY(check_count(d, "/expected/tasks", e->tasks, graph->tasks, folder));
    CLM_TRY(check_count(d, "/expected/classes", e->classes, graph->classes, folder));
    CLM_TRY(check_count(d, "/expected/labels", e->labels, clm_graph_labels(graph), folder));
    int32_t part[4];
    clm_graph_parts(graph, part);
    const clm_described_split none = {0}, *split = e->split != NULL ? e->split : &none;
    CLM_TRY(check_count(d, "/expected/split/train", split->train, part[CLM_PART_TRAIN], folder));
    CLM_TRY(check_count(d, "/expected/split/val", split->val, part[CLM_PART_VAL], folder));
    return check_count(d, "/expected/split/test", split->test, part[CLM_PART_TEST], folder);
}

clm_status clm_description_check(const clm_description *d, const clm_graph *graph,
                                 const char *folder)
{
    if (d->expected == NULL) return CLM_OK;
    for (unsigned i = 0; i < d->expected->types_count; i++) {
        const clm_described_type *expected = &d->expected->types[i];
        const int32_t t = clm_graph_type(graph, expected->name);
        CLM_TRY(check_named(d, "types", i, expected->name, t >= 0, folder));
        const clm_node_type *type = &graph->type[t];
        const int64_t nonzeros =
            graph->row_ptr[type->first + type->count] - graph->row_ptr[type->first];
        CLM_TRY(check_entry(d, "types", i, "nodes", expected->nodes, type->count, folder));
        CLM_TRY(check_entry(d, "types", i, "nonzeros", expected->nonzeros, nonzeros, folder));
    }
    for (unsigned i = 0; i < d->expected->links_count; i++) {
        const clm_described_link *expected = &d->expected->links[i];
        const int32_t r = clm_graph_relation(graph, expected->name);
        CLM_TRY(check_named(d, "links", i, expected->name, r >= 0, folder));
        CLM_TRY(
            check_entry(d, "links", i, "edges", expected->edges, graph->relation[r].count, folder));
    }
    return check_labels(d, graph, folder);
}

/* sha256 of a file; empty where it does not exist. */
static clm_status hash_file(const char *path, char hex[65])
{
    hex[0] = '\0';
    FILE *file = fopen(path, "rb");
    if (file == NULL && errno == ENOENT) return CLM_OK;
    if (file == NULL)
        return clm_fail(CLM_ERROR_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    clm_sha256 hash;
    clm_sha256_start(&hash);
    char bytes[1 << 16];
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, file)) > 0;)
        clm_sha256_add(&hash, bytes, got);
    const int code = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (code != 0) return clm_fail(CLM_ERROR_USAGE, "%s: cannot be read: %s", path, strerror(code));
    clm_sha256_end(&hash, hex);
    return CLM_OK;
}

clm_status clm_description_check_files(const clm_description *d, const char *folder, bool all)
{
    for (unsigned i = 0; i < d->files_count; i++) {
        const clm_described_file *file = &d->files[i];
        char path[4096], hex[65];
        (void)snprintf(path, sizeof path, "%s/%s", folder, file->name);
        CLM_TRY(hash_file(path, hex));
        if (hex[0] == '\0' && all) {
            clm_fail(CLM_ERROR_USAGE, "%s: does not exist, but belongs to %s", path, d->name);
            clm_error_advice("the whole data set comes from %s", d->source);
            return CLM_FAIL;
        }
        if (hex[0] == '\0' || strcmp(hex, file->sha256) == 0) continue;
        clm_fail(CLM_ERROR_USAGE,
                 "%s: is not the file that %s describes\n  sha256    %s\n  expected  %s", path,
                 d->path, hex, file->sha256);
        clm_error_advice("the file was changed or damaged: fetch it again (clmoe data fetch %s); a "
                         "data set of your own loads by the path of its folder",
                         d->name);
        return CLM_FAIL;
    }
    return CLM_OK;
}
