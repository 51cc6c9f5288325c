/* A table of tunings as YAML. */
#include "op/tuning_internal.h"

#include "base/sha256.h"
#include "base/share.h"
#include "base/text.h"
#include "base/user_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- reading --- */

#define TEXT(key, flags, member)                                                                   \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), clm_tuned, member, 0, CYAML_UNLIMITED)
#define NUMBER(key, member) CYAML_FIELD_FLOAT(key, CYAML_FLAG_OPTIONAL, clm_tuned, member)

static const cyaml_schema_field_t entry_fields[] = {
    TEXT("operator", CYAML_FLAG_DEFAULT, op),
    TEXT("class", CYAML_FLAG_DEFAULT, shape),
    TEXT("variant", CYAML_FLAG_OPTIONAL, variant),
    TEXT("tunables", CYAML_FLAG_OPTIONAL, tunables),
    TEXT("from", CYAML_FLAG_OPTIONAL, from),
    NUMBER("default_ns", default_ns),
    NUMBER("ratio", ratio),
    NUMBER("low", low),
    NUMBER("high", high),
    CYAML_FIELD_INT("trials", CYAML_FLAG_OPTIONAL, clm_tuned, trials),
    CYAML_FIELD_BOOL("complete", CYAML_FLAG_OPTIONAL, clm_tuned, complete),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t ended_fields[] = {
    TEXT("operator", CYAML_FLAG_DEFAULT, op),     TEXT("class", CYAML_FLAG_DEFAULT, shape),
    TEXT("variant", CYAML_FLAG_DEFAULT, variant), TEXT("tunables", CYAML_FLAG_DEFAULT, tunables),
    TEXT("reason", CYAML_FLAG_DEFAULT, reason),   CYAML_FIELD_END,
};
static const cyaml_schema_value_t entry_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, clm_tuned, entry_fields)};
static const cyaml_schema_value_t ended_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, clm_tuned, ended_fields)};

#define LIST(word, member, of)                                                                     \
    {                                                                                              \
        .key = word,                                                                               \
        .value = {.type = CYAML_SEQUENCE,                                                          \
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                               \
                  .data_size = sizeof(clm_tuned),                                                  \
                  .sequence = {.entry = &(of), .min = 0, .max = CYAML_UNLIMITED}},                 \
        .data_offset = offsetof(clm_tuning, member.entry),                                         \
        .count_offset = offsetof(clm_tuning, member.count), .count_size = sizeof(unsigned),        \
    }
static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING_PTR("device", CYAML_FLAG_POINTER, clm_tuning, key, 1, 64),
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, clm_tuning, name, 0, 1024),
    CYAML_FIELD_STRING_PTR("driver", CYAML_FLAG_POINTER, clm_tuning, driver, 0, 1024),
    CYAML_FIELD_FLOAT("seconds", CYAML_FLAG_OPTIONAL, clm_tuning, seconds),
    LIST("entries", entries, entry_value),
    LIST("ended", ended, ended_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, clm_tuning, fields)};

static clm_status hash_file(const char *path, char hex[65])
{
    FILE *file = fopen(path, "rb");
    if (!file) return clm_fail(CLM_ERROR_FAILED, "%s: %s", path, strerror(errno));
    clm_sha256 hash;
    char part[4096];
    clm_sha256_start(&hash);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        clm_sha256_add(&hash, part, got);
    (void)fclose(file);
    clm_sha256_end(&hash, hex);
    return CLM_OK;
}

/* The same entries in a list of the table's own: put changes them, and the file's are freed with
 * what they were. */
static clm_tuned_list own_list(clm_scope *scope, const clm_tuned_list *from)
{
    clm_tuned_list list = {clm_alloc_array(scope, from->count + 1, sizeof *list.entry),
                           from->count};
    if (from->count > 0) memcpy(list.entry, from->entry, from->count * sizeof *list.entry);
    return list;
}

clm_status clm_tuning_read(clm_scope *scope, const char *path, clm_tuning **out)
{
    clm_yaml *yaml;
    void *data;
    CLM_TRY(clm_yaml_open(scope, path, &yaml));
    CLM_TRY(clm_yaml_load(yaml, &schema, &data));
    clm_tuning *tuning = clm_alloc(scope, sizeof *tuning);
    *tuning = *(const clm_tuning *)data;
    tuning->scope = scope;
    tuning->entries = own_list(scope, &tuning->entries);
    tuning->ended = own_list(scope, &tuning->ended);
    tuning->path = clm_text(scope, "%s", path);
    tuning->yaml = yaml;
    CLM_TRY(hash_file(path, tuning->sha256));
    *out = tuning;
    return CLM_OK;
}

clm_status clm_tuning_load(clm_scope *scope, const clm_device *device, clm_tuning **tuning)
{
    const char *folder = clm_user_cache(scope, "tuning"), *path;
    const char *own = folder ? clm_text(scope, "%s/%s.yaml", folder, device->key) : NULL;
    if (own && access(own, F_OK) == 0) return clm_tuning_read(scope, own, tuning);
    if (clm_share(scope, clm_text(scope, "suites/tuned/%s.yaml", device->key), &path) == CLM_OK)
        return clm_tuning_read(scope, path, tuning);
    (void)clm_skip("%s (key %s) is not tuned", device->name, device->key);
    clm_error_advice("clmoe tune -d '%s', which takes 5 minutes, or lane portable", device->id);
    return CLM_SKIP;
}

/* --- writing --- */

static void put_text(FILE *out, const char *before, const char *key, const char *text)
{
    fprintf(out, "%s%s: \"", before, key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputs("\"\n", out);
}

static void put_choice(FILE *out, const clm_tuned *e)
{
    put_text(out, "  - ", "operator", e->op);
    put_text(out, "    ", "class", e->shape);
    if (e->variant) put_text(out, "    ", "variant", e->variant);
    if (e->tunables) put_text(out, "    ", "tunables", e->tunables);
}

static void put_table(FILE *out, const clm_tuning *tuning)
{
    fputs("# What `clmoe tune` found: lane tuned reads it. An entry that is taken out has its "
          "defaults back.\n",
          out);
    put_text(out, "", "device", tuning->key);
    put_text(out, "", "name", tuning->name);
    put_text(out, "", "driver", tuning->driver);
    fprintf(out, "seconds: %.0f\nentries:%s\n", tuning->seconds,
            tuning->entries.count ? "" : " []");
    for (unsigned i = 0; i < tuning->entries.count; i++) {
        const clm_tuned *e = &tuning->entries.entry[i];
        put_choice(out, e);
        fprintf(out, "    default_ns: %.0f\n    ratio: %.4f\n    low: %.4f\n    high: %.4f\n",
                e->default_ns, e->ratio, e->low, e->high);
        fprintf(out, "    trials: %d\n    complete: %s\n", e->trials,
                e->complete ? "true" : "false");
        if (e->from) put_text(out, "    ", "from", e->from);
    }
    if (tuning->ended.count) fputs("ended:\n", out);
    for (unsigned i = 0; i < tuning->ended.count; i++) {
        put_choice(out, &tuning->ended.entry[i]);
        put_text(out, "    ", "reason", tuning->ended.entry[i].reason);
    }
}

clm_status clm_tuning_save(clm_scope *scope, const clm_tuning *tuning, const char *folder,
                           const char **path)
{
    if (!folder) folder = clm_user_cache(scope, "tuning");
    if (!folder) {
        clm_fail(CLM_ERROR_USAGE, "there is no folder for what tuning finds");
        clm_error_advice("set HOME or XDG_CACHE_HOME");
        return CLM_FAIL;
    }
    const char *file = clm_text(scope, "%s/%s.yaml", folder, tuning->key);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return clm_fail(CLM_ERROR_OOM, "the host is out of memory for %s", file);
    put_table(out, tuning);
    (void)fclose(out);
    const bool written = clm_make_folders(folder) && clm_write_whole(file, text, bytes);
    const int reason = errno;
    free(text);
    if (!written) return clm_fail(CLM_ERROR_FAILED, "%s: %s", file, strerror(reason));
    if (path) *path = file;
    return CLM_OK;
}
