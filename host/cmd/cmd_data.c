/* clmoe data: which data sets there are, what is in one, and getting or making one. */
#include "cmd/options.h"

#include "base/text.h"
#include "data/description.h"
#include "data/fetch.h"
#include "data/hgb.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *action, *set;
    const char *data_dir, *from, *out;
    bool json;
    clm_synthetic synthetic;
    clm_status parsed; /* of the generator's parameters */
} options;

enum { OPTION_FROM = 256, OPTION_RANGE = 512, RANGES = 7 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case OPTION_FROM: o->from = argument; return 0;
    case 'R': o->data_dir = argument; return 0;
    case 'o': o->out = argument; return 0;
    case 'j': o->json = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state, "one data set at a time: '%s' is too much", argument);
        *(state->arg_num == 0 ? &o->action : &o->set) = argument;
        return 0;
    default: break;
    }
    if (key < OPTION_RANGE || key >= OPTION_RANGE + RANGES) return ARGP_ERR_UNKNOWN;
    if (o->parsed == CLM_OK)
        o->parsed = clm_synthetic_set(&o->synthetic, clm_synthetic_ranges[key - OPTION_RANGE].name,
                                      argument);
    return 0;
}

static int64_t nonzeros_of(const clm_graph *graph, const clm_node_type *type)
{
    return graph->row_ptr[type->first + type->count] - graph->row_ptr[type->first];
}

/* Where a described set is, without reading it; null: not here. */
static clm_status locate(clm_scope *scope, const clm_description *d, const options *o,
                         const char **place)
{
    *place = d->folder == NULL ? "generated" : clm_data_find(scope, d->folder, o->data_dir);
    return CLM_OK;
}

/* "rocauc of graphs; 7831 graphs, 12 tasks, 16026 of 93972 labels missing; split 6264/783/784". */
static const char *facts(clm_scope *scope, const clm_description *d)
{
    const clm_described_counts *e = d->expected;
    const char *of = e->graphs > 0 ? "graphs" : "nodes";
    const int64_t members = e->graphs > 0 ? e->graphs : e->types_count > 0 ? e->types[0].nodes : 0;
    const int64_t labels = members * (e->tasks > 0 ? e->tasks : 1);
    const char *text =
        clm_text(scope, "%s of %s; %lld %s, %lld %s", clm_task_name(d->task), of,
                 (long long)members, of, (long long)(e->tasks > 0 ? e->tasks : e->classes),
                 e->tasks == 1  ? "task"
                 : e->tasks > 0 ? "tasks"
                                : "classes");
    if (e->labels < labels)
        text = clm_text(scope, "%s, %lld of %lld labels missing", text,
                        (long long)(labels - e->labels), (long long)labels);
    if (e->split == NULL) return clm_text(scope, "%s; no published split", text);
    return clm_text(scope, "%s; split %lld/%lld/%lld", text, (long long)e->split->train,
                    (long long)e->split->val, (long long)e->split->test);
}

static clm_status list(clm_scope *scope, const options *o)
{
    const char *const *names = NULL;
    CLM_TRY(clm_description_names(scope, &names));
    json_t *array = json_array();
    for (size_t i = 0; names[i] != NULL; i++) {
        const clm_description *d = NULL;
        const char *place = NULL;
        CLM_TRY(clm_description_read(scope, names[i], &d));
        CLM_TRY(locate(scope, d, o, &place));
        json_array_append_new(array,
                              json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?}", "name", d->name, "about",
                                        d->about, "task", clm_task_name(d->task), "source",
                                        d->source, "licence", d->licence, "folder", place));
        if (o->json) continue;
        printf("%-16s %s\n", d->name, d->about);
        if (d->task != CLM_TASK_LINK && d->expected != NULL)
            printf("%-16s %s\n", "", facts(scope, d));
        printf("%-16s %s\n", "", place != NULL ? place : "not here");
        if (place == NULL) printf("%-16s from %s\n", "", d->source);
    }
    if (o->json) {
        (void)json_dumpf(array, stdout, JSON_INDENT(2));
        puts("");
    }
    json_decref(array);
    return CLM_OK;
}

static void print_description(const clm_description *d)
{
    printf("%s\n  about     %s\n  source    %s\n  licence   %s\n", d->name, d->about, d->source,
           d->licence);
    for (unsigned i = 0; i < d->files_count; i++)
        printf("  file      %-24s sha256 %s\n", d->files[i].name, d->files[i].sha256);
}

/* What there is to predict, of a set that is not for links. */
static void print_labels(const clm_graph *graph)
{
    const bool graphs = graph->graphs > 0;
    const int64_t members = graphs ? graph->graphs : graph->nodes;
    const int64_t labels = members * (graph->tasks > 0 ? graph->tasks : 1);
    const int64_t given = clm_graph_labels(graph);
    if (graphs)
        printf("  graphs    %d, of %.1f nodes and %.1f edges in the mean\n", graph->graphs,
               (double)graph->nodes / graph->graphs,
               (double)graph->relation[0].count / graph->graphs);
    if (graph->tasks > 0)
        printf("  predicts  %s of graphs, %d %s\n", clm_task_name(graph->task), graph->tasks,
               graph->tasks == 1 ? "task" : "tasks");
    else
        printf("  predicts  %s of %s, %d classes\n", clm_task_name(graph->task),
               graphs ? "graphs" : "nodes", graph->classes);
    printf("  labels    %lld of %lld, %lld missing\n", (long long)given, (long long)labels,
           (long long)(labels - given));
    int32_t part[4];
    clm_graph_parts(graph, part);
    if (graph->part == NULL)
        puts("  split     none is published");
    else
        printf("  split     %d training, %d validation, %d test, %d in none\n",
               part[CLM_PART_TRAIN], part[CLM_PART_VAL], part[CLM_PART_TEST], part[CLM_PART_NONE]);
    if (graph->category.fields > 0)
        printf("  category  %d of each node, %d of each edge\n", graph->category.fields,
               graph->relation[0].category.fields);
}

static void print_graph(const clm_dataset *dataset)
{
    static const char *const made[] = {"not from links", "the mean of its neighbours'",
                                       "the union of its neighbours'"};
    const clm_graph *graph = &dataset->graph;
    int64_t edges = 0;
    for (int32_t r = 0; r < graph->relations; r++)
        edges += graph->relation[r].count;
    if (dataset->folder != NULL) printf("  folder    %s\n", dataset->folder);
    printf("  in all    %d nodes, %lld edges, %lld feature nonzeros, %d classes\n", graph->nodes,
           (long long)edges, (long long)graph->row_ptr[graph->nodes], graph->classes);
    for (int32_t t = 0; t < graph->types; t++)
        printf("  nodes     %-20s %9d, %d features, %lld nonzeros\n", graph->type[t].name,
               graph->type[t].count, graph->type[t].dim,
               (long long)nonzeros_of(graph, &graph->type[t]));
    for (int32_t r = 0; r < graph->relations; r++)
        printf("  edges     %-20s %9d%s\n", graph->relation[r].name, graph->relation[r].count,
               r == dataset->target    ? ", the target"
               : r == dataset->reverse ? ", its reverse"
                                       : "");
    if (graph->task != CLM_TASK_LINK) {
        print_labels(graph);
        return;
    }
    if (dataset->target < 0) {
        puts("  target    none: no link joins two node types and has a reverse");
        return;
    }
    printf("  features  of %s: %s", graph->type[graph->relation[dataset->target].from].name,
           made[dataset->made]);
    printf(dataset->made == CLM_MADE_NONE ? " (%s)\n" : "\n", dataset->made_unsupported);
}

static json_t *graph_json(const clm_dataset *dataset)
{
    const clm_graph *graph = &dataset->graph;
    json_t *types = json_array(), *relations = json_array();
    for (int32_t t = 0; t < graph->types; t++)
        json_array_append_new(types, json_pack("{s:s,s:i,s:i,s:I}", "name", graph->type[t].name,
                                               "nodes", graph->type[t].count, "features",
                                               graph->type[t].dim, "nonzeros",
                                               (json_int_t)nonzeros_of(graph, &graph->type[t])));
    for (int32_t r = 0; r < graph->relations; r++)
        json_array_append_new(relations,
                              json_pack("{s:s,s:s,s:s,s:i,s:b}", "name", graph->relation[r].name,
                                        "from", graph->type[graph->relation[r].from].name, "to",
                                        graph->type[graph->relation[r].to].name, "edges",
                                        graph->relation[r].count, "target", r == dataset->target));
    int32_t part[4];
    clm_graph_parts(graph, part);
    json_t *split = graph->part == NULL
                        ? json_null()
                        : json_pack("{s:i,s:i,s:i}", "train", part[CLM_PART_TRAIN], "val",
                                    part[CLM_PART_VAL], "test", part[CLM_PART_TEST]);
    return json_pack("{s:s,s:s?,s:s,s:i,s:i,s:i,s:i,s:I,s:o,s:o,s:o}", "name", dataset->name,
                     "folder", dataset->folder, "task", clm_task_name(graph->task), "nodes",
                     graph->nodes, "graphs", graph->graphs, "tasks", graph->tasks, "classes",
                     graph->classes, "labels", (json_int_t)clm_graph_labels(graph), "split", split,
                     "types", types, "links", relations);
}

static clm_status info(clm_scope *scope, const options *o)
{
    const clm_description *d = NULL;
    const clm_dataset *dataset = NULL;
    CLM_TRY(clm_description_read(scope, o->set, &d));
    if (d != NULL && !o->json) print_description(d);
    (void)fflush(stdout); /* before an error that says that it is not here */
    CLM_TRY(clm_dataset_load(scope, o->set, o->data_dir, &dataset));
    if (!o->json) {
        if (d == NULL) printf("%s\n", o->set);
        print_graph(dataset);
        return CLM_OK;
    }
    json_t *object = graph_json(dataset);
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    puts("");
    json_decref(object);
    return CLM_OK;
}

static clm_status generate(clm_scope *scope, const options *o)
{
    if (o->out == NULL) {
        clm_fail(CLM_ERROR_USAGE, "where to? --out DIR names the folder to write");
        clm_error_advice("clmoe data generate --edges 100000 --out my-graph");
        return CLM_FAIL;
    }
    clm_graph graph;
    CLM_TRY(clm_synthetic_graph(scope, &o->synthetic, &graph));
    CLM_TRY(clm_hgb_write(&graph, o->out));
    fprintf(stderr, "wrote %s: %d nodes, %lld edges; use it as --data %s\n", o->out, graph.nodes,
            (long long)o->synthetic.edges / 2 * 2, o->out);
    return CLM_OK;
}

static clm_status fetch(clm_scope *scope, const options *o)
{
    const clm_description *d = NULL;
    CLM_TRY(clm_description_read(scope, o->set, &d));
    if (d == NULL) return clm_data_unknown(scope, o->set);
    const char *folder = NULL;
    bool copied = false;
    CLM_TRY(clm_data_fetch(scope, d, o->from, o->data_dir, &folder, &copied));
    fprintf(stderr, "%s %s %s\n", d->name, copied ? "copied to" : "is whole in", folder);
    return CLM_OK;
}

static clm_status act(clm_scope *scope, const options *o)
{
    static const struct {
        const char *name;
        bool needs_set;
        clm_status (*run)(clm_scope *scope, const options *o);
    } actions[] = {{"list", false, list},
                   {"info", true, info},
                   {"generate", false, generate},
                   {"fetch", true, fetch}};
    static const char *const names[] = {"list", "info", "generate", "fetch", NULL};
    const char *action = o->action != NULL ? o->action : "list";
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(actions[i].name, action) != 0) continue;
        if (actions[i].needs_set && o->set == NULL) {
            clm_fail(CLM_ERROR_USAGE, "of which data set? clmoe data %s SET", action);
            clm_error_advice("clmoe data list names them");
            return CLM_FAIL;
        }
        if (o->parsed != CLM_OK) return o->parsed;
        return actions[i].run(scope, o);
    }
    const char *near = clm_did_you_mean(action, names);
    clm_fail(CLM_ERROR_USAGE, "data cannot '%s'%s%s%s", action,
             near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
             near != NULL ? "'?" : "");
    clm_error_advice("list, info SET, generate --out DIR, or fetch SET --from FOLDER");
    return CLM_FAIL;
}

static int run(int argc, char **argv)
{
    struct argp_option table[4 + RANGES + 3] = {
        {"data-dir", 'R', "DIR", 0,
         "Folder above the data sets (else CLMOE_DATA, then the user's data folder)", 0},
        {"json", 'j', NULL, 0, "Print JSON instead of text (list, info)", 0},
        {NULL, 0, NULL, 0, "fetch:", 1},
        {"from", OPTION_FROM, "PATH", 0, "Folder or file:// address to copy from", 1},
        {NULL, 0, NULL, 0, "generate:", 2},
        {"out", 'o', "DIR", 0, "Folder to write; it must not exist", 2},
    };
    for (int i = 0; i < RANGES; i++)
        table[6 + i] = (struct argp_option){clm_synthetic_ranges[i].name,
                                            OPTION_RANGE + i,
                                            "N",
                                            0,
                                            clm_synthetic_ranges[i].about,
                                            2};
    options o = {.synthetic = clm_synthetic_default()};
    const struct argp argp = {
        table,
        parse,
        "list\ninfo SET\nfetch SET [--from PATH]\ngenerate --out DIR",
        "Lists the data sets (list), shows what is in one (info), copies one to the data folder "
        "(fetch), or writes a generated one (generate).\vSET is a name of the list or the path of "
        "a "
        "folder. Exit code 1: it is not here, or not what it should be.",
        NULL,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = act(&scope, &o);
    clm_scope_end(&scope);
    return status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
}

const clm_command clm_command_data = {"data", "data sets: list, info, fetch, generate", run};
