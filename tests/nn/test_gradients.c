/* Gradients against finite differences, all in double: the recorded backward pass is replayed by
 * the operators' references, so what is checked is the mathematics, of every operator that has a
 * gradient and of whole models with every switch. */
#include "unit.h"

#include "model/her.h"
#include "model/sage.h"
#include "model/sage_parameters.h"
#include "model/small_inputs.h"
#include "nn/small_graph.h"
#include "op/example.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DIRECTIONS = 4, MOST_INPUTS = 16 };

/* A function of arrays: sum of outputs times cotangents, and the arrays with their gradients. */
typedef struct function {
    clm_tape *tape;
    int outputs, inputs;
    clm_tensor *output[MOST_INPUTS], *cotangent[MOST_INPUTS];
    double *input[MOST_INPUTS], *gradient[MOST_INPUTS];
    int64_t elements[MOST_INPUTS];
} function;

static double value(const function *f)
{
    double sum = 0;
    clm_tape_reference_run(f->tape, 3, 0.01F);
    for (int o = 0; o < f->outputs; o++) {
        const double *y = f->output[o]->host, *c = f->cotangent[o]->host;
        for (int64_t i = 0; i < clm_elements(f->output[o]); i++)
            if (!isnan(y[i])) sum += y[i] * c[i];
    }
    return sum;
}

/* Directions that were compared, and those left out because there is no gradient. */
static int compared, left_out;

/* Property: along any direction d, (f(x + h d) - f(x - h d)) / 2h = <gradient, d> up to h^2.
 * Where the quotients of the two sides differ, f has a jump or kink (equal router logits) and no
 * gradient to compare with. */
static void check(function *f, const char *what)
{
    enum { MOST = 1 << 20 };
    static double saved[MOST], gradient[MOST];
    for (int i = 0; i < f->inputs; i++) {
        assert_true(f->elements[i] <= MOST);
        const double here =
            value(f); /* gradients at the point itself: the last replay was beside it */
        if (f->gradient[i])
            memcpy(gradient, f->gradient[i], (size_t)f->elements[i] * sizeof(double));
        else
            memset(gradient, 0, (size_t)f->elements[i] * sizeof(double));
        memcpy(saved, f->input[i], (size_t)f->elements[i] * sizeof(double));
        for (uint32_t d = 0; d < DIRECTIONS; d++) {
            const double h = 1e-5;
            double expected = 0, scale = 0, side[2];
            for (int s = 0; s < 2; s++) {
                for (int64_t j = 0; j < f->elements[i]; j++)
                    f->input[i][j] = saved[j] + (s ? -h : h) * small_normal((uint32_t)j, d);
                side[s] = value(f);
            }
            memcpy(f->input[i], saved, (size_t)f->elements[i] * sizeof(double));
            for (int64_t j = 0; j < f->elements[i]; j++) {
                expected += gradient[j] * small_normal((uint32_t)j, d);
                scale += fabs(gradient[j] * small_normal((uint32_t)j, d));
            }
            const double got = (side[0] - side[1]) / (2 * h), ahead = (side[0] - here) / h,
                         behind = (here - side[1]) / h;
            if (fabs(ahead - behind) > 1e-2 * (fabs(ahead) + fabs(behind)) + 1e-3 * scale + 1e-3) {
                left_out++;
                continue;
            }
            compared++;
            if (!(fabs(got - expected) <= 1e-6 * (scale + fabs(got)) + 1e-7))
                fail_msg("%s: input %d direction %u: recorded %.12g, difference quotient %.12g",
                         what, i, d, expected, got);
        }
    }
}

/* --- operators --- */

static clm_tensor *leaf(clm_tape *tape, const clm_example *e, int o)
{
    const clm_tensor *t = e->call.arg[o];
    if (!strcmp(t->name, "step"))
        return clm_tape_step(tape); /* the backward pass reads the tape's */
    return t->type == CLM_F32 ? clm_input_f32(tape, t->name, e->f32[o], t->rank, t->dim)
                              : clm_input_i32(tape, t->name, e->i32[o], t->rank, t->dim);
}

/* Results that are kept for the backward pass alone: nothing goes on with them. */
static bool is_saved(const char *name)
{
    static const char *const saved[] = {"mean", "rstd",   "lse",     "alpha",      "slope", "f",
                                        "p",    "factor", "counted", "importance", "load"};
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
        if (!strcmp(name, saved[i])) return true;
    return false;
}

static void check_operator(clm_scope *scope, const clm_op *op, const clm_example *e, int index)
{
    function f = {.tape = clm_tape_new(scope, NULL, NULL, 9)};
    clm_tensor *in[CLM_OPERANDS] = {NULL};
    clm_call call = e->call;
    clm_tape_set_training(f.tape, true);
    for (int o = 0; o < CLM_OPERANDS && op->operand[o].name; o++) {
        clm_tensor *t = call.arg[o];
        if (!t) continue;
        if (op->operand[o].role == CLM_IN) {
            call.arg[o] = leaf(f.tape, e, o);
            if (t->type == CLM_F32) clm_want_gradient(f.tape, in[o] = call.arg[o]);
        } else {
            call.arg[o] = clm_activation(f.tape, t->name, t->type, t->rank, t->dim);
        }
    }
    clm_record(f.tape, &call);
    for (int o = 0; o < CLM_OPERANDS && op->operand[o].name; o++) {
        clm_tensor *t = call.arg[o];
        if (!t || op->operand[o].role != CLM_OUT || t->type != CLM_F32 ||
            is_saved(op->operand[o].name))
            continue;
        float *c = clm_alloc(scope, clm_tensor_bytes(t) + 4);
        for (int64_t i = 0; i < clm_elements(t); i++)
            c[i] = (float)small_normal((uint32_t)i, 99);
        f.output[f.outputs] = t;
        f.cotangent[f.outputs++] = clm_input_f32(f.tape, "cotangent", c, t->rank, t->dim);
    }
    clm_tape_backward_from(f.tape, f.outputs, f.output, f.cotangent);
    assert_ok(clm_tape_reference_begin(f.tape));
    for (int o = 0; o < CLM_OPERANDS; o++) {
        if (!in[o]) continue;
        const clm_tensor *g = clm_gradient_of(f.tape, in[o]);
        f.input[f.inputs] = in[o]->host;
        f.gradient[f.inputs] = g ? g->host : NULL;
        f.elements[f.inputs++] = clm_elements(in[o]);
        if (!g) f.inputs--; /* the operator passes nothing back to this operand: a mask, a label */
    }
    char what[128];
    snprintf(what, sizeof what, "%s example %d", op->name, index);
    assert_true(f.inputs > 0);
    check(&f, what);
}

static void operators(void **state)
{
    (void)state;
    int checked = 0;
    for (size_t i = 0; clm_op_at(i); i++) {
        const clm_op *op = clm_op_at(i);
        if (!op->grad || op->grad == clm_no_grad) continue;
        for (int index = 0;; index++) {
            clm_example e = {0};
            clm_scope scope = {0};
            const bool more = clm_example_build(&e, op, index);
            if (more && op->cost(&e.call).flops < 3e4) {
                check_operator(&scope, op, &e, index);
                checked++;
            }
            clm_scope_end(&scope);
            clm_scope_end(&e.scope);
            if (!more) break;
        }
    }
    printf("%d examples of operators\n", checked);
    assert_true(checked > 10);
}

/* --- models --- */

/* A recorded model's gradients, of all parameters at once and then one by one, so that none hides
 * behind the others. */
static void check_parameters(function *f, clm_parameters *parameters, const char *what)
{
    clm_tape_backward_from(f->tape, f->outputs, f->output, f->cotangent);
    assert_ok(clm_tape_reference_begin(f->tape));
    double *value_of = clm_parameters_arena(parameters)->host,
           *gradient_of = clm_gradients_arena(parameters)->host;
    f->inputs = 1;
    f->input[0] = value_of;
    f->gradient[0] = gradient_of;
    f->elements[0] = clm_elements(clm_parameters_arena(parameters));
    check(f, what);
    for (size_t i = 0; i < clm_parameters_count(parameters); i++) {
        if (clm_parameter_is_statistic(parameters, (int)i)) continue;
        f->input[0] = value_of + clm_parameter_offset(parameters, (int)i);
        f->gradient[0] = gradient_of + clm_parameter_offset(parameters, (int)i);
        f->elements[0] = clm_elements(clm_parameter_tensor(parameters, (int)i));
        char name[160];
        snprintf(name, sizeof name, "%s, %s", what, clm_parameter_name(parameters, (int)i));
        check(f, name);
    }
}

static void check_model(const clm_her *her, bool per_relation, const char *what)
{
    clm_scope scope = {0};
    const clm_dataset data = small_graph(&scope);
    clm_adjacency adjacency;
    clm_features features;
    clm_graph_inputs in;
    assert_ok(clm_adjacency_new(&scope, &data, NULL,
                                (clm_adjacency_choice){.per_relation = per_relation}, &adjacency));
    assert_ok(clm_features_new(&scope, &data, false, NULL, &features));
    clm_parameters *parameters = clm_parameters_new(&scope, 4);
    function f = {.tape = clm_tape_new(&scope, NULL, parameters, 11), .outputs = 1};
    clm_tape_set_training(f.tape, true);
    const clm_graph_source source = {
        .types = 3, .type_first = small_type_first, .features = &features, .adjacency = &adjacency};
    clm_graph_inputs_record(f.tape, &source, NULL, &in);
    clm_tensor *balance, *x = clm_her_input(f.tape, parameters, &in, her->width);
    x = clm_her_layers(f.tape, parameters, her, &in, x, NULL, &balance, NULL);
    static const int32_t u[] = {0, 1, 1, 4, 2, 3}, v[] = {5, 6, 6, 8, 7, 5};
    f.output[0] =
        clm_bilinear_scores(f.tape, parameters, x, 0, 5, clm_input_i32(f.tape, "u", u, CLM_DIMS(6)),
                            clm_input_i32(f.tape, "v", v, CLM_DIMS(6)));
    float cotangent[6];
    for (uint32_t i = 0; i < 6; i++)
        cotangent[i] = (float)small_normal(i, 8);
    f.cotangent[0] = clm_input_f32(f.tape, "cotangent", cotangent, CLM_DIMS(6));
    if (balance) {
        f.output[f.outputs] = balance;
        f.cotangent[f.outputs++] =
            clm_input_f32(f.tape, "balance cotangent", (float[]){0.7F}, CLM_DIMS(1));
    }
    check_parameters(&f, parameters, what);
    clm_scope_end(&scope);
}

static void models(void **state)
{
    (void)state;
    const clm_her hgt = {.width = 8, .layers = 2, .heads = 2, .dropout = 0.25};
    clm_her her = hgt;
    check_model(&her, false, "hgt");
    her.gated_update = her.layer_norm = true;
    check_model(&her, true, "hgt, gated, layer norm, softmax per relation");
    her = hgt;
    her.mixture = CLM_SEPARATED_MIXTURE;
    her.experts = 3, her.top_k = 2, her.expert_width = 6,
    her.renormalise = her.moe_residual = her.layer_norm = true;
    check_model(&her, false, "separated_moe");
    her.mixture = CLM_SHARED_MIXTURE;
    her.p = 0.4;
    static const char *const fusion[] = {"none", "add", "concat", "gated"};
    for (int i = 0; i < 4; i++) {
        her.fusion = (clm_fusion)i;
        her.renormalise = her.moe_residual = i % 2;
        char what[64];
        snprintf(what, sizeof what, "shared_moe, fusion %s", fusion[i]);
        check_model(&her, false, what);
    }
}

/* Every variant on nodes with compressed features, and on a batch of graphs that is not full. */
static void sage(void **state)
{
    (void)state;
    static const clm_model model = {.parameters = clm_sage_parameters};
    for (int v = 0; clm_sage_variants[v]; v++)
        for (int graphs = 0; graphs < 2; graphs++) {
            clm_scope scope = {0};
            clm_config *config = clm_config_new(&scope, &model);
            assert_ok(clm_config_set(config, "variant", clm_sage_variants[v]));
            assert_ok(clm_config_set(config, "width", "12"));
            assert_ok(clm_config_set(config, "experts", "3"));
            assert_ok(clm_config_set(config, "top_k", "2"));
            assert_ok(clm_config_set(config, "dropout", "0.2"));
            assert_ok(clm_config_set(config, "gate", graphs ? "source" : "target"));
            clm_parameters *parameters = clm_parameters_new(&scope, 4);
            function f = {.tape = clm_tape_new(&scope, NULL, parameters, 11), .outputs = 1};
            clm_tape_set_training(f.tape, true);
            const small_form form = {.sparse = !graphs, .graphs = graphs, .spare = graphs ? 3 : 0};
            const clm_task_inputs in = small_inputs(f.tape, form);
            clm_tensor *balance;
            f.output[0] = clm_sage_network(f.tape, parameters, config, &in, &balance, NULL);
            float cotangent[SMALL_NODES * SMALL_CLASSES];
            for (uint32_t i = 0; i < SMALL_NODES * SMALL_CLASSES; i++)
                cotangent[i] = (float)small_normal(i, 8);
            f.cotangent[0] = clm_input_f32(f.tape, "cotangent", cotangent, 2, f.output[0]->dim);
            check_parameters(&f, parameters, clm_sage_variants[v]);
            clm_scope_end(&scope);
        }
}

/* Leaving out is for ties and kinks: it must stay the exception, or nothing is checked. */
static void most_directions_were_compared(void **state)
{
    (void)state;
    printf("%d directions compared, %d left out\n", compared, left_out);
    assert_true(compared > 50 * left_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators), cmocka_unit_test(models),
                                       cmocka_unit_test(sage),
                                       cmocka_unit_test(most_directions_were_compared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
