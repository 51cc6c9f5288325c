/* The tape on a device: storage by lifetime, and replays against the same tape in double. */
#include "device.h"

#include "cl/adam/adam.h"
#include "cl/add/add.h"
#include "cl/label_loss/label_loss.h"
#include "model/her.h"
#include "nn/small_graph.h"
#include "nn/tape_internal.h"
#include "op/verify.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct model {
    clm_parameters *parameters;
    clm_tape *tape;
    clm_tensor *loss;
} model;

static model record(fixture *f, clm_scope *scope, const clm_her *her, clm_type precision)
{
    model m = {.parameters = clm_parameters_new(scope, 4)};
    const clm_dataset data = small_graph(scope);
    clm_adjacency adjacency;
    clm_features features;
    clm_graph_inputs in;
    clm_tensor *balance;
    assert_ok(clm_adjacency_new(scope, &data, NULL, (clm_adjacency_choice){0}, &adjacency));
    assert_ok(clm_features_new(scope, &data, false, NULL, &features));
    m.tape = clm_tape_new(scope, f->context, m.parameters, 11);
    clm_tape_set_training(m.tape, true);
    clm_tape_set_precision(m.tape, precision);
    const clm_graph_source source = {
        .types = 3, .type_first = small_type_first, .features = &features, .adjacency = &adjacency};
    clm_graph_inputs_record(m.tape, &source, NULL, &in);
    clm_tensor *x = clm_her_input(m.tape, m.parameters, &in, her->width);
    x = clm_her_layers(m.tape, m.parameters, her, &in, x, NULL, &balance, NULL);
    static const int32_t u[] = {0, 1, 1, 4, 2, 3}, v[] = {5, 6, 6, 8, 7, 5};
    static const float label[] = {1, 1, 1, 0, 0, 0};
    clm_tensor *score = clm_bilinear_scores(m.tape, m.parameters, x, 0, 5,
                                            clm_input_i32(m.tape, "u", u, CLM_DIMS(6)),
                                            clm_input_i32(m.tape, "v", v, CLM_DIMS(6)));
    m.loss = clm_bce_loss(m.tape, score, clm_input_f32(m.tape, "label", label, CLM_DIMS(6)));
    clm_keep(m.tape, m.loss);
    clm_tape_backward(m.tape, m.loss);
    clm_adam(m.tape, m.parameters, 0.01);
    return m;
}

static const clm_her mixture = {.width = 16,
                                .layers = 2,
                                .heads = 4,
                                .dropout = 0.25,
                                .layer_norm = true,
                                .mixture = CLM_SHARED_MIXTURE,
                                .experts = 4,
                                .top_k = 2,
                                .expert_width = 32,
                                .renormalise = true,
                                .moe_residual = true,
                                .fusion = CLM_FUSION_ADD,
                                .p = 0.4};

static bool lives_at(const clm_tensor *t, int call)
{
    return (t->kind == CLM_ACTIVATION || t->kind == CLM_OUTPUT) && t->first >= 0 &&
           t->first <= call && call <= t->last;
}

/* Property: at every call, tensors that are alive share no byte, except an output that took over an
 * input which ends at this very call. */
static void live_tensors_do_not_overlap(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    const model m = record(f, &scope, &mixture, CLM_F32);
    assert_ok(clm_tape_plan(m.tape));
    uint64_t sum = 0;
    for (size_t c = 0; c < m.tape->calls; c++)
        for (size_t i = 0; i < m.tape->nodes; i++)
            for (size_t j = 0; j < i; j++) {
                const clm_node *a = m.tape->node[i], *b = m.tape->node[j];
                if (!lives_at(&a->tensor, (int)c) || !lives_at(&b->tensor, (int)c) ||
                    a->chunk != b->chunk)
                    continue;
                const bool apart =
                    a->chunk_offset + clm_tensor_bytes(&a->tensor) <= b->chunk_offset ||
                    b->chunk_offset + clm_tensor_bytes(&b->tensor) <= a->chunk_offset;
                const bool handed_over = (a->tensor.first == (int)c && b->tensor.last == (int)c) ||
                                         (b->tensor.first == (int)c && a->tensor.last == (int)c);
                if (!apart) assert_true(handed_over && a->chunk_offset == b->chunk_offset);
            }
    for (size_t i = 0; i < m.tape->nodes; i++)
        if (m.tape->node[i]->chunk >= 0) sum += clm_tensor_bytes(&m.tape->node[i]->tensor);
    assert_true(clm_tape_bytes(m.tape) - m.tape->input_bytes < sum); /* something is shared */
    clm_scope_end(&scope);
}

/* Property: three training steps on the device leave the weights where three steps in double do. */
static void replay_equals_reference(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    const model m = record(f, &scope, &mixture, CLM_F32);
    assert_ok(clm_tape_plan(m.tape));
    assert_ok(clm_tape_reference_begin(m.tape));
    for (int step = 0; step < 3; step++) {
        float loss;
        assert_ok(clm_tape_run(m.tape, step, 0.01F));
        clm_tape_reference_run(m.tape, step, 0.01F);
        assert_ok(clm_tensor_read(m.tape, m.loss, &loss));
        assert_true(clm_relative_error(&loss, m.loss->host, 1) < 1e-5);
    }
    const clm_tensor *weights = clm_parameters_arena(m.parameters);
    float *got = clm_alloc(&scope, clm_tensor_bytes(weights));
    assert_ok(clm_tensor_read(m.tape, weights, got));
    assert_true(clm_relative_error(got, weights->host, clm_elements(weights)) < 1e-3);
    clm_scope_end(&scope);
}

/* Where a tape in f16 keeps the factor of the loss; null in others. */
static clm_tensor *scale_of(const model *m)
{
    for (size_t i = 0; i < m->tape->nodes; i++)
        if (!strcmp(m->tape->node[i]->tensor.name, "loss scale")) return &m->tape->node[i]->tensor;
    return NULL;
}

static void set_scale(const model *m, float factor)
{
    if (scale_of(m)) assert_ok(clm_buffer_write(scale_of(m)->buffer, 0, &factor, sizeof factor));
}

static float get_scale(const model *m)
{
    float factor;
    assert_ok(clm_tensor_read(m->tape, scale_of(m), &factor));
    return factor;
}

/* Property: in each storage type a training step's loss and gradients are those of the tape in double
 * up to 4 and 8 roundings of the type. Every expert is chosen: rounding may change the order of two
 * that are nearly equal, and the result jumps. */
static void precisions_equal_reference(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    static const clm_type types[] = {CLM_BF16, CLM_F16};
    clm_her all = mixture;
    all.top_k = all.experts;
    for (int i = 0; i < 2; i++) {
        clm_scope scope = {0};
        const model m = record(f, &scope, &all, types[i]);
        const double rounding = clm_rounding(types[i]);
        float loss;
        assert_ok(clm_tape_plan(m.tape));
        assert_ok(clm_tape_reference_begin(m.tape));
        set_scale(&m, 0x1p4F);
        assert_ok(clm_tape_run(m.tape, 0, 0.01F));
        clm_tape_reference_run(m.tape, 0, 0.01F);
        assert_ok(clm_tensor_read(m.tape, m.loss, &loss));
        const double loss_error = clm_relative_error(&loss, m.loss->host, 1);
        const clm_tensor *gradients = clm_gradients_arena(m.parameters);
        float *got = clm_alloc(&scope, clm_tensor_bytes(gradients));
        assert_ok(clm_tensor_read(m.tape, gradients, got));
        const double error = clm_relative_error(got, gradients->host, clm_elements(gradients));
        printf("%s: loss off by %.1e, gradients by %.1e\n", clm_type_name(types[i]), loss_error,
               error);
        assert_true(loss_error < 4 * rounding);
        assert_true(error > 0.01 * rounding && error < 8 * rounding);
        clm_scope_end(&scope);
    }
}

/* Property: a step whose gradients overflow changes no weight and halves the factor of the loss. */
static void overflow_skips_the_step(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    const model m = record(f, &scope, &mixture, CLM_F16);
    const clm_tensor *arena = clm_parameters_arena(m.parameters);
    assert_ok(clm_tape_plan(m.tape));
    float *before = clm_alloc(&scope, clm_tensor_bytes(arena));
    float *after = clm_alloc(&scope, clm_tensor_bytes(arena));
    assert_ok(clm_tensor_read(m.tape, arena, before));
    set_scale(&m, 0x1p100F);
    assert_ok(clm_tape_run(m.tape, 0, 0.01F));
    assert_ok(clm_tensor_read(m.tape, arena, after));
    assert_memory_equal(before, after, clm_tensor_bytes(arena));
    assert_true(get_scale(&m) == 0x1p99F);
    set_scale(&m, 0x1p4F);
    assert_ok(clm_tape_run(m.tape, 0, 0.01F));
    assert_ok(clm_tensor_read(m.tape, arena, after));
    assert_memory_not_equal(before, after, clm_tensor_bytes(arena));
    assert_true(get_scale(&m) == 0x1p4F);
    clm_scope_end(&scope);
}

/* Property: two runs with one seed give the same bits. */
static void same_bits_twice(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    float *weights[2];
    for (int run = 0; run < 2; run++) {
        const model m = record(f, &scope, &mixture, CLM_F32);
        assert_ok(clm_tape_plan(m.tape));
        for (int step = 0; step < 3; step++)
            assert_ok(clm_tape_run(m.tape, step, 0.01F));
        const clm_tensor *arena = clm_parameters_arena(m.parameters);
        weights[run] = clm_alloc(&scope, clm_tensor_bytes(arena));
        assert_ok(clm_tensor_read(m.tape, arena, weights[run]));
        if (run) assert_memory_equal(weights[0], weights[1], clm_tensor_bytes(arena));
    }
    clm_scope_end(&scope);
}

/* Property: a tape whose plan exceeds the device is refused before anything is allocated. */
static void too_large_is_refused(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    const uint64_t before = clm_context_bytes(f->context);
    clm_tape *tape = clm_tape_new(&scope, f->context, NULL, 0);
    clm_tensor *x =
        clm_activation(tape, "huge", CLM_F32, CLM_DIMS((int64_t)1 << 20, (int64_t)1 << 20));
    assert_non_null(x);
    assert_int_equal(clm_tape_plan(tape), CLM_FAIL);
    assert_int_equal(clm_error_last()->kind, CLM_ERROR_TOO_LARGE);
    assert_int_equal(clm_context_bytes(f->context), before);
    clm_scope_end(&scope);
}

/* Property: what is written to an input is what every tape that shares it reads from then on. */
static void written_inputs_reach_all_tapes(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    clm_scope scope = {0};
    static const float values[3][2] = {{1, 2}, {3, 5}, {8, 13}};
    clm_tape *tape[2];
    clm_tensor *x[2], *y[2];
    for (int i = 0; i < 2; i++) {
        tape[i] = clm_tape_new(&scope, f->context, NULL, 0);
        x[i] = i == 0 ? clm_input_f32(tape[0], "x", values[0], CLM_DIMS(2))
                      : clm_input_shared(tape[1], x[0]);
        y[i] = clm_add(tape[i], 1, &x[i], (const double[]){2});
        clm_keep(tape[i], y[i]);
    }
    for (int round = 0; round < 3; round++) { /* before planning, and twice on the device */
        assert_ok(clm_tensor_write(x[0], values[round]));
        for (int i = 0; i < 2; i++) {
            float got[2];
            if (round == 0) assert_ok(clm_tape_plan(tape[i]));
            assert_ok(clm_tape_run(tape[i], 0, 0));
            assert_ok(clm_tensor_read(tape[i], y[i], got));
            assert_ok(clm_tape_reference_begin(tape[i]));
            clm_tape_reference_run(tape[i], 0, 0);
            for (int c = 0; c < 2; c++) {
                assert_true(got[c] == 2 * values[round][c]);
                assert_true(((double *)y[i]->host)[c] == got[c]);
            }
        }
    }
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(live_tensors_do_not_overlap),
                                       cmocka_unit_test(replay_equals_reference),
                                       cmocka_unit_test(precisions_equal_reference),
                                       cmocka_unit_test(overflow_skips_the_step),
                                       cmocka_unit_test(same_bits_twice),
                                       cmocka_unit_test(too_large_is_refused),
                                       cmocka_unit_test(written_inputs_reach_all_tapes)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
