/* CLBlast under other parameters: what computes wrong results is refused, and the way back, which
 * the library does not have, is not pretended. */
#include "device.h"
#include "ocl/clblast.h"

#include <string.h>

/* c = a b of sizes that are no multiples of anything, checked against the sum; twice, so that a
 * second launch is added, with c += a b. */
static void multiply(fixture *f, clm_clblast_parameters parameters)
{
    enum { ROWS = 13, COLUMNS = 7, DEPTH = 5, FIRST = 3 };
    float a[ROWS * DEPTH], b[DEPTH * COLUMNS], c[FIRST + ROWS * COLUMNS];
    for (int i = 0; i < ROWS * DEPTH; i++)
        a[i] = (float)(i % 11 - 5);
    for (int i = 0; i < DEPTH * COLUMNS; i++)
        b[i] = (float)(i % 7 - 3);
    clm_buffer *x, *y, *z;
    assert_ok(clm_buffer_new(f->context, &f->scope, "a", sizeof a, &x));
    assert_ok(clm_buffer_new(f->context, &f->scope, "b", sizeof b, &y));
    assert_ok(clm_buffer_new(f->context, &f->scope, "c", sizeof c, &z));
    assert_ok(clm_buffer_write(x, 0, a, sizeof a));
    assert_ok(clm_buffer_write(y, 0, b, sizeof b));
    clm_sgemm gemm = {.rows = ROWS,
                      .columns = COLUMNS,
                      .depth = DEPTH,
                      .a = x,
                      .b = y,
                      .c = z,
                      .c_first = FIRST,
                      .parameters = parameters};
    clm_events_start(f->context);
    assert_ok(clm_clblast_sgemm(f->context, &gemm));
    gemm.add = true;
    assert_ok(clm_clblast_sgemm(f->context, &gemm));
    assert_ok(clm_finish(f->context));
    clm_events_stop(f->context);
    assert_ok(clm_buffer_read(z, 0, c, sizeof c));
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            float sum = 0;
            for (int k = 0; k < DEPTH; k++)
                sum += a[i * DEPTH + k] * b[k * COLUMNS + j];
            assert_float_equal(c[FIRST + i * COLUMNS + j], 2 * sum, 0);
        }
    /* Property: the time of a product covers all its kernels, and the second comes after the
     * first. */
    double queued, start[2], end[2];
    assert_int_equal(clm_events_count(f->context), 2);
    for (size_t i = 0; i < 2; i++)
        assert_ok(clm_events_ns(f->context, i, &queued, &start[i], &end[i]));
    assert_true(start[0] < end[0] && end[0] <= start[1] && start[1] < end[1]);
}

/* The second time the reason is remembered. */
static void assert_refused(clm_context *context, clm_clblast_parameters parameters, const char *why)
{
    for (int times = 0; times < 2; times++) {
        assert_int_equal(clm_clblast_use(context, &parameters), CLM_SKIP);
        assert_non_null(strstr(clm_error_last()->what, why));
    }
}

static void test_parameters(void **state)
{
    fixture *f = *state;
    if (f->context == NULL || clm_clblast_version() == NULL) skip();
    const clm_clblast_parameters as_it_comes = {0}, right = {.vector = 8, .tile = 16, .threads = 1};
    /* Five work-items leave one column of each tile out; a vector that no tile holds does not even
     * compile. */
    const clm_clblast_parameters five_threads = {.vector = 8, .tile = 16, .threads = 5};
    const clm_clblast_parameters wide_vector = {.vector = 16, .tile = 8, .threads = 1};
    multiply(f, as_it_comes);
    multiply(f, right);

    assert_int_equal(clm_clblast_use(f->context, &as_it_comes), CLM_SKIP);
    assert_non_null(strstr(clm_error_last()->what, "no call that restores them"));

    assert_refused(f->context, five_threads, "products are wrong, off by ");
    assert_refused(f->context, wide_vector, "CLBlastSgemm: ");
    multiply(f, right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parameters)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
