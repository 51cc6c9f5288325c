/* clmoe list: what there is to run, and with which parameters. */
#include "cmd/options.h"

#include "base/share.h"
#include "base/text.h"
#include "data/description.h"
#include "model/model.h"
#include "op/choice.h"
#include "suite/suite.h"

#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *what;
} options;

static const struct argp_option table[] = {{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    static const char *const kinds[] = {"suites", "models", "data", "operators", "figures", NULL};
    options *o = state->input;
    if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
    if (o->what != NULL) argp_error(state, "one kind at a time");
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (strcmp(kinds[i], argument) == 0) {
            o->what = kinds[i];
            return 0;
        }
    const char *near = clm_did_you_mean(argument, kinds);
    argp_error(state, "'%s' is none of suites, models, data, operators, figures%s%s%s", argument,
               near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
    return 0;
}

static bool asked(const options *o, const char *what)
{
    return o->what == NULL || strcmp(o->what, what) == 0;
}

static clm_status list_suites(clm_scope *scope)
{
    const char *const *name;
    CLM_TRY(clm_suites(scope, &name));
    puts("Suites (clmoe run SUITE)");
    for (; *name != NULL; name++) {
        const clm_suite *suite;
        CLM_TRY(clm_suite_load(scope, *name, &suite));
        printf("  %-16s %s\n", *name, suite->about);
    }
    return CLM_OK;
}

static const char *range_of(clm_scope *scope, const clm_parameter_spec *spec)
{
    if (spec->choice == NULL) return clm_text(scope, "%.10g to %.10g", spec->least, spec->most);
    const char *all = "";
    for (size_t i = 0; spec->choice[i] != NULL; i++)
        all = clm_text(scope, "%s%s%s", all, i > 0 ? ", " : "", spec->choice[i]);
    return all;
}

/* Parameters only when models alone were asked for. */
static void list_models(clm_scope *scope, bool parameters)
{
    puts("Models (clmoe run --model MODEL --data SET)");
    for (size_t m = 0; clm_models[m] != NULL; m++) {
        const clm_model *model = clm_models[m];
        printf("  %-16s %s\n", model->name, model->about);
        for (size_t i = 0; parameters && model->parameters[i] != NULL; i++) {
            const clm_parameter_spec *spec = model->parameters[i];
            printf("      %-14s %-10s %-24s %s\n", spec->name,
                   spec->value + (spec->value[0] == '='), range_of(scope, spec), spec->about);
            for (const clm_data_default *d = model->on_data; d != NULL && d->data != NULL; d++)
                if (strcmp(d->parameter, spec->name) == 0)
                    printf("      %-14s %-10s on %s\n", "", d->value, d->data);
        }
    }
    if (!parameters) puts("  (`clmoe list models` shows their parameters)");
}

static clm_status list_data(clm_scope *scope)
{
    const char *const *name;
    CLM_TRY(clm_names_in(scope, "suites/data", ".yaml", &name));
    puts("Data sets (clmoe data info SET)");
    for (; *name != NULL; name++) {
        const clm_description *description;
        CLM_TRY(clm_description_read(scope, *name, &description));
        printf("  %-16s %s\n", *name, description->about);
    }
    return CLM_OK;
}

static void list_operators(void)
{
    puts("Operators (clmoe verify --op OPERATOR)");
    for (size_t i = 0; clm_op_at(i) != NULL; i++)
        printf("  %-26s %s\n", clm_op_at(i)->name, clm_op_at(i)->about);
}

static void list_libraries(clm_scope *scope)
{
    puts("Libraries (clmoe verify --op OPERATOR --variant VARIANT)");
    for (size_t i = 0; clm_op_at(i) != NULL; i++)
        for (const clm_variant *v = clm_op_at(i)->variant; v->name != NULL; v++)
            if (clm_is_library(v))
                printf("  %-26s %s, by %s\n", v->name, clm_op_at(i)->name,
                       clm_choice_library(scope, &(clm_choice){.variant = v}));
}

/* Where a sentence, or its first part, ends: at the end of the line, or at a stop or colon before. */
static const char *sentence_end(const char *text)
{
    const char *c = text;
    while (*c != '\0' && *c != '\n' && !((*c == '.' || *c == ':') && (c[1] == ' ' || c[1] == '\n')))
        c++;
    return c;
}

/* What the comment at the head of a script begins with, up to its first stop or colon. */
static const char *head_of(clm_scope *scope, const char *path)
{
    FILE *file = fopen(path, "r");
    const char *head = "", *end = "\n";
    char line[256];
    while (file != NULL && *end == '\n' && fgets(line, sizeof line, file) != NULL &&
           line[0] == '#') {
        const char *text = line + strspn(line, "# ");
        end = sentence_end(text);
        head =
            clm_text(scope, "%s%s%.*s", head, head[0] != '\0' ? " " : "", (int)(end - text), text);
    }
    if (file != NULL) (void)fclose(file);
    return head;
}

static clm_status list_figures(clm_scope *scope)
{
    const char *const *name;
    CLM_TRY(clm_names_in(scope, "plots", ".gp", &name));
    puts("Figures (clmoe plot RUN --figure FIGURE)");
    for (; *name != NULL; name++) {
        const char *path;
        CLM_TRY(clm_share(scope, clm_text(scope, "plots/%s.gp", *name), &path));
        printf("  %-22s %s\n", *name, head_of(scope, path));
    }
    return CLM_OK;
}

static clm_status list(clm_scope *scope, const options *o)
{
    if (asked(o, "suites")) CLM_TRY(list_suites(scope));
    if (asked(o, "models")) list_models(scope, o->what != NULL);
    if (asked(o, "data")) CLM_TRY(list_data(scope));
    if (asked(o, "figures")) CLM_TRY(list_figures(scope));
    if (asked(o, "operators")) {
        list_operators();
        list_libraries(scope);
    }
    return CLM_OK;
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp argp = {table,
                              parse,
                              "[suites|models|data|figures|operators]",
                              "Lists what there is to run. For models alone, every parameter with "
                              "its default and range (for --set and suites).",
                              NULL,
                              NULL,
                              NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = list(&scope, &o);
    const int code = status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
    clm_scope_end(&scope);
    return code;
}

const clm_command clm_command_list = {"list", "suites, models, data sets, figures and operators",
                                      run};
