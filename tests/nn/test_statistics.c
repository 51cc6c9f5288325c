/* Running statistics: updated by the tape that trains, read by the one that does not, in checkpoints,
 * and nobody else's business. */
#include "unit.h"

#include "cl/adam/adam.h"
#include "cl/batch_norm/batch_norm.h"
#include "nn/checkpoint.h"
#include "nn/small_graph.h"

#include <math.h>
#include <string.h>

enum { ROWS = 12, LIVE = 10, COLUMNS = 6, N = ROWS * COLUMNS };

typedef struct model {
    clm_parameters *parameters;
    clm_tape *train, *infer;
    clm_tensor *y; /* of infer */
} model;

static clm_tensor *record(clm_tape *tape, const float *x)
{
    const clm_norm norm = clm_norm_new(tape, "bn", 1, COLUMNS);
    clm_tensor *live = clm_input_i32(tape, "live", (const int32_t[]){0, LIVE}, CLM_DIMS(2));
    return clm_batch_norm(tape, clm_input_f32(tape, "x", x, CLM_DIMS(ROWS, COLUMNS)), live, &norm,
                          false);
}

static model model_new(clm_scope *scope, clm_context *context, const float *x, uint32_t seed)
{
    model m = {.parameters = clm_parameters_new(scope, seed)};
    m.train = clm_tape_new(scope, context, m.parameters, 1);
    m.infer = clm_tape_new(scope, context, m.parameters, 1);
    clm_tape_set_training(m.train, true);
    clm_tensor *y = record(m.train, x), *dy = clm_input_f32(m.train, "dy", x, y->rank, y->dim);
    clm_tape_backward_from(m.train, 1, &y, &dy);
    clm_adam(m.train, m.parameters, 0.5); /* weight decay: what it may touch, moves */
    clm_keep(m.infer, m.y = record(m.infer, x));
    return m;
}

static clm_context *open(clm_scope *scope)
{
    const clm_device *devices;
    size_t count;
    clm_context *context = NULL;
    if (clm_devices_select(scope, NULL, &devices, &count) == CLM_OK)
        assert_ok(clm_context_open(scope, devices, NULL, &context));
    return context;
}

/* Property: after s steps on the same rows a running estimate is its first value times 0.9^s and the
 * rows' own statistic times 1 - 0.9^s, whatever the optimiser does; inference uses just that, and so
 * does another model that reads the checkpoint. */
static void statistics_are_kept(void **state)
{
    (void)state;
    enum { STEPS = 3 };
    clm_scope scope = {0};
    clm_context *context = open(&scope);
    if (!context) {
        clm_scope_end(&scope);
        skip();
    }
    float x[N], y[N], again[N], weights[512], statistics[512];
    for (uint32_t i = 0; i < N; i++)
        x[i] = (float)(3 + small_normal(i, 5));
    const model m = model_new(&scope, context, x, 1);
    assert_ok(clm_tape_plan(m.train));
    assert_ok(clm_tape_plan(m.infer));
    for (int s = 0; s < STEPS; s++)
        assert_ok(clm_tape_run(m.train, s, 0.1F));
    assert_ok(clm_tape_run(m.infer, 0, 0));
    assert_ok(clm_tensor_read(m.infer, m.y, y));
    assert_ok(clm_parameters_download(m.parameters));
    const float *w = clm_parameter_values(m.parameters, 0),
                *b = clm_parameter_values(m.parameters, 1);
    for (int c = 0; c < COLUMNS; c++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < LIVE; i++)
            mean += (double)x[i * COLUMNS + c] / LIVE;
        for (int i = 0; i < LIVE; i++)
            variance += pow((double)x[i * COLUMNS + c] - mean, 2) / (LIVE - 1);
        const double old = pow(0.9, STEPS), running_mean = (1 - old) * mean,
                     running_variance = old + (1 - old) * variance;
        assert_true(fabs(clm_parameter_values(m.parameters, 2)[c] - running_mean) < 1e-5);
        assert_true(fabs(clm_parameter_values(m.parameters, 3)[c] - running_variance) < 1e-5);
        assert_true(w[c] < 1 && b[c] != 0); /* the optimiser did move what is its own */
        for (int i = 0; i < LIVE; i++) {
            const double expected =
                (x[i * COLUMNS + c] - running_mean) / sqrt(running_variance + 1e-5) * (double)w[c] +
                (double)b[c];
            assert_true(fabs(y[i * COLUMNS + c] - expected) < 1e-4);
        }
    }
    clm_safetensors file = {0};
    const clm_tensor *arena[2] = {clm_parameters_arena(m.parameters),
                                  clm_statistics_arena(m.parameters)};
    assert_true(clm_tensor_bytes(arena[0]) <= sizeof weights);
    assert_true(clm_tensor_bytes(arena[1]) <= sizeof statistics);
    assert_ok(clm_tensor_read(m.train, arena[0], weights));
    assert_ok(clm_tensor_read(m.train, arena[1], statistics));
    const model other = model_new(&scope, context, x, 2);
    clm_checkpoint_add(&scope, m.parameters, weights, "", &file);
    assert_int_equal(clm_checkpoint_load(other.parameters, &file, ""), CLM_FAIL);
    clm_checkpoint_add_statistics(&scope, m.parameters, statistics, "", &file);
    assert_ok(clm_checkpoint_load(other.parameters, &file, ""));
    assert_ok(clm_tape_plan(other.infer));
    assert_ok(clm_tape_run(other.infer, 0, 0));
    assert_ok(clm_tensor_read(other.infer, other.y, again));
    assert_memory_equal(y, again, LIVE * COLUMNS * sizeof *y);
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statistics_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
