/* The gradients of clm_grouped_gemm, which passes them to its weights by an operator of its own
 * and to gathered rows by their inverse index. */
#include "unit.h"

#include "cl/grouped_gemm/grouped_gemm.h"
#include "nn/small_graph.h"

#include <math.h>
#include <string.h>

enum { GROUPS = 3, ROWS = 9, SOURCES = 5, DEPTH = 4, COLUMNS = 3 };

/* Group 1 has no rows, row 3 of x is read by none and row 0 by three. */
static const int32_t offsets[GROUPS + 1] = {0, 4, 4, ROWS};
static const int32_t gathered[ROWS] = {0, 2, 4, 1, 0, 4, 0, 1, 2};
static const int32_t inverse_offsets[SOURCES + 1] = {0, 3, 5, 7, 7, 9};
static const int32_t inverse[ROWS] = {0, 4, 6, 3, 7, 1, 8, 2, 5};

static clm_tensor *normal(clm_tape *tape, const char *name, uint32_t step, int rank,
                          const int64_t *dim)
{
    float value[256];
    for (uint32_t i = 0; i < 256; i++)
        value[i] = (float)small_normal(i, step);
    return clm_input_f32(tape, name, value, rank, dim);
}

static double replay(clm_tape *tape, const clm_tensor *y, const clm_tensor *cotangent)
{
    double sum = 0;
    clm_tape_reference_run(tape, 0, 0);
    for (int64_t i = 0; i < clm_elements(y); i++)
        sum += ((double *)y->host)[i] * ((double *)cotangent->host)[i];
    return sum;
}

/* Property: the product is linear in each operand, so that the difference f(a + d) - f(a - d) is
 * twice <gradient, d> for any step d, up to rounding. */
static void check(clm_tape *tape, const clm_tensor *y, const clm_tensor *cotangent,
                  clm_tensor *operand)
{
    double *a = operand->host, *gradient = clm_gradient_of(tape, operand)->host, expected = 0,
           side[2];
    replay(tape, y, cotangent);
    for (int64_t i = 0; i < clm_elements(operand); i++)
        expected += gradient[i] * small_normal((uint32_t)i, 50);
    for (int s = 0; s < 2; s++) {
        for (int64_t i = 0; i < clm_elements(operand); i++)
            a[i] += (s ? -2 : 1) * small_normal((uint32_t)i, 50);
        side[s] = replay(tape, y, cotangent);
    }
    for (int64_t i = 0; i < clm_elements(operand); i++)
        a[i] += small_normal((uint32_t)i, 50);
    if (!(fabs((side[0] - side[1]) / 2 - expected) <= 1e-11 * (1 + fabs(expected))))
        fail_msg("%s: recorded %.15g, difference %.15g", operand->name, expected,
                 (side[0] - side[1]) / 2);
}

static void gradients(bool gather, bool with_bias)
{
    clm_scope scope = {0};
    clm_tape *tape = clm_tape_new(&scope, NULL, NULL, 1);
    clm_tensor *x = normal(tape, "x", 1, CLM_DIMS(gather ? SOURCES : ROWS, DEPTH));
    clm_tensor *w = normal(tape, "w", 2, CLM_DIMS(GROUPS, DEPTH, COLUMNS));
    clm_tensor *bias = with_bias ? normal(tape, "bias", 3, CLM_DIMS(GROUPS, COLUMNS)) : NULL;
    clm_tensor *cotangent = normal(tape, "cotangent", 4, CLM_DIMS(ROWS, COLUMNS));
    clm_tensor *group = clm_input_i32(tape, "offsets", offsets, CLM_DIMS(GROUPS + 1));
    clm_rows rows = {NULL, NULL, NULL};
    if (gather)
        rows = (clm_rows){.index = clm_input_i32(tape, "index", gathered, CLM_DIMS(ROWS)),
                          .inverse_offsets = clm_input_i32(tape, "inverse_offsets", inverse_offsets,
                                                           CLM_DIMS(SOURCES + 1)),
                          .inverse = clm_input_i32(tape, "inverse", inverse, CLM_DIMS(ROWS))};
    clm_want_gradient(tape, x);
    clm_want_gradient(tape, w);
    if (bias) clm_want_gradient(tape, bias);
    clm_tensor *y = clm_grouped_gemm(tape, x, rows, w, bias, group, ROWS);
    clm_tape_backward_from(tape, 1, &y, &cotangent);
    assert_ok(clm_tape_reference_begin(tape));
    check(tape, y, cotangent, x);
    check(tape, y, cotangent, w);
    if (bias) check(tape, y, cotangent, bias);
    clm_scope_end(&scope);
}

static void own_rows(void **state)
{
    (void)state;
    gradients(false, true);
    gradients(false, false);
}

static void gathered_rows(void **state)
{
    (void)state;
    gradients(true, true);
    gradients(true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_rows), cmocka_unit_test(gathered_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
