/* The mixture in one go against the operators that it stands for, in double: values, gradients and
 * running statistics, of all experts and of the later half alone. */
#include "unit.h"

#include "cl/expert_sum/expert_sum.h"
#include "cl/gated_norm/gated_norm.h"
#include "cl/spread_gates/spread_gates.h"
#include "nn/small_graph.h"

#include <math.h>

enum { ROWS = 9, LIVE = 8, EXPERTS = 4, D = 3, K = 2, MOST = ROWS * EXPERTS * D };

typedef struct mixture {
    clm_tape *tape;
    clm_parameters *parameters;
    clm_tensor *y, *v, *gate;
} mixture;

static mixture record(clm_scope *scope, bool fused, bool training, int64_t first)
{
    mixture m = {.parameters = clm_parameters_new(scope, 1)};
    m.tape = clm_tape_new(scope, NULL, m.parameters, 1);
    clm_tape_set_training(m.tape, training);
    const int64_t experts = EXPERTS - first, columns = experts * D;
    float v[MOST], gate[ROWS * K], dy[ROWS * D];
    int32_t topk[ROWS * K];
    for (uint32_t i = 0; i < MOST; i++)
        v[i] = (float)small_normal(i, 50);
    for (uint32_t i = 0; i < ROWS * K; i++) {
        gate[i] = (float)small_normal(i, 51);
        topk[i] = (int32_t)(i / K + i % K + i / K / 3) % EXPERTS;
    }
    for (uint32_t i = 0; i < ROWS * D; i++)
        dy[i] = (float)small_normal(i, 52);
    clm_want_gradient(m.tape, m.v = clm_input_f32(m.tape, "v", v, CLM_DIMS(ROWS, columns)));
    clm_want_gradient(m.tape, m.gate = clm_input_f32(m.tape, "gate", gate, CLM_DIMS(ROWS, K)));
    clm_tensor *chosen = clm_input_i32(m.tape, "topk", topk, CLM_DIMS(ROWS, K));
    clm_tensor *live = clm_input_i32(m.tape, "live", (const int32_t[]){0, LIVE}, CLM_DIMS(2));
    const clm_norm norm = clm_norm_new(m.tape, "bn", experts, D);
    for (int i = 0; i < 2; i++)
        for (int64_t c = 0; c < columns; c++)
            clm_parameter_values(m.parameters, i)[c] = (float)small_normal((uint32_t)c, 53);
    if (fused)
        m.y = clm_gated_norm(m.tape, m.v, first, experts, &norm, m.gate, chosen, live, 0.25);
    else
        m.y = clm_expert_sum(m.tape, clm_batch_norm(m.tape, m.v, live, &norm, false),
                             clm_spread_gates(m.tape, m.gate, chosen, first, experts), NULL, live,
                             0.25);
    clm_tensor *cotangent = clm_input_f32(m.tape, "dy", dy, CLM_DIMS(ROWS, D));
    if (training) clm_tape_backward_from(m.tape, 1, &m.y, &cotangent);
    assert_ok(clm_tape_reference_begin(m.tape));
    clm_tape_reference_run(m.tape, 0, 0);
    return m;
}

static void same(const char *what, const void *a, const void *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (fabs(((const double *)a)[i] - ((const double *)b)[i]) > 1e-12)
            fail_msg("%s, element %lld: %.15g and %.15g", what, (long long)i,
                     ((const double *)a)[i], ((const double *)b)[i]);
}

static void fused_equals_plain(void **state)
{
    (void)state;
    for (int64_t first = 0; first < EXPERTS; first += EXPERTS / 2)
        for (int training = 0; training < 2; training++) {
            clm_scope scope = {0};
            const mixture a = record(&scope, false, training, first),
                          b = record(&scope, true, training, first);
            same("y", a.y->host, b.y->host, LIVE * D);
            const clm_tensor *kept[2] = {clm_statistics_arena(a.parameters),
                                         clm_statistics_arena(b.parameters)};
            same("statistics", kept[0]->host, kept[1]->host, clm_elements(kept[0]));
            if (training) {
                const clm_tensor *d[2] = {clm_gradients_arena(a.parameters),
                                          clm_gradients_arena(b.parameters)};
                same("dw and db", d[0]->host, d[1]->host, clm_elements(d[0]));
                same("dv", clm_gradient_of(a.tape, a.v)->host, clm_gradient_of(b.tape, b.v)->host,
                     LIVE * (EXPERTS - first) * D);
                same("dgate", clm_gradient_of(a.tape, a.gate)->host,
                     clm_gradient_of(b.tape, b.gate)->host, LIVE * K);
            }
            clm_scope_end(&scope);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fused_equals_plain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
