/* Same seed, two devices: what is drawn is the same bits, whatever the device. The build gives this
 * test PoCL's pthread and basic devices; with one device only it is skipped. */
#include "unit.h"

#include "cl/draw_pairs/draw_pairs.h"
#include "cl/dropout/dropout.h"
#include "cl/type_fusion/type_fusion.h"
#include "nn/tape.h"

#include <string.h>

enum { N = 997, D = 48, TYPES = 3, PAIRS = 501 };

/* Everything random of a training step, after `step` steps, on one device. */
typedef struct drawn {
    int32_t u[2 * PAIRS], v[2 * PAIRS];
    float dropped[N * D], masked[N * D], weights[D * D];
} drawn;

static clm_status draw(const clm_device *device, int32_t step, drawn *out)
{
    static float ones[N * D], zeros[N * D];
    static int32_t positive[PAIRS], type[N];
    static const int32_t first[TYPES + 1] = {0, 300, 301, N};
    for (int i = 0; i < N * D; i++)
        ones[i] = 1;
    for (int t = 0; t < TYPES; t++)
        for (int i = first[t]; i < first[t + 1]; i++)
            type[i] = t;
    clm_scope scope = {0};
    clm_context *context;
    assert_ok(clm_context_open(&scope, device, NULL, &context));
    clm_parameters *parameters = clm_parameters_new(&scope, 7);
    const int weight = clm_parameter(parameters, "w", false, CLM_INIT_NORMAL, 1, CLM_DIMS(D, D));
    clm_tape *tape = clm_tape_new(&scope, context, parameters, 7);
    clm_tape_set_training(tape, true);
    clm_tensor *b = clm_input_i32(tape, "positives", positive, CLM_DIMS(PAIRS));
    const clm_pairs pairs = clm_draw_pairs(tape, b, b, 3, 290, 301, 600);
    clm_tensor *dropped =
        clm_dropout(tape, clm_input_f32(tape, "ones", ones, CLM_DIMS(N, D)), 0.2, 1);
    const clm_type_mask mask = {.type = clm_input_i32(tape, "types", type, CLM_DIMS(N)),
                                .type_offsets =
                                    clm_input_i32(tape, "type offsets", first, CLM_DIMS(TYPES + 1)),
                                .mode = 1,
                                .p = 0.3,
                                .layer = 1};
    clm_tensor *masked =
        clm_type_fusion(tape, clm_input_f32(tape, "zeros", zeros, CLM_DIMS(N, D)),
                        clm_input_f32(tape, "table", ones, CLM_DIMS(TYPES, D)), &mask);
    clm_tensor *kept[] = {pairs.u, pairs.v, dropped, masked};
    void *const to[] = {out->u, out->v, out->dropped, out->masked};
    for (int i = 0; i < 4; i++)
        clm_keep(tape, kept[i]);
    clm_status status = clm_tape_plan(tape);
    if (status == CLM_OK) status = clm_tape_run(tape, step, 0);
    for (int i = 0; i < 4 && status == CLM_OK; i++)
        status = clm_tensor_read(tape, kept[i], to[i]);
    if (status == CLM_OK) status = clm_parameters_download(parameters);
    memcpy(out->weights, clm_parameter_values(parameters, weight), sizeof out->weights);
    clm_scope_end(&scope);
    return status;
}

static void devices_draw_the_same(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device *device;
    size_t count = 0;
    if (clm_devices(&scope, &device, &count) != CLM_OK || count < 2) {
        print_message("%zu OpenCL devices, two are needed (POCL_DEVICES=\"pthread basic\")\n",
                      count);
        clm_scope_end(&scope);
        skip();
    }
    static drawn first, other, later;
    assert_ok(draw(&device[0], 5, &first));
    assert_ok(draw(&device[0], 6, &later));
    assert_memory_not_equal(first.dropped, later.dropped,
                            sizeof first.dropped); /* every step draws anew */
    assert_memory_not_equal(first.masked, later.masked, sizeof first.masked);
    assert_memory_not_equal(first.u, later.u, sizeof first.u);
    for (size_t i = 1; i < count; i++) {
        assert_ok(draw(&device[i], 5, &other));
        assert_memory_equal(&first, &other, sizeof first);
    }
    clm_scope_end(&scope);
}

/* Property: masks keep a share 1 - p of the nodes, within 4 standard deviations. */
static void mask_rate(void **state)
{
    (void)state;
    clm_scope scope = {0};
    const clm_device *device;
    size_t count = 0;
    static drawn d;
    if (clm_devices(&scope, &device, &count) != CLM_OK) {
        clm_scope_end(&scope);
        skip();
    }
    assert_ok(draw(&device[0], 0, &d));
    double kept = 0;
    for (int i = 0; i < N; i++)
        kept += d.masked[i * D];
    assert_true(kept > 0.7 * N - 4 * 14.5 &&
                kept < 0.7 * N + 4 * 14.5); /* sqrt(997 * 0.3 * 0.7) = 14.5 */
    clm_scope_end(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(devices_draw_the_same),
                                       cmocka_unit_test(mask_rate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
