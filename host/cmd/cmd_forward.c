/* clmoe forward: a model on given weights, for exchange with PyTorch. */
#include "cmd/cell_options.h"

typedef struct options {
    clm_cell_options cell;
    clm_forward forward;
} options;

static const struct argp_option table[] = {
    {"checkpoint", 'c', "FILE", 0,
     "Weights to read (safetensors); without it the seed's initial weights", 0},
    {"out", 'o', "FILE", 0, "File to write (safetensors)", 0},
    {"grad", 'g', NULL, 0, "Also the loss of a training step and the gradient of every parameter",
     0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &o->cell; return 0;
    case 'c': o->forward.checkpoint = argument; return 0;
    case 'o': o->forward.out = argument; return 0;
    case 'g': o->forward.gradients = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static clm_status forward(clm_scope *scope, const options *o)
{
    clm_cell cell;
    if (!o->forward.out) return clm_fail(CLM_ERROR_USAGE, "--out is needed: the file to write");
    CLM_TRY(clm_cell_open(scope, &o->cell, NULL, &cell));
    const clm_model *model = clm_config_model(cell.config);
    if (!model->forward)
        return clm_fail(CLM_ERROR_USAGE, "%s has no weights to run on", model->name);
    return model->forward(scope, &cell, &o->forward);
}

static int run(int argc, char **argv)
{
    options o = {0};
    const struct argp_child children[] = {
        {&clm_cell_argp, 0, "The cell:", 1}, {&clm_lane_argp, 0, NULL, 1}, {0}};
    const struct argp argp = {
        table,
        parse,
        NULL,
        "Run a model on given weights and write what it computes.\v"
        "The file holds out.score_val and out.score_test with their pairs or ids, of models of "
        "links out.embedding too, with --grad also out.loss and grad.param.*, and without "
        "--checkpoint the weights that were used, param.*.",
        children,
        NULL,
        NULL};
    clm_options(&argp, argc, argv, &o);
    clm_scope scope = {0};
    const clm_status status = forward(&scope, &o);
    clm_scope_end(&scope);
    return status == CLM_OK ? CLM_EXIT_OK : clm_exit_error();
}

const clm_command clm_command_forward = {
    "forward", "run a model on given weights, outputs and gradients as safetensors", run};
