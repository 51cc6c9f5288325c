#include "base/yaml.h"

#include "base/text.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

struct clm_yaml {
    clm_scope *scope;
    const char *path;
    char *text;
    size_t length;
    struct fy_document *document;
};

typedef struct position {
    int line, column; /* from 1; 0: unknown */
} position;

/* Fails with "path:line:column: message", the line, and a caret. */
static clm_status fail_at(const clm_yaml *yaml, position at, const char *message)
{
    const char *line = yaml->text;
    for (int i = 1; i < at.line && line != NULL; i++) {
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    if (at.line < 1 || line == NULL)
        return clm_fail(CLM_ERROR_USAGE, "%s: %s", yaml->path, message);
    const int length = (int)strcspn(line, "\n");
    const int column = at.column < 1 ? 1 : at.column > length + 1 ? length + 1 : at.column;
    return clm_fail(CLM_ERROR_USAGE, "%s:%d:%d: %s\n    %.*s\n    %*s", yaml->path, at.line, column,
                    message, length, line, column, "^");
}

static clm_status read_file(clm_scope *scope, const char *path, char **text, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        clm_fail(CLM_ERROR_USAGE, "%s: %s", path, strerror(errno));
        clm_error_advice("check the path; `clmoe list` shows what there is");
        return CLM_FAIL;
    }
    size_t size = 0, capacity = 1 << 12;
    char *buffer = clm_alloc(scope, capacity);
    for (size_t got; (got = fread(buffer + size, 1, capacity - size - 1, file)) > 0;) {
        size += got;
        if (size + 1 < capacity) continue;
        char *larger = clm_alloc(scope, 2 * capacity);
        memcpy(larger, buffer, size);
        buffer = larger;
        capacity *= 2;
    }
    const bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) return clm_fail(CLM_ERROR_USAGE, "%s cannot be read (is it a folder?)", path);
    *text = buffer;
    *length = size;
    return CLM_OK;
}

static void release_document(void *document) { fy_document_destroy(document); }
static void release_diag(void *diag) { fy_diag_destroy(diag); }

/* Whether there is nothing but blanks and comments; libfyaml speaks up on standard error then. */
static bool is_empty(const char *text)
{
    while (*text != '\0') {
        text += strspn(text, " \t\r\n");
        if (*text != '#') break;
        text += strcspn(text, "\n");
    }
    return *text == '\0';
}

static clm_status parse_error(const clm_yaml *yaml, struct fy_diag *diag)
{
    void *next = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &next);
    if (error == NULL) return fail_at(yaml, (position){0, 0}, "not a YAML file");
    return fail_at(yaml, (position){error->line, error->column}, error->msg);
}

clm_status clm_yaml_open(clm_scope *scope, const char *path, clm_yaml **out)
{
    clm_yaml *yaml = clm_alloc(scope, sizeof *yaml);
    yaml->scope = scope;
    yaml->path = clm_text(scope, "%s", path);
    CLM_TRY(read_file(scope, path, &yaml->text, &yaml->length));
    if (is_empty(yaml->text)) return clm_fail(CLM_ERROR_USAGE, "%s is empty", path);
    struct fy_diag_cfg settings;
    fy_diag_cfg_default(&settings);
    struct fy_diag *diag = fy_diag_create(&settings);
    clm_scope_defer(scope, release_diag, diag);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg parse = {.flags = FYPCF_RESOLVE_DOCUMENT, .diag = diag};
    yaml->document = fy_document_build_from_string(&parse, yaml->text, yaml->length);
    if (yaml->document == NULL) return parse_error(yaml, diag);
    clm_scope_defer(scope, release_document, yaml->document);
    if (fy_node_is_mapping(fy_document_root(yaml->document))) {
        *out = yaml;
        return CLM_OK;
    }
    return fail_at(yaml, (position){1, 1}, "expected `key: value` lines");
}

static position position_of(struct fy_node *node)
{
    /* A list or mapping has no token of its own: its first leaf stands for it. */
    while (node != NULL && !fy_node_is_scalar(node)) {
        if (fy_node_is_sequence(node)) {
            node = fy_node_sequence_get_by_index(node, 0);
        } else {
            struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, 0);
            node = pair != NULL ? fy_node_pair_key(pair) : NULL;
        }
    }
    struct fy_token *token = node != NULL ? fy_node_get_scalar_token(node) : NULL;
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
    return mark != NULL ? (position){mark->line + 1, mark->column + 1} : (position){0, 0};
}

/* The key under which a node stands, when it is the value of a mapping. */
static struct fy_node *key_of(const clm_yaml *yaml, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = clm_text(yaml->scope, "%.*s", (int)(slash - path), path);
    struct fy_node *root = fy_document_root(yaml->document);
    struct fy_node *mapping =
        parent[0] == '\0' ? root : fy_node_by_path(root, parent, FY_NT, FYNWF_DONT_FOLLOW);
    if (mapping == NULL || !fy_node_is_mapping(mapping)) return NULL;
    void *next = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(mapping, &next)) != NULL;) {
        const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));
        if (name != NULL && strcmp(name, slash + 1) == 0) return fy_node_pair_key(pair);
    }
    return NULL;
}

clm_status clm_yaml_fail(const clm_yaml *yaml, const char *path, bool at_key, const char *format,
                         ...)
{
    va_list list;
    va_start(list, format);
    const char *message = clm_text_list(yaml->scope, format, list);
    va_end(list);
    struct fy_node *node = at_key ? key_of(yaml, path) : NULL;
    if (node == NULL)
        node = fy_node_by_path(fy_document_root(yaml->document), path, FY_NT, FYNWF_DONT_FOLLOW);
    return fail_at(yaml, position_of(node), message);
}

bool clm_yaml_has(const clm_yaml *yaml, const char *node)
{
    return fy_node_by_path(fy_document_root(yaml->document), node, FY_NT, FYNWF_DONT_FOLLOW) !=
           NULL;
}

/* --- what libcyaml finds --- */

typedef struct complaint {
    char message[256];
    position at;
} complaint;

/* Keeps libcyaml's first message and the innermost place of its backtrace. */
static void collect(cyaml_log_t level, void *context, const char *format, va_list list)
{
    complaint *c = context;
    char line[256];
    (void)level;
    (void)vsnprintf(line, sizeof line, format, list);
    line[strcspn(line, "\n")] = '\0';
    const char *where = strstr(line, "(line: ");
    if (where == NULL && c->message[0] == '\0')
        (void)snprintf(c->message, sizeof c->message, "%s",
                       strncmp(line, "Load: ", 6) == 0 ? line + 6 : line);
    if (where == NULL || c->at.line > 0) return;
    char *end;
    c->at.line = (int)strtol(where + strlen("(line: "), &end, 10);
    c->at.column = (int)strtol(end + strlen(", column: "), NULL, 10);
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
    for (; fields->key != NULL; fields++)
        if (strcmp(fields->key, key) == 0) return fields;
    return NULL;
}

/* The first key, in file order, that the schema does not have; *fields: those of its place. */
static struct fy_node *unknown_key(struct fy_node *node, const cyaml_schema_value_t *schema,
                                   const cyaml_schema_field_t **fields)
{
    struct fy_node *found = NULL;
    void *next = NULL;
    if (schema->type == CYAML_SEQUENCE && fy_node_is_sequence(node)) {
        for (struct fy_node *item;
             found == NULL && (item = fy_node_sequence_iterate(node, &next)) != NULL;)
            found = unknown_key(item, schema->sequence.entry, fields);
    } else if (schema->type == CYAML_MAPPING && fy_node_is_mapping(node)) {
        for (struct fy_node_pair *pair;
             found == NULL && (pair = fy_node_mapping_iterate(node, &next)) != NULL;) {
            const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));
            const cyaml_schema_field_t *field =
                name != NULL ? find_field(schema->mapping.fields, name) : NULL;
            if (field == NULL) {
                *fields = schema->mapping.fields;
                return fy_node_pair_key(pair);
            }
            found = unknown_key(fy_node_pair_value(pair), &field->value, fields);
        }
    }
    return found;
}

static clm_status unknown_key_error(const clm_yaml *yaml, struct fy_node *key,
                                    const cyaml_schema_field_t *fields)
{
    size_t count = 0;
    while (fields[count].key != NULL)
        count++;
    const char **names = clm_alloc_array(yaml->scope, count + 1, sizeof *names);
    char *all = clm_text(yaml->scope, "%s", "");
    for (size_t i = 0; i < count; i++) {
        names[i] = fields[i].key;
        all = clm_text(yaml->scope, "%s%s%s", all, i == 0 ? "" : ", ", names[i]);
    }
    const char *name = fy_node_get_scalar0(key);
    if (name == NULL) name = "?";
    const char *near = clm_did_you_mean(name, names);
    fail_at(yaml, position_of(key),
            near != NULL ? clm_text(yaml->scope, "unknown key '%s'; did you mean '%s'?", name, near)
                         : clm_text(yaml->scope, "unknown key '%s'", name));
    clm_error_advice("keys here: %s", all);
    return CLM_FAIL;
}

static bool has_key(struct fy_node *mapping, const char *key)
{
    void *next = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(mapping, &next)) != NULL;) {
        const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));
        if (name != NULL && strcmp(name, key) == 0) return true;
    }
    return false;
}

/* The first mapping, in file order, that lacks a key it must have. */
static struct fy_node *incomplete(struct fy_node *node, const cyaml_schema_value_t *schema,
                                  const char **key)
{
    struct fy_node *found = NULL;
    void *next = NULL;
    if (schema->type == CYAML_SEQUENCE && fy_node_is_sequence(node)) {
        for (struct fy_node *item;
             found == NULL && (item = fy_node_sequence_iterate(node, &next)) != NULL;)
            found = incomplete(item, schema->sequence.entry, key);
    } else if (schema->type == CYAML_MAPPING && fy_node_is_mapping(node)) {
        for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key != NULL; f++) {
            if ((f->value.flags & CYAML_FLAG_OPTIONAL) != 0 || has_key(node, f->key)) continue;
            *key = f->key;
            return node;
        }
        for (struct fy_node_pair *pair;
             found == NULL && (pair = fy_node_mapping_iterate(node, &next)) != NULL;) {
            const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));
            const cyaml_schema_field_t *field =
                name != NULL ? find_field(schema->mapping.fields, name) : NULL;
            if (field != NULL) found = incomplete(fy_node_pair_value(pair), &field->value, key);
        }
    }
    return found;
}

/* libcyaml speaks of its events; readers of a suite think in lists and values. */
static const char *plain_words(const clm_yaml *yaml, const char *message)
{
    static const struct {
        const char *start, *words;
    } known[] = {
        {"Expecting SEQUENCE", "expected a list such as [a, b]"},
        {"Expecting MAPPING", "expected `key: value` pairs such as {p: 0.3}"},
        {"Expecting STRING", "expected one value, not a list or `key: value` pairs"},
        {"Expecting INT", "expected one whole number"},
        {"Invalid INT value", "expected a whole number"},
        {"Invalid int", "expected a whole number"},
        {"Insufficient entries", "expected at least one entry"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i].start);
        if (strncmp(message, known[i].start, length) == 0)
            return clm_text(yaml->scope, "%s%s", known[i].words,
                            known[i].start[length - 1] == ' ' ? message + length : "");
    }
    return message;
}

typedef struct loaded {
    cyaml_config_t settings;
    const cyaml_schema_value_t *schema;
    void *data;
} loaded;

static void release_loaded(void *object)
{
    loaded *l = object;
    (void)cyaml_free(&l->settings, l->schema, l->data, 0);
}

clm_status clm_yaml_load(clm_yaml *yaml, const cyaml_schema_value_t *schema, void **data)
{
    complaint first = {0};
    loaded *l = clm_alloc(yaml->scope, sizeof *l);
    l->schema = schema;
    l->settings = (cyaml_config_t){
        .log_fn = collect, .log_ctx = &first, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_mem};
    const cyaml_err_t status = cyaml_load_data((const uint8_t *)yaml->text, yaml->length,
                                               &l->settings, schema, &l->data, NULL);
    l->settings.log_fn = NULL; /* it writes to this function's frame */
    if (status == CYAML_OK && l->data != NULL) {
        clm_scope_defer(yaml->scope, release_loaded, l);
        *data = l->data;
        return CLM_OK;
    }
    if (status == CYAML_OK || first.message[0] == '\0')
        return fail_at(yaml, (position){1, 1}, cyaml_strerror(status));
    const cyaml_schema_field_t *fields = NULL;
    struct fy_node *key = NULL;
    if (status == CYAML_ERR_INVALID_KEY)
        key = unknown_key(fy_document_root(yaml->document), schema, &fields);
    if (key != NULL) return unknown_key_error(yaml, key, fields);
    const char *missing = NULL;
    if (status == CYAML_ERR_MAPPING_FIELD_MISSING)
        key = incomplete(fy_document_root(yaml->document), schema, &missing);
    if (key != NULL)
        return fail_at(yaml, position_of(key),
                       clm_text(yaml->scope, "'%s' is missing here", missing));
    return fail_at(yaml, first.at, plain_words(yaml, first.message));
}
