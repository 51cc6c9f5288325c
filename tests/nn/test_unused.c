/* Work that cannot reach the loss is left out, and nothing else changes. */
#include "unit.h"

#include "cl/add/add.h"
#include "cl/gelu/gelu.h"
#include "cl/label_loss/label_loss.h"
#include "model/her.h"
#include "nn/parameters_internal.h"
#include "nn/small_graph.h"
#include "nn/tape_internal.h"

#include <math.h>
#include <string.h>

typedef struct model {
    clm_parameters *parameters;
    clm_tape *tape;
    clm_tensor *loss;
} model;

/* A loss on links between nodes of types 0 and 1, and the balance loss of a mixture. Without one
 * the last layer's attention goes only where the loss reads. */
static model record(clm_scope *scope, const clm_her *her, const bool *read)
{
    model m = {.parameters = clm_parameters_new(scope, 4)};
    const clm_dataset data = small_graph(scope);
    clm_adjacency adjacency, last;
    clm_features features;
    clm_graph_inputs in;
    clm_tensor *balance;
    assert_ok(clm_adjacency_new(scope, &data, NULL, (clm_adjacency_choice){0}, &adjacency));
    assert_ok(clm_adjacency_new(scope, &data, NULL, (clm_adjacency_choice){.into = read}, &last));
    assert_true(!read || last.rows < adjacency.rows);
    assert_ok(clm_features_new(scope, &data, false, NULL, &features));
    m.tape = clm_tape_new(scope, NULL, m.parameters, 11);
    clm_tape_set_training(m.tape, true);
    const clm_graph_source source = {.types = 3,
                                     .type_first = small_type_first,
                                     .read = read,
                                     .features = &features,
                                     .adjacency = &adjacency,
                                     .last = her->mixture == CLM_NO_MIXTURE ? &last : NULL};
    clm_graph_inputs_record(m.tape, &source, NULL, &in);
    clm_tensor *x = clm_her_input(m.tape, m.parameters, &in, her->width);
    x = clm_her_layers(m.tape, m.parameters, her, &in, x, NULL, &balance, NULL);
    static const int32_t u[] = {0, 1, 1, 4, 2, 3}, v[] = {5, 6, 6, 8, 7, 5};
    static const float label[] = {1, 1, 1, 0, 0, 0};
    clm_tensor *score = clm_bilinear_scores(m.tape, m.parameters, x, 0, 5,
                                            clm_input_i32(m.tape, "u", u, CLM_DIMS(6)),
                                            clm_input_i32(m.tape, "v", v, CLM_DIMS(6)));
    clm_tensor *task =
        clm_bce_loss(m.tape, score, clm_input_f32(m.tape, "label", label, CLM_DIMS(6)));
    m.loss =
        balance ? clm_add(m.tape, 2, (clm_tensor *[]){task, balance}, (double[]){1, 0.1}) : task;
    clm_tape_backward(m.tape, m.loss);
    assert_ok(clm_tape_reference_begin(m.tape));
    clm_tape_reference_run(m.tape, 0, 0);
    return m;
}

/* (Node, expert) pairs that the experts of the last layer compute. */
static int32_t last_pairs(const model *m, int top_k)
{
    int32_t pairs = -1;
    for (size_t i = 0; i < clm_tape_calls(m->tape); i++) {
        const clm_call *call = clm_tape_call(m->tape, i);
        const clm_tensor *offsets = call->arg[1];
        if (strcmp(call->op->name, "dispatch") == 0 && call->attribute[0] == top_k)
            pairs = ((const int32_t *)offsets->host)[offsets->dim[0] - 1];
    }
    return pairs;
}

/* Property: leaving out the last layer's experts (where there is no mixture: its messages) of nodes
 * that are never scored changes neither the loss nor any gradient, and only the pairs of scored
 * nodes are computed. */
static void unread_rows_change_nothing(void **state)
{
    (void)state;
    static const bool read[] = {true, true, false};
    static const struct {
        clm_mixture mixture;
        bool residual;
    } settings[] = {{CLM_SHARED_MIXTURE, true},
                    {CLM_SEPARATED_MIXTURE, true},
                    {CLM_SHARED_MIXTURE, false},
                    {CLM_SEPARATED_MIXTURE, false},
                    {CLM_NO_MIXTURE, false}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const clm_her her = {.width = 16,
                             .layers = 2,
                             .heads = 4,
                             .dropout = 0.25,
                             .layer_norm = true,
                             .mixture = settings[i].mixture,
                             .experts = 4,
                             .top_k = 2,
                             .expert_width = 32,
                             .renormalise = true,
                             .moe_residual = settings[i].residual,
                             .p = 0.4};
        clm_scope scope = {0};
        const model all = record(&scope, &her, NULL), some = record(&scope, &her, read);
        const bool mixture = her.mixture != CLM_NO_MIXTURE;
        assert_int_equal(last_pairs(&all, her.top_k),
                         mixture ? small_type_first[3] * her.top_k : -1);
        assert_int_equal(last_pairs(&some, her.top_k),
                         mixture ? small_type_first[2] * her.top_k : -1);
        const double a = *(double *)all.loss->host, b = *(double *)some.loss->host;
        assert_true(fabs(a - b) <= 1e-12 * fabs(a));
        const clm_tensor *whole = &all.parameters->arena[1], *part = &some.parameters->arena[1];
        assert_int_equal(clm_elements(whole), clm_elements(part));
        double largest = 0;
        for (int64_t j = 0; j < clm_elements(whole); j++) {
            const double x = ((double *)whole->host)[j], y = ((double *)part->host)[j];
            assert_true(fabs(x - y) <= 1e-12 * (fabs(x) + 1));
            largest = fmax(largest, fabs(x));
        }
        assert_true(largest > 0);
        clm_scope_end(&scope);
    }
}

/* Property: what reaches nothing kept is dropped with all that only it needed; what is kept, and
 * what that needs, stays. */
static void unused_calls_are_dropped(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_tape *tape = clm_tape_new(&scope, NULL, NULL, 0);
    static const float value[] = {1, 2, 3};
    clm_tensor *x = clm_input_f32(tape, "x", value, CLM_DIMS(1, 3));
    clm_tensor *shared = clm_gelu(tape, x), *kept = clm_gelu(tape, shared);
    clm_gelu(tape, clm_gelu(tape, shared));
    clm_keep(tape, kept);
    assert_int_equal(clm_tape_calls(tape), 4);
    clm_tape_drop_unused(tape);
    assert_int_equal(clm_tape_calls(tape), 2);
    assert_ptr_equal(clm_tape_call(tape, 0)->arg[1], shared);
    assert_ptr_equal(clm_tape_call(tape, 1)->arg[1], kept);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(unread_rows_change_nothing),
                                       cmocka_unit_test(unused_calls_are_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
