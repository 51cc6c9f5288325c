/* Noisy gating in double: how uneven use is, its gradient through the thresholds, and that it can be
 * trained away. */
#include "unit.h"

#include "cl/adam/adam.h"
#include "cl/grouped_gemm/grouped_gemm.h"
#include "nn/noisy_gate.h"
#include "nn/small_graph.h"

#include <math.h>

/* Balance of N nodes of which node n chooses expert n % used, one of `experts`. */
static double balance_of(int32_t nodes, int32_t experts, int32_t used)
{
    clm_scope scope = {0};
    clm_tape *tape = clm_tape_new(&scope, NULL, NULL, 1);
    int32_t *topk = clm_alloc_array(&scope, (size_t)nodes, sizeof *topk);
    float *gate = clm_alloc_array(&scope, (size_t)nodes, sizeof *gate);
    for (int32_t n = 0; n < nodes; n++) {
        topk[n] = n % used;
        gate[n] = 1;
    }
    clm_tensor *logits = clm_input_f32(tape, "logits", NULL, CLM_DIMS(nodes, experts));
    const clm_routing routing = {.topk = clm_input_i32(tape, "topk", topk, CLM_DIMS(nodes, 1)),
                                 .gate = clm_input_f32(tape, "gate", gate, CLM_DIMS(nodes, 1))};
    const clm_gate_use use = clm_gate_balance(tape, logits, logits, logits, &routing, NULL);
    assert_ok(clm_tape_reference_begin(tape));
    clm_tape_reference_run(tape, 0, 0);
    const double balance = *(double *)use.balance->host;
    clm_scope_end(&scope);
    return balance;
}

/* Property: the squared coefficient of variation is 0 when all experts get the same, and n when one
 * of n gets everything (unbiased variance); importance and load count alike. */
static void uneven_use_is_measured(void **state)
{
    (void)state;
    assert_true(fabs(balance_of(24, 8, 8)) < 1e-12);
    for (int32_t experts = 2; experts <= 8; experts *= 2)
        assert_true(fabs(balance_of(10, experts, 1) - 2 * experts) < 1e-6);
    assert_true(balance_of(10, 1, 1) == 0);
}

/* Property: with the noise held, balance and gates change with clean and raw scores as the recorded
 * gradient says, element by element: through gates, probabilities, and the logits that are
 * thresholds. Rows that do not count change nothing. */
static void gradient_is_that_of_the_whole_gate(void **state)
{
    (void)state;
    enum { NODES = 9, LIVE = 8, EXPERTS = 4, K = 2, N = NODES * EXPERTS };
    clm_scope scope = {0};
    clm_tape *tape = clm_tape_new(&scope, NULL, NULL, 1);
    float value[3][N], weight[NODES * K];
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t j = 0; j < 3; j++)
            value[j][i] = (float)small_normal(i, 20 + j);
    for (uint32_t i = 0; i < NODES * K; i++)
        weight[i] = i < LIVE * K ? (float)small_normal(i, 30) : 0;
    clm_tape_set_training(tape, true);
    clm_tensor *in[3];
    for (int j = 0; j < 3; j++)
        in[j] = clm_input_f32(tape, "scores", value[j], CLM_DIMS(NODES, EXPERTS));
    clm_want_gradient(tape, in[0]);
    clm_want_gradient(tape, in[1]);
    const clm_gating g =
        clm_noisy_gate(tape, in[0], in[1], in[2], 0, K,
                       clm_input_i32(tape, "live", (const int32_t[]){0, LIVE}, CLM_DIMS(2)));
    clm_tensor *const output[2] = {g.use.balance, g.routing.gate};
    clm_tensor *const cotangent[2] = {
        clm_input_f32(tape, "dbalance", (const float[]){0.7F}, CLM_DIMS(1)),
        clm_input_f32(tape, "dgate", weight, CLM_DIMS(NODES, K))};
    clm_tape_backward_from(tape, 2, output, cotangent);
    assert_ok(clm_tape_reference_begin(tape));
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < LIVE * EXPERTS; i++) {
            double *x = in[j]->host, f[2], here = x[i];
            for (int side = 0; side < 2; side++) {
                x[i] = here + (side ? -1e-5 : 1e-5);
                clm_tape_reference_run(tape, 0, 0);
                f[side] = 0.7 * *(double *)g.use.balance->host;
                for (int n = 0; n < LIVE * K; n++)
                    f[side] += (double)weight[n] * ((double *)g.routing.gate->host)[n];
            }
            x[i] = here;
            clm_tape_reference_run(tape, 0, 0);
            const double got = ((double *)clm_gradient_of(tape, in[j])->host)[i],
                         expected = (f[0] - f[1]) / 2e-5;
            if (fabs(got - expected) > 1e-6 * (1 + fabs(expected)))
                fail_msg("scores %d element %d: recorded %.9g, difference quotient %.9g", j, i, got,
                         expected);
        }
    clm_scope_end(&scope);
}

static double cv2(const clm_tensor *x)
{
    const double *v = x->host, n = (double)clm_elements(x);
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < clm_elements(x); i++)
        mean += v[i] / n;
    for (int64_t i = 0; i < clm_elements(x); i++)
        variance += (v[i] - mean) * (v[i] - mean) / (n - 1);
    return variance / (mean * mean);
}

/* Property: 50 steps on the balance alone make experts that were used unevenly almost even. */
static void balance_evens_importance(void **state)
{
    (void)state;
    enum { NODES = 128, D = 6, EXPERTS = 8, K = 2, STEPS = 50 };
    clm_scope scope = {0};
    clm_parameters *p = clm_parameters_new(&scope, 3);
    clm_tape *tape = clm_tape_new(&scope, NULL, p, 7);
    float x[NODES * D];
    for (uint32_t i = 0; i < NODES * D; i++)
        x[i] = i % D == 0 ? 2 : (float)small_normal(i, 40); /* common to all: some experts win */
    clm_tape_set_training(tape, true);
    clm_tensor *in = clm_input_f32(tape, "x", x, CLM_DIMS(NODES, D)), *score[2];
    clm_tensor *all = clm_input_i32(tape, "all", (const int32_t[]){0, NODES}, CLM_DIMS(2));
    static const char *const name[2] = {"w_gate", "w_noise"};
    for (int i = 0; i < 2; i++) {
        const int w =
            clm_parameter(p, name[i], false, CLM_INIT_NORMAL, i ? 0.1 : 1, CLM_DIMS(1, D, EXPERTS));
        score[i] = clm_grouped_gemm(tape, in, (clm_rows){0}, clm_weight(tape, w), NULL, all, NODES);
    }
    const clm_gating g = clm_noisy_gate(tape, score[0], score[1], NULL, 0, K, NULL);
    clm_tape_backward(tape, g.use.balance);
    clm_adam(tape, p, 0);
    assert_ok(clm_tape_reference_begin(tape));
    clm_tape_reference_run(tape, 0, 0.02F);
    const double before = cv2(g.use.importance);
    for (int step = 1; step <= STEPS; step++)
        clm_tape_reference_run(tape, step, 0.02F);
    const double after = cv2(g.use.importance);
    print_message("CV^2 of importance: %.3f before, %.3f after %d steps\n", before, after, STEPS);
    assert_true(before > 0.2 && after < 0.25 * before);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uneven_use_is_measured),
                                       cmocka_unit_test(gradient_is_that_of_the_whole_gate),
                                       cmocka_unit_test(balance_evens_importance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
