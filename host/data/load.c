#include "base/text.h"
#include "base/yaml.h"
#include "data/description.h"
#include "data/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *clm_data_folder(clm_scope *scope)
{
    const char *chosen = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (chosen != NULL && chosen[0] == '/') /* the XDG specification ignores relative paths */
        return clm_text(scope, "%s/clmoe", chosen);
    return clm_text(scope, "%s/.local/share/clmoe", home != NULL ? home : "");
}

/* The folder of a named set: below data_dir, or CLMOE_DATA, or the user's data folder. Null with
 * `places` filled where it is in none. */
static const char *find_folder(clm_scope *scope, const char *folder, const char *data_dir,
                               const char **places)
{
    const char *variable = getenv("CLMOE_DATA");
    if (variable != NULL && variable[0] == '\0') variable = NULL;
    const char *const roots[] = {data_dir, data_dir == NULL ? variable : NULL,
                                 data_dir == NULL ? clm_data_folder(scope) : NULL};
    *places = "";
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        if (roots[i] == NULL) continue;
        const char *path = clm_text(scope, "%s/%s", roots[i], folder);
        if (is_folder(path)) return path;
        *places = clm_text(scope, "%s%s%s", *places, **places != '\0' ? ", " : "", path);
    }
    return NULL;
}

const char *clm_data_find(clm_scope *scope, const char *folder, const char *data_dir)
{
    const char *places = NULL;
    return find_folder(scope, folder, data_dir, &places);
}

static clm_status read_folder(clm_scope *scope, const char *folder, const char *format,
                              clm_graph *graph)
{
    const char *known = "";
    for (size_t i = 0; clm_formats[i] != NULL; i++) {
        known = clm_text(scope, "%s%s%s", known, i > 0 ? ", " : "", clm_formats[i]->name);
        const bool asked = format != NULL && strcmp(format, clm_formats[i]->name) == 0;
        if (asked || (format == NULL && clm_formats[i]->owns(folder)))
            return clm_formats[i]->read(scope, folder, graph);
    }
    clm_fail(CLM_ERROR_USAGE, "%s: is not a data set of a known format (%s)", folder, known);
    clm_error_advice("hgb needs node.dat and link.dat; ogb raw/ and split/; linqs NAME.content and "
                     "NAME.cites; tu NAME_A.txt and NAME_graph_indicator.txt; all plain or with "
                     ".gz");
    return CLM_FAIL;
}

/* First link between two types that has a reverse. */
static void default_target(const clm_graph *graph, clm_dataset *dataset)
{
    dataset->target = dataset->reverse = -1;
    for (int32_t r = 0; r < graph->relations; r++) {
        const clm_relation *relation = &graph->relation[r];
        if (relation->from == relation->to) continue;
        const int32_t reverse = clm_graph_relation_between(graph, relation->to, relation->from);
        if (reverse < 0) continue;
        dataset->target = r;
        dataset->reverse = reverse;
        return;
    }
}

/* Node types and links inside one type that the description leaves out. */
static clm_status leave_out(clm_scope *scope, const clm_description *d, clm_graph *graph)
{
    bool *kept = clm_alloc_array(scope, (size_t)graph->types, sizeof *kept);
    for (int32_t t = 0; t < graph->types; t++)
        kept[t] = true;
    for (unsigned i = 0; d != NULL && i < d->without_count; i++) {
        const int32_t t = clm_graph_type(graph, d->without[i]);
        char node[64];
        (void)snprintf(node, sizeof node, "/without/%u", i);
        if (t < 0)
            return clm_yaml_fail(d->yaml, node, false, "%s has no node type %s", d->name,
                                 d->without[i]);
        kept[t] = false;
    }
    /* Where labels are predicted, links inside one type are what messages go along. */
    const bool inner = graph->task != CLM_TASK_LINK || (d != NULL && d->inner != 0);
    clm_graph_drop(graph, kept, inner);
    return CLM_OK;
}

/* What the description says is predicted. A format that cannot tell numbers from yes and no took
 * labels that are all 0 or 1 for the latter. */
static clm_status choose_task(const clm_description *d, clm_graph *graph)
{
    if (d == NULL || d->task == graph->task) return CLM_OK;
    const char *said = clm_task_name(d->task), *found = clm_task_name(graph->task);
    if (d->task == CLM_TASK_RMSE && graph->task == CLM_TASK_ROCAUC) {
        graph->task = CLM_TASK_RMSE;
        return CLM_OK;
    }
    if (d->task == CLM_TASK_ROCAUC && graph->task == CLM_TASK_RMSE)
        return clm_yaml_fail(d->yaml, "/task", false, "%s has labels other than 0 and 1", d->name);
    return clm_yaml_fail(d->yaml, "/task", false, "the format %s is for the task %s, not %s",
                         d->format, found, said);
}

static clm_status choose_target(const clm_description *d, clm_dataset *dataset)
{
    const clm_graph *graph = &dataset->graph;
    default_target(graph, dataset);
    if (d == NULL || d->target == NULL) return CLM_OK;
    dataset->target = clm_graph_relation(graph, d->target);
    if (dataset->target < 0)
        return clm_yaml_fail(d->yaml, "/target", false, "%s has no link %s", d->name, d->target);
    const clm_relation *target = &graph->relation[dataset->target];
    dataset->reverse = clm_graph_relation_between(graph, target->to, target->from);
    if (dataset->reverse < 0 || target->from == target->to)
        return clm_yaml_fail(d->yaml, "/target", false, "%s has no reverse from %s to %s",
                             d->target, graph->type[target->to].name,
                             graph->type[target->from].name);
    return CLM_OK;
}

clm_status clm_data_unknown(clm_scope *scope, const char *name)
{
    const char *const *names = NULL;
    CLM_TRY(clm_description_names(scope, &names));
    const char *near = clm_did_you_mean(name, names), *list = "";
    for (size_t i = 0; names[i] != NULL; i++)
        list = clm_text(scope, "%s%s%s", list, i > 0 ? ", " : "", names[i]);
    clm_fail(CLM_ERROR_USAGE, "there is no data set '%s'%s%s%s", name,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("one of %s, or the path of a folder", list);
    return CLM_FAIL;
}

static clm_status missing(const clm_description *d, const char *places)
{
    clm_fail(CLM_ERROR_USAGE, "the data set %s is not here: looked for %s", d->name, places);
    clm_error_advice("clmoe data fetch %s --from PATH copies it from a folder (it comes from %s); "
                     "or name the folder above it with --data-dir or CLMOE_DATA",
                     d->name, d->source);
    return CLM_FAIL;
}

/* Parameters behind the name of a generated set: "edges=1000,roles=8". */
static clm_status set_parameters(clm_scope *scope, const char *text, clm_synthetic *synthetic)
{
    char *rest = clm_text(scope, "%s", text);
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(word, '=');
        if (value == NULL) {
            clm_fail(CLM_ERROR_USAGE, "'%s' is not name=value", word);
            clm_error_advice("write for instance synthetic:edges=1000000,roles=8");
            return CLM_FAIL;
        }
        *value++ = '\0';
        CLM_TRY(clm_synthetic_set(synthetic, word, value));
    }
    const char *fault = NULL;
    return clm_synthetic_check(synthetic, &fault);
}

static clm_status generate(clm_scope *scope, const clm_description *d, const char *parameters,
                           clm_graph *graph)
{
    clm_synthetic synthetic = *d->generate;
    if (parameters != NULL) CLM_TRY(set_parameters(scope, parameters, &synthetic));
    return clm_synthetic_graph(scope, &synthetic, graph);
}

static clm_status read_graph(clm_scope *scope, const char *name, const clm_description *d,
                             const char *parameters, const char *data_dir, clm_dataset *dataset)
{
    if (d != NULL && d->generate != NULL) {
        dataset->folder = NULL;
        CLM_TRY(generate(scope, d, parameters, &dataset->graph));
        return clm_description_check(d, &dataset->graph, "the generated graph");
    }
    const char *places = "";
    dataset->folder = find_folder(scope, d != NULL ? d->folder : name, data_dir, &places);
    if (d == NULL && is_folder(name)) dataset->folder = name;
    if (dataset->folder == NULL && d != NULL) return missing(d, places);
    if (dataset->folder == NULL && strchr(name, '/') != NULL) {
        clm_fail(CLM_ERROR_USAGE, "%s: is not a folder", name);
        clm_error_advice("check the path, or name a data set: clmoe data list");
        return CLM_FAIL;
    }
    if (dataset->folder == NULL) return clm_data_unknown(scope, name);
    if (d != NULL) CLM_TRY(clm_description_check_files(d, dataset->folder, false));
    const char *format = d != NULL ? d->format : NULL;
    CLM_TRY(read_folder(scope, dataset->folder, format, &dataset->graph));
    CLM_TRY(choose_task(d, &dataset->graph));
    return d != NULL ? clm_description_check(d, &dataset->graph, dataset->folder) : CLM_OK;
}

clm_status clm_dataset_load(clm_scope *scope, const char *name, const char *data_dir,
                            const clm_dataset **loaded)
{
    const char *colon = strchr(name, ':');
    const char *stem = colon != NULL && strchr(name, '/') == NULL
                           ? clm_text(scope, "%.*s", (int)(colon - name), name)
                           : name;
    const clm_description *d = NULL;
    CLM_TRY(clm_description_read(scope, stem, &d));
    if (d != NULL && d->generate == NULL && stem != name)
        return clm_fail(CLM_ERROR_USAGE, "the data set %s takes no parameters", stem);
    clm_dataset *dataset = clm_alloc(scope, sizeof *dataset);
    dataset->name = clm_text(scope, "%s", name);
    const char *parameters = stem != name && d != NULL ? colon + 1 : NULL;
    CLM_TRY(read_graph(scope, d != NULL ? stem : name, d, parameters, data_dir, dataset));
    CLM_TRY(leave_out(scope, d, &dataset->graph));
    CLM_TRY(choose_target(d, dataset));
    dataset->made = d != NULL ? d->made : CLM_MADE_NONE;
    dataset->made_unsupported = d == NULL
                                    ? "how the features were made is not described in suites/data"
                                    : d->made_unsupported;
    *loaded = dataset;
    return CLM_OK;
}
