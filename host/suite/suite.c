#include "suite/suite.h"

#include "base/share.h"
#include "base/text.h"
#include "model/model.h"
#include "suite/lane.h"
#include "suite/schema.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SEEDS = 1000, DEFAULT_SECONDS = 3600, MOST_SECONDS = 7 * 24 * 3600 };

/* --- folders of what comes with the program --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

clm_status clm_names_in(clm_scope *scope, const char *relative, const char *ending,
                        const char *const **out)
{
    const char *folder;
    CLM_TRY(clm_share(scope, relative, &folder));
    DIR *directory = opendir(folder);
    if (directory == NULL) return clm_fail(CLM_ERROR_USAGE, "%s cannot be read", folder);
    size_t count = 0, room = 16;
    const char **names = clm_alloc_array(scope, room, sizeof *names);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const size_t length = strlen(entry->d_name), tail = strlen(ending);
        if (length <= tail || strcmp(entry->d_name + length - tail, ending) != 0) continue;
        if (count + 1 == room) {
            const char **larger = clm_alloc_array(scope, 2 * room, sizeof *names);
            memcpy(larger, names, count * sizeof *names);
            names = larger;
            room *= 2;
        }
        names[count++] = clm_text(scope, "%.*s", (int)(length - tail), entry->d_name);
    }
    (void)closedir(directory);
    qsort(names, count, sizeof *names, compare_names);
    *out = names;
    return CLM_OK;
}

clm_status clm_suites(clm_scope *scope, const char *const **names)
{
    return clm_names_in(scope, "suites", ".yaml", names);
}

static bool contains(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* --- checks that the schema cannot make --- */

static clm_status unknown_name(const clm_suite *suite, const char *node, const char *kind,
                               const char *name, const char *const *known)
{
    const char *near = clm_did_you_mean(name, known);
    clm_yaml_fail(suite->yaml, node, false, "there is no %s '%s'%s%s%s", kind, name,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "");
    clm_error_advice("`clmoe list` shows every %s", kind);
    return CLM_FAIL;
}

static clm_status check_number(const clm_suite *suite, const char *key, int value, int most)
{
    if (value >= 1 && value <= most) return CLM_OK;
    return clm_yaml_fail(suite->yaml, key, false, "%s must be between 1 and %d",
                         strrchr(key, '/') + 1, most);
}

static clm_status check_figures(clm_scope *scope, const clm_suite *suite)
{
    if (suite->figures.count == 0) return CLM_OK;
    const char *const *known;
    CLM_TRY(clm_names_in(scope, "plots", ".gp", &known));
    for (unsigned i = 0; i < suite->figures.count; i++)
        if (!contains(known, suite->figures.name[i]))
            return unknown_name(suite, clm_text(scope, "/figures/%u", i), "figure",
                                suite->figures.name[i], known);
    return CLM_OK;
}

static clm_status check_lanes(clm_scope *scope, const clm_suite *suite)
{
    for (unsigned i = 0; i < suite->lane.count; i++)
        if (clm_lane_check(suite->lane.name[i]) != CLM_OK) {
            const clm_error last = *clm_error_last();
            clm_yaml_fail(suite->yaml, clm_text(scope, "/lane/%u", i), false, "%s", last.what);
            clm_error_advice("%s", last.advice);
            return CLM_FAIL;
        }
    return CLM_OK;
}

static clm_status check_published(clm_scope *scope, const clm_suite *suite)
{
    if (suite->published == NULL) return CLM_OK;
    const char *const *known;
    CLM_TRY(clm_names_in(scope, "results/published", ".csv", &known));
    if (contains(known, suite->published)) return CLM_OK;
    return unknown_name(suite, "/published", "published table", suite->published, known);
}

/* A name that only some cells have: the label of one, or its model where that names it. */
static clm_status check_against(clm_scope *scope, const clm_suite *suite, unsigned index)
{
    const char **label = clm_alloc_array(scope, suite->cells.count + 1, sizeof *label);
    const char *against = suite->cells.cell[index].against;
    for (unsigned i = 0; i < suite->cells.count; i++) {
        const clm_suite_cell *cell = &suite->cells.cell[i];
        label[i] = cell->label != NULL ? cell->label : cell->model;
    }
    if (against == NULL || contains(label, against)) return CLM_OK;
    return unknown_name(suite, clm_text(scope, "/cells/%u/against", index), "cell", against, label);
}

/* Data sets that some cell runs on. */
static clm_status check_per_data(clm_scope *scope, const clm_suite *suite, unsigned index)
{
    const clm_suite_per_data *entry = &suite->per_data.entry[index];
    size_t room = suite->data.count + 1, n = 0;
    for (unsigned i = 0; i < suite->cells.count; i++)
        room += suite->cells.cell[i].data.count;
    const char **known = clm_alloc_array(scope, room, sizeof *known);
    for (unsigned i = 0; i < suite->data.count; i++)
        known[n++] = suite->data.name[i];
    for (unsigned i = 0; i < suite->cells.count; i++)
        for (unsigned d = 0; d < suite->cells.cell[i].data.count; d++)
            known[n++] = suite->cells.cell[i].data.name[d];
    for (unsigned i = 0; i < entry->data.count; i++)
        if (!contains(known, entry->data.name[i]))
            return unknown_name(suite, clm_text(scope, "/per_data/%u/data/%u", index, i),
                                "data set of this suite", entry->data.name[i], known);
    const char *key = clm_text(scope, "/per_data/%u/seeds", index);
    return clm_yaml_has(suite->yaml, key) ? check_number(suite, key, entry->seeds, MOST_SEEDS)
                                          : CLM_OK;
}

static clm_status check_cell(clm_scope *scope, const clm_suite *suite, unsigned index)
{
    const clm_suite_cell *cell = &suite->cells.cell[index];
    const clm_model *model;
    if (clm_model_named(scope, cell->model, &model) != CLM_OK)
        return clm_suite_blame(suite, clm_text(scope, "/cells/%u/model", index));
    CLM_TRY(check_against(scope, suite, index));
    if (cell->data.count == 0 && suite->data.count == 0 && !model->data_optional)
        return clm_yaml_fail(suite->yaml, clm_text(scope, "/cells/%u/model", index), true,
                             "neither this cell nor the suite names `data`");
    for (size_t i = 0; suite->parameter[i] != NULL; i++)
        if (cell->set != NULL && cell->sweep != NULL && cell->set[i] != NULL &&
            cell->sweep[i].count > 0)
            return clm_yaml_fail(suite->yaml,
                                 clm_text(scope, "/cells/%u/sweep/%s", index, suite->parameter[i]),
                                 true, "'%s' is both set and swept", suite->parameter[i]);
    return CLM_OK;
}

static clm_status check(clm_scope *scope, const clm_suite *suite)
{
    CLM_TRY(check_number(suite, "/seeds", suite->seeds, MOST_SEEDS));
    CLM_TRY(check_number(suite, "/timeout", suite->timeout_s, MOST_SECONDS));
    CLM_TRY(check_figures(scope, suite));
    CLM_TRY(check_lanes(scope, suite));
    CLM_TRY(check_published(scope, suite));
    for (unsigned i = 0; i < suite->per_data.count; i++)
        CLM_TRY(check_per_data(scope, suite, i));
    for (unsigned i = 0; i < suite->cells.count; i++)
        CLM_TRY(check_cell(scope, suite, i));
    return CLM_OK;
}

/* --- loading --- */

static clm_status find_file(clm_scope *scope, const char *name, const char **path)
{
    const size_t length = strlen(name);
    const bool file =
        strchr(name, '/') != NULL || (length > 5 && strcmp(name + length - 5, ".yaml") == 0);
    if (file) {
        *path = name;
        return CLM_OK;
    }
    const char *const *known;
    CLM_TRY(clm_suites(scope, &known));
    if (contains(known, name))
        return clm_share(scope, clm_text(scope, "suites/%s.yaml", name), path);
    const char *near = clm_did_you_mean(name, known);
    clm_fail(CLM_ERROR_USAGE, "there is no suite '%s'%s%s%s", name,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("`clmoe list` shows the suites; a file of your own needs its path: ./%s.yaml",
                     name);
    return CLM_FAIL;
}

static const char *stem(clm_scope *scope, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');
    return clm_text(scope, "%.*s", dot != NULL ? (int)(dot - file) : (int)strlen(file), file);
}

clm_status clm_suite_load(clm_scope *scope, const char *name, const clm_suite **out)
{
    const char *path;
    clm_yaml *yaml;
    void *data;
    CLM_TRY(find_file(scope, name, &path));
    CLM_TRY(clm_yaml_open(scope, path, &yaml));
    const char *const *parameter = clm_suite_parameters(scope);
    CLM_TRY(clm_yaml_load(yaml, clm_suite_schema(scope, parameter), &data));
    clm_suite *suite = clm_alloc(scope, sizeof *suite);
    *suite = *(const clm_suite *)data;
    suite->name = stem(scope, path);
    suite->path = path;
    suite->yaml = yaml;
    suite->parameter = parameter;
    suite->seeds = clm_yaml_has(yaml, "/seeds") ? suite->seeds : 1;
    suite->timeout_s = clm_yaml_has(yaml, "/timeout") ? suite->timeout_s : DEFAULT_SECONDS;
    CLM_TRY(check(scope, suite));
    *out = suite;
    return CLM_OK;
}

clm_status clm_suite_blame(const clm_suite *suite, const char *node)
{
    const clm_error last = *clm_error_last();
    clm_yaml_fail(suite->yaml, node, false, "%s", last.what);
    if (last.advice[0] != '\0') clm_error_advice("%s", last.advice);
    return CLM_FAIL;
}

const clm_suite_per_data *clm_suite_on(const clm_suite *suite, const char *data)
{
    for (unsigned i = 0; i < suite->per_data.count; i++)
        for (unsigned d = 0; d < suite->per_data.entry[i].data.count; d++)
            if (strcmp(suite->per_data.entry[i].data.name[d], data) == 0)
                return &suite->per_data.entry[i];
    return NULL;
}
