/* GraphSAGE-MoE beyond the golden tensors: forms of features, batches that are not full, switches.
 * All in double, by the operators' references, so that no device is needed. */
#include "unit.h"

#include "model/sage.h"
#include "model/sage_parameters.h"
#include "model/small_inputs.h"

#include <math.h>
#include <string.h>

static const clm_model model = {.name = "sage_moe",
                                .about = "under test",
                                .parameters = clm_sage_parameters,
                                .check = clm_check_sage};

typedef struct setting {
    const char *name, *value;
} setting;

/* A recorded network with its outputs and all gradients of sum(logits * cotangent). */
typedef struct network {
    clm_tape *tape;
    clm_parameters *parameters;
    clm_tensor *logits;
} network;

static network record(clm_scope *scope, const char *variant, const setting *set, small_form form,
                      bool training)
{
    clm_config *config = clm_config_new(scope, &model);
    assert_ok(clm_config_set(config, "width", "5"));
    assert_ok(clm_config_set(config, "experts", "3"));
    assert_ok(clm_config_set(config, "top_k", "2"));
    assert_ok(clm_config_set(config, "variant", variant));
    for (; set && set->name; set++)
        assert_ok(clm_config_set(config, set->name, set->value));
    assert_ok(clm_config_resolve(config));
    network n = {.parameters = clm_parameters_new(scope, 7)};
    n.tape = clm_tape_new(scope, NULL, n.parameters, 5);
    clm_tape_set_training(n.tape, training);
    const clm_task_inputs in = small_inputs(n.tape, form);
    clm_tensor *balance;
    n.logits = clm_sage_network(n.tape, n.parameters, config, &in, &balance, NULL);
    assert_non_null(n.logits);
    clm_keep(n.tape, n.logits);
    if (training) {
        float *c = clm_alloc_array(scope, (size_t)clm_elements(n.logits), sizeof *c);
        const int64_t live = form.graphs ? 2 : SMALL_NODES; /* others are not scored */
        for (int64_t i = 0; i < live * SMALL_CLASSES; i++)
            c[i] = small_feature((int)i, 50) + 0.1F;
        clm_tensor *cotangent =
            clm_input_f32(n.tape, "cotangent", c, n.logits->rank, n.logits->dim);
        clm_tape_backward_from(n.tape, 1, &n.logits, &cotangent);
    }
    assert_ok(clm_tape_reference_begin(n.tape));
    clm_tape_reference_run(n.tape, 0, 0);
    return n;
}

static void assert_close(const double *got, const double *expected, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))))
            fail_msg("%s: element %lld is %.15g, not %.15g", what, (long long)i, got[i],
                     expected[i]);
}

static bool differ(const double *a, const double *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most > 1e-3;
}

/* Same weights whatever the form of features: same logits, same gradients. */
static void assert_same(const network *a, const network *b, int64_t rows, const char *what)
{
    assert_close(a->logits->host, b->logits->host, rows * SMALL_CLASSES, what);
    const clm_tensor *of_a = clm_gradients_arena(a->parameters),
                     *of_b = clm_gradients_arena(b->parameters);
    assert_int_equal(clm_elements(of_a), clm_elements(of_b));
    assert_close(of_a->host, of_b->host, clm_elements(of_a), what);
}

/* Property: features in compressed rows and the same features as a dense matrix are one network. */
static void compressed_features_are_features(void **state)
{
    (void)state;
    for (int v = 0; clm_sage_variants[v]; v++) {
        clm_scope scope = {0};
        const network dense = record(&scope, clm_sage_variants[v], NULL, (small_form){0}, true);
        const network sparse =
            record(&scope, clm_sage_variants[v], NULL, (small_form){.sparse = true}, true);
        assert_same(&sparse, &dense, SMALL_NODES, clm_sage_variants[v]);
        clm_scope_end(&scope);
    }
}

/* Property: what lies past the live rows, NaN here, changes nothing, neither forward nor back. */
static void rows_past_the_live_ones_do_not_count(void **state)
{
    (void)state;
    for (int v = 0; clm_sage_variants[v]; v++)
        for (int graphs = 0; graphs < 2; graphs++) {
            clm_scope scope = {0};
            const network full =
                record(&scope, clm_sage_variants[v], NULL, (small_form){.graphs = graphs}, true);
            const network spare = record(&scope, clm_sage_variants[v], NULL,
                                         (small_form){.graphs = graphs, .spare = 4}, true);
            assert_same(&spare, &full, graphs ? 2 : SMALL_NODES, clm_sage_variants[v]);
            clm_scope_end(&scope);
        }
}

/* --- one layer --- */

enum { WIDTH = 4, EXPERTS = SMALL_ROLES };

typedef struct one {
    clm_tape *tape;
    clm_parameters *parameters;
    clm_sage_seen seen;
    const double *y; /* [SMALL_NODES, WIDTH] */
} one;

/* Runs a layer; roles [SMALL_NODES, EXPERTS] may be null: small_role. */
static one layer(clm_scope *scope, clm_sage sage, const float *roles, bool training, int step)
{
    one l = {.parameters = clm_parameters_new(scope, 9)};
    sage.width = WIDTH, sage.experts = EXPERTS, sage.top_k = 2;
    l.tape = clm_tape_new(scope, NULL, l.parameters, 5);
    clm_tape_set_training(l.tape, training);
    const clm_task_inputs in = small_inputs(l.tape, (small_form){0});
    const clm_packed_edges *hop = &in.hop[0];
    const clm_sage_graph graph = {
        .nodes = SMALL_NODES,
        .live = in.live,
        .edges = clm_mean_edges_new(l.tape, hop->row_ptr, hop->src, hop->t_row_ptr, hop->dst),
        .roles = roles ? clm_input_f32(l.tape, "roles", roles, CLM_DIMS(SMALL_NODES, EXPERTS))
                       : in.roles};
    clm_tensor *y = clm_sage_layer(l.tape, l.parameters, "", &sage, &graph,
                                   (clm_sage_rows){.dense = in.dense}, 0, &l.seen);
    clm_keep(l.tape, y);
    assert_ok(clm_tape_reference_begin(l.tape));
    clm_tape_reference_run(l.tape, step, 0);
    l.y = y->host;
    return l;
}

static void same_role(float roles[SMALL_NODES * EXPERTS], int role)
{
    for (int i = 0; i < SMALL_NODES * EXPERTS; i++)
        roles[i] = i % EXPERTS == role;
}

/* Property: as released the sum over roles is the one over shares of which the first is doubled and
 * the last is 0: nodes that have the last role alone get nothing. */
static void the_released_sum_misses_the_last_role(void **state)
{
    (void)state;
    clm_scope scope = {0};
    float roles[SMALL_NODES * EXPERTS];
    const double nothing[SMALL_NODES * WIDTH] = {0};
    static const clm_sage_variant variant[] = {CLM_SAGE_AGGREGATED_ROLES, CLM_SAGE_MESSAGE_ROLES};
    for (int v = 0; v < 2; v++) {
        const clm_sage corrected = {.variant = variant[v]},
                       released = {.variant = variant[v], .released_roles = true};
        for (int i = 0; i < SMALL_NODES * EXPERTS; i++) {
            const int r = i % EXPERTS;
            roles[i] = r == EXPERTS - 1 ? 0 : small_role(i / EXPERTS, r) * (r == 0 ? 2.0F : 1.0F);
        }
        const double *got = layer(&scope, released, NULL, true, 0).y;
        assert_close(got, layer(&scope, corrected, roles, true, 0).y, SMALL_NODES * WIDTH,
                     "doubled and left out");
        assert_true(differ(got, layer(&scope, corrected, NULL, true, 0).y, SMALL_NODES * WIDTH));
    }
    const clm_sage corrected = {.variant = CLM_SAGE_AGGREGATED_ROLES},
                   released = {.variant = CLM_SAGE_AGGREGATED_ROLES, .released_roles = true};
    same_role(roles, EXPERTS - 1);
    assert_close(layer(&scope, released, roles, true, 0).y, nothing, SMALL_NODES * WIDTH,
                 "the last role");
    assert_true(differ(layer(&scope, corrected, roles, true, 0).y, nothing, SMALL_NODES * WIDTH));
    clm_scope_end(&scope);
}

/* Value of a parameter of the layer; rows, columns as kernels have them. */
static double weight(const one *l, const char *name, int64_t i)
{
    for (size_t p = 0; p < clm_parameters_count(l->parameters); p++)
        if (!strcmp(clm_parameter_name(l->parameters, (int)p), name))
            return clm_parameter_values(l->parameters, (int)p)[i];
    fail_msg("there is no parameter %s", name);
    return 0;
}

/* Column c of x[n] W + b. */
static double affine(const one *l, int n, const char *w, const char *b, int columns, int c)
{
    double sum = weight(l, b, c);
    for (int i = 0; i < SMALL_FEATURES; i++)
        sum += small_feature(n, i) * weight(l, w, i * columns + c);
    return sum;
}

/* The layer with softmax gates of messages as loops over edges, the target's gate. */
static void by_hand(const one *l, double y[SMALL_NODES * WIDTH])
{
    for (int n = 0; n < SMALL_NODES; n++) {
        double a[WIDTH] = {0}, gate[EXPERTS], sum = 0, degree = 0, square = 0;
        for (int e = 0; e < EXPERTS; e++)
            sum += gate[e] = exp(affine(l, n, "w_gate", "b_gate", EXPERTS, e));
        for (int i = 0; i < SMALL_EDGES; i++)
            degree += small_dst[i] == n;
        for (int i = 0; i < SMALL_EDGES; i++)
            for (int c = 0; c < EXPERTS * WIDTH && small_dst[i] == n; c++)
                a[c % WIDTH] +=
                    gate[c / WIDTH] / sum / degree *
                    fmax(0, affine(l, small_src[i], "w_msg", "b_msg", EXPERTS * WIDTH, c));
        for (int c = 0; c < WIDTH; c++) {
            double u = affine(l, n, "w_agg.x", "b_agg", WIDTH, c);
            for (int i = 0; i < WIDTH; i++)
                u += a[i] * weight(l, "w_agg.a", i * WIDTH + c);
            y[n * WIDTH + c] = fmax(0, u);
            square += y[n * WIDTH + c] * y[n * WIDTH + c];
        }
        for (int c = 0; c < WIDTH && square > 0; c++)
            y[n * WIDTH + c] /= sqrt(square);
    }
}

/* Property: with the switch it is the target's gate that weights what arrives; for roles that are
 * alike at both ends of every edge, and each one alone, it makes no difference. */
static void the_target_may_decide(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_sage source = {.variant = CLM_SAGE_MESSAGE_SOFTMAX}, target = source;
    target.target_gate = true;
    const one got = layer(&scope, target, NULL, true, 0);
    double expected[SMALL_NODES * WIDTH];
    by_hand(&got, expected);
    assert_close(got.y, expected, SMALL_NODES * WIDTH, "the target's gate");
    assert_true(differ(layer(&scope, source, NULL, true, 0).y, expected, SMALL_NODES * WIDTH));
    float roles[SMALL_NODES * EXPERTS];
    same_role(roles, 1);
    source.variant = target.variant = CLM_SAGE_MESSAGE_ROLES;
    assert_close(layer(&scope, source, roles, true, 0).y, layer(&scope, target, roles, true, 0).y,
                 SMALL_NODES * WIDTH, "one role");
    clm_scope_end(&scope);
}

/* Property: noise moves the gate from step to step, in evaluation too unless it is switched off
 * there. */
static void noise_is_drawn_as_the_switch_says(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_sage sage = {.variant = CLM_SAGE_AGGREGATED_NOISY_TOPK};
    for (int training = 0; training < 2; training++)
        for (int always = 0; always < 2; always++) {
            sage.training_noise = !always;
            const one first = layer(&scope, sage, NULL, training, 3),
                      again = layer(&scope, sage, NULL, training, 3),
                      later = layer(&scope, sage, NULL, training, 4);
            const double *gate = first.seen.gate->host, *moved = later.seen.gate->host;
            assert_close(again.seen.gate->host, gate, 2, "the same step");
            assert_true(fabs(gate[0] + gate[1] - 1) < 1e-12);
            assert_int_equal(fabs(moved[0] - gate[0]) > 1e-6, training || always);
        }
    clm_scope_end(&scope);
}

static void too_many_chosen_are_refused(void **state)
{
    (void)state;
    clm_scope scope = {0};
    clm_config *config = clm_config_new(&scope, &model);
    assert_ok(clm_config_set(config, "experts", "2"));
    assert_ok(clm_config_resolve(config)); /* top_k is of no use to the other variants */
    assert_ok(clm_config_set(config, "variant", "aggregated_noisy_topk"));
    assert_int_equal(clm_config_resolve(config), CLM_FAIL);
    assert_non_null(strstr(clm_error_last()->what, "top_k=4 exceeds experts=2"));
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(compressed_features_are_features),
                                       cmocka_unit_test(rows_past_the_live_ones_do_not_count),
                                       cmocka_unit_test(the_released_sum_misses_the_last_role),
                                       cmocka_unit_test(the_target_may_decide),
                                       cmocka_unit_test(noise_is_drawn_as_the_switch_says),
                                       cmocka_unit_test(too_many_chosen_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
