/* The 16-bit formats: every value there is, and the rules of rounding. */
#include "unit.h"

#include "base/half.h"

#include <math.h>

typedef struct format {
    const char *name;
    float (*widen)(uint16_t x);
    uint16_t (*narrow)(float x);
    float least, largest;
} format;

static const format formats[] = {
    {"bf16", clm_bf16_float, clm_float_bf16, 0x1p-133F, 0x1.fep127F},
    {"f16", clm_f16_float, clm_float_f16, 0x1p-24F, 65504.0F},
};
enum { FORMATS = sizeof formats / sizeof *formats };

/* Property: widening loses nothing, so that narrowing gives every number back; NaN stays NaN. */
static void every_value_returns(void **state)
{
    (void)state;
    for (int f = 0; f < FORMATS; f++)
        for (uint32_t x = 0; x <= 0xffff; x++) {
            const float wide = formats[f].widen((uint16_t)x);
            const uint16_t back = formats[f].narrow(wide);
            if (isnan(wide))
                assert_true(isnan(formats[f].widen(back)));
            else
                assert_int_equal(back, x);
        }
}

/* Property: what lies between two neighbours goes to the nearer one, from their middle to the even
 * one; neighbours of one sign have neighbouring words. */
static void rounds_to_nearest_even(void **state)
{
    (void)state;
    for (int f = 0; f < FORMATS; f++)
        for (uint16_t x = 0; isfinite(formats[f].widen((uint16_t)(x + 1))); x++) {
            const float low = formats[f].widen(x), high = formats[f].widen((uint16_t)(x + 1));
            const float middle = (float)(((double)low + high) / 2);
            const uint16_t even = (uint16_t)(x + (x & 1)), minus = 0x8000;
            assert_int_equal(formats[f].narrow(middle), even);
            assert_int_equal(formats[f].narrow(nextafterf(middle, 0)), x);
            assert_int_equal(formats[f].narrow(nextafterf(middle, INFINITY)), x + 1);
            assert_int_equal(formats[f].narrow(-middle), even | minus);
        }
}

static void ends_of_the_range(void **state)
{
    (void)state;
    for (int f = 0; f < FORMATS; f++) {
        const format *g = &formats[f];
        assert_true(g->widen(1) == g->least);
        assert_true(g->widen(g->narrow(g->largest)) == g->largest);
        assert_true(isinf(g->widen(g->narrow(INFINITY))));
        assert_true(g->widen(g->narrow(-INFINITY)) < 0);
        assert_true(isnan(g->widen(g->narrow(NAN))));
        assert_true(signbit(g->widen(g->narrow(-0.0F))));
    }
    assert_true(isinf(clm_f16_float(clm_float_f16(65520))));
    assert_true(clm_f16_float(clm_float_f16(65519)) == 65504);
    assert_true(clm_bf16_float(clm_float_bf16(3.14159265F)) == 3.140625F);
    assert_true(clm_f16_float(clm_float_f16(3.14159265F)) == 3.140625F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_value_returns),
                                       cmocka_unit_test(rounds_to_nearest_even),
                                       cmocka_unit_test(ends_of_the_range)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
