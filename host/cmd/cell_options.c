#include "cmd/cell_options.h"

#include "base/text.h"
#include "suite/lane.h"

#include <string.h>

static const struct argp_option table[] = {
    {"model", 'm', "NAME", 0, "Model (see clmoe list)", 0},
    {"data", 'D', "SET", 0, "Data set by name, or a folder", 0},
    {"data-dir", 'R', "DIR", 0, "Where the folders of data sets are (default: CLMOE_DATA)", 0},
    {"set", 's', "KEY=VALUE", 0, "A parameter of the model; may be repeated", 0},
    {"device", 'd', "DEV", 0,
     "cpu, gpu, accelerator, an id, or part of a name (default: first GPU, else first CPU)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    clm_cell_options *o = state->input;
    switch (key) {
    case 'm': o->model = argument; return 0;
    case 'D': o->data = argument; return 0;
    case 'R': o->data_dir = argument; return 0;
    case 'd': o->device = argument; return 0;
    case 's':
        if (o->sets == CLM_MOST_SETS) argp_error(state, "more than %d --set", CLM_MOST_SETS);
        o->set[o->sets++] = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp clm_cell_argp = {table, parse, NULL, NULL, NULL, NULL, NULL};

static const struct argp_option lane_table[] = {
    {"lane", 'l', "LANE", 0,
     "portable (default tunables), tuned (what `clmoe tune` found) or vendor (libraries)", 0},
    {0},
};

static error_t parse_lane(int key, char *argument, struct argp_state *state)
{
    clm_cell_options *o = state->input;
    if (key != 'l') return ARGP_ERR_UNKNOWN;
    o->lane = argument;
    return 0;
}

const struct argp clm_lane_argp = {lane_table, parse_lane, NULL, NULL, NULL, NULL, NULL};

static clm_status configure(clm_scope *scope, const clm_cell_options *o, const clm_model *model,
                            clm_config **config)
{
    *config = clm_config_new(scope, model);
    clm_config_on_data(*config, o->data ? o->data : CLM_NO_DATA);
    for (int i = 0; i < o->sets; i++) {
        const char *equals = strchr(o->set[i], '=');
        if (!equals)
            return clm_fail(CLM_ERROR_USAGE, "--set wants key=value, not \"%s\"", o->set[i]);
        CLM_TRY(clm_config_set(
            *config, clm_text(scope, "%.*s", (int)(equals - o->set[i]), o->set[i]), equals + 1));
    }
    return clm_config_resolve(*config);
}

static void print_plan(void *user, uint64_t weights, uint64_t rest)
{
    clm_scope scope = {0};
    (void)user;
    fprintf(stderr, "memory plan: %s weights, gradients and moments, %s inputs and activations\n",
            clm_text_bytes(&scope, weights), clm_text_bytes(&scope, rest));
    clm_scope_end(&scope);
}

clm_status clm_cell_open(clm_scope *scope, const clm_cell_options *o,
                         const clm_context_options *context, clm_cell *cell)
{
    const clm_model *model = o->model ? clm_model_find(o->model) : NULL;
    const char *data = o->data ? o->data : CLM_NO_DATA;
    if (!o->model || (!o->data && model && !model->data_optional)) {
        clm_fail(CLM_ERROR_USAGE, "--model and --data are needed");
        clm_error_advice("clmoe list names both");
        return CLM_FAIL;
    }
    if (!model) {
        clm_fail(CLM_ERROR_USAGE, "there is no model \"%s\"", o->model);
        clm_error_advice("clmoe list names the models");
        return CLM_FAIL;
    }
    clm_config *config;
    const clm_device *device;
    size_t count;
    CLM_TRY(o->lane ? clm_lane_check(o->lane) : CLM_OK);
    CLM_TRY(configure(scope, o, model, &config));
    *cell = (clm_cell){.model = o->model, .data = data, .config = config, .planned = print_plan};
    CLM_TRY(clm_model_data(scope, model, data, o->data_dir, &cell->dataset));
    CLM_TRY(clm_devices_select(scope, o->device, &device, &count));
    CLM_TRY(clm_lane_open(scope, o->lane ? o->lane : clm_lanes[0], device, &cell->tuning));
    return clm_context_open(scope, device, context, &cell->context);
}
