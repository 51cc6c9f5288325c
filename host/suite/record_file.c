/* records.jsonl: lines that survive whatever kills the program. */
#include "suite/record.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct clm_records {
    clm_scope *scope;
    const char *folder, *path;
    int file;
    json_t *lines;        /* array of records */
    const char **setting; /* [number of lines] */
    size_t room;
};

/* Says why `path` cannot be written (errno); `begun`: records of the run are there already. */
static clm_status fail_writing(const char *path, bool begun)
{
    const int code = errno;
    clm_fail(CLM_ERROR_FAILED, "%s cannot be written: %s", path, strerror(code));
    clm_error_code(code);
    const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    clm_error_advice("%s", full && begun
                               ? "free some space; then --resume continues the run, nothing is lost"
                           : full ? "free some space, or --out DIR on another disk"
                                  : "--out DIR writes elsewhere, --out none keeps no files");
    return CLM_FAIL;
}

/* --- writing --- */

static void release(void *object)
{
    clm_records *records = object;
    if (records->file >= 0) (void)close(records->file);
    json_decref(records->lines);
}

static clm_records *records_new(clm_scope *scope, const char *folder)
{
    clm_records *records = clm_alloc(scope, sizeof *records);
    records->scope = scope;
    records->folder = clm_text(scope, "%s", folder);
    records->path = clm_text(scope, "%s/records.jsonl", folder);
    records->file = -1;
    records->lines = json_array();
    clm_scope_defer(scope, release, records);
    return records;
}

/* Makes a folder and those above it. */
static clm_status make_folder(clm_scope *scope, const char *folder)
{
    char *path = clm_text(scope, "%s", folder);
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) return fail_writing(path, false);
        if (slash == NULL) return CLM_OK;
        *slash = '/';
    }
}

/* Writes all of a file and waits for the disk. */
static bool write_whole(int file, const char *text, size_t length)
{
    while (length > 0) {
        const ssize_t done = write(file, text, length);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        text += done;
        length -= (size_t)done;
    }
    return fsync(file) == 0;
}

/* Under another name first: plan.json is there as a whole or not at all. */
static clm_status write_plan(clm_scope *scope, const char *folder, const clm_run_plan *plan)
{
    const char *path = clm_text(scope, "%s/plan.json", folder);
    const char *draft = clm_text(scope, "%s.draft", path);
    json_t *json = clm_run_plan_json(plan);
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    json_decref(json);
    const int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool done = file >= 0 && write_whole(file, text, strlen(text));
    free(text);
    if (file >= 0 && close(file) != 0) done = false;
    if (done && rename(draft, path) == 0) return CLM_OK;
    const clm_status status = fail_writing(path, false);
    (void)unlink(draft);
    return status;
}

static clm_status open_file(clm_records *records, int flags)
{
    records->file = open(records->path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0666);
    if (records->file < 0 && errno == EEXIST) {
        clm_fail(CLM_ERROR_USAGE, "%s holds a run already", records->folder);
        clm_error_advice("--resume %s continues it; another --out starts a new one",
                         records->folder);
        return CLM_FAIL;
    }
    if (records->file < 0) return fail_writing(records->path, false);
    if (flock(records->file, LOCK_EX | LOCK_NB) == 0) return CLM_OK;
    clm_fail(CLM_ERROR_USAGE, "%s is being run by another process", records->folder);
    clm_error_advice("wait for it to end");
    return CLM_FAIL;
}

/* A new name in a folder is on the disk when the folder is. */
static void sync_folder(const char *folder)
{
    const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return;
    (void)fsync(file);
    (void)close(file);
}

clm_status clm_records_create(clm_scope *scope, const char *folder, const clm_run_plan *plan,
                              clm_records **out)
{
    clm_records *records = records_new(scope, folder);
    CLM_TRY(make_folder(scope, folder));
    CLM_TRY(open_file(records, O_CREAT | O_EXCL));
    if (write_plan(scope, folder, plan) != CLM_OK) {
        (void)unlink(records->path);
        return CLM_FAIL;
    }
    sync_folder(folder);
    *out = records;
    return CLM_OK;
}

static void remember(clm_records *records, json_t *record)
{
    const size_t count = json_array_size(records->lines);
    if (count == records->room) {
        const size_t room = count == 0 ? 64 : 2 * count;
        const char **larger = clm_alloc_array(records->scope, room, sizeof *larger);
        if (count > 0) memcpy(larger, records->setting, count * sizeof *larger);
        records->setting = larger;
        records->room = room;
    }
    records->setting[count] = clm_record_setting(records->scope, record);
    json_array_append(records->lines, record);
}

clm_status clm_records_append(clm_records *records, json_t *record)
{
    if (records->file < 0) { /* kept in memory alone */
        remember(records, record);
        return CLM_OK;
    }
    char *text = clm_record_text(record);
    const size_t length = strlen(text);
    text[length] = '\n'; /* in place of the end: the line is one write */
    const off_t end = lseek(records->file, 0, SEEK_END);
    ssize_t done;
    do
        done = write(records->file, text, length + 1);
    while (done < 0 && errno == EINTR);
    if (done >= 0 && (size_t)done <= length) errno = ENOSPC; /* the rest found no room */
    const bool written = done == (ssize_t)length + 1 && fsync(records->file) == 0;
    free(text);
    if (written) {
        remember(records, record);
        return CLM_OK;
    }
    const clm_status status = fail_writing(records->path, true);
    if (done > 0) (void)!ftruncate(records->file, end);
    return status;
}

json_t *clm_records_find(const clm_records *records, const clm_run_cell *cell)
{
    for (size_t i = json_array_size(records->lines); i-- > 0;) {
        json_t *record = json_array_get(records->lines, i);
        if (json_integer_value(json_object_get(record, "seed")) == cell->seed &&
            strcmp(records->setting[i], cell->setting) == 0)
            return record;
    }
    return NULL;
}

/* --- reading --- */

static clm_status no_run(const char *folder)
{
    clm_fail(CLM_ERROR_USAGE, "%s holds no run (plan.json and records.jsonl)", folder);
    clm_error_advice("give the folder that `clmoe run` named, such as results/quick-...");
    return CLM_FAIL;
}

static clm_status read_plan(clm_scope *scope, const char *folder, const clm_run_plan **plan)
{
    json_error_t error;
    json_t *json = json_load_file(clm_text(scope, "%s/plan.json", folder), 0, &error);
    if (json == NULL) return no_run(folder);
    const clm_status status = clm_run_plan_from_json(scope, json, plan);
    json_decref(json);
    return status;
}

/* Gives parameters that are younger than the record their defaults, which do what the program did
 * without them: a run stays readable when a model learns something. A record that this program
 * cannot understand stays as it is, and belongs to no cell. */
static void complete(clm_scope *scope, json_t *record)
{
    const char *model = json_string_value(json_object_get(record, "model"));
    const clm_config *config;
    if (model == NULL ||
        clm_config_from_json(scope, model, json_object_get(record, "params"), &config) != CLM_OK)
        return;
    json_object_set_new(record, "params", clm_config_json(config, false));
}

/* Reads all lines; *whole: bytes up to the end of the last good line. */
static clm_status read_lines(clm_records *records, FILE *file, off_t *whole)
{
    char *line = NULL;
    size_t room = 0;
    clm_status status = CLM_OK;
    *whole = 0;
    bool torn = false;
    for (int number = 1;; number++) {
        const ssize_t length = getline(&line, &room, file);
        if (length < 0 || status != CLM_OK) break;
        if (torn) { /* a bad line that is not the last was not left by a killed run */
            status = clm_fail(CLM_ERROR_USAGE, "%s:%d: not a record", records->path, number - 1);
            clm_error_advice("remove that line");
            break;
        }
        json_t *record = json_loadb(line, (size_t)length, 0, NULL);
        torn = line[length - 1] != '\n' || !json_is_object(json_object_get(record, "params"));
        if (!torn) {
            complete(records->scope, record);
            remember(records, record);
            *whole += length;
        }
        json_decref(record);
    }
    free(line);
    return status;
}

static clm_status load(clm_records *records, off_t *whole)
{
    FILE *file = fopen(records->path, "r");
    if (file == NULL) return no_run(records->folder);
    const clm_status status = read_lines(records, file, whole);
    (void)fclose(file);
    return status;
}

clm_status clm_records_open(clm_scope *scope, const char *folder, const clm_run_plan **plan,
                            clm_records **out)
{
    clm_records *records = records_new(scope, folder);
    CLM_TRY(read_plan(scope, folder, plan));
    if (access(records->path, F_OK) != 0) return no_run(folder);
    CLM_TRY(open_file(records, 0));
    off_t whole;
    CLM_TRY(load(records, &whole));
    if (ftruncate(records->file, whole) != 0) return fail_writing(records->path, false);
    *out = records;
    return CLM_OK;
}

clm_status clm_records_lines(clm_scope *scope, const char *folder, const json_t **lines)
{
    clm_records *records = records_new(scope, folder);
    off_t whole;
    CLM_TRY(load(records, &whole));
    *lines = records->lines;
    return CLM_OK;
}

clm_status clm_records_read(clm_scope *scope, const char *folder, const clm_run_plan **plan,
                            const json_t **lines)
{
    CLM_TRY(read_plan(scope, folder, plan));
    return clm_records_lines(scope, folder, lines);
}

clm_records *clm_records_none(clm_scope *scope) { return records_new(scope, ""); }
