/* The 16-bit formats on a device, bit by bit, against the host's, in every variant. */
#include "device.h"

#include "base/half.h"
#include "cl/cast/cast.h"
#include "op/plan.h"

#include <math.h>
#include <string.h>

enum { WORDS = 0x10000, FLOATS = 4 * WORDS };

static const struct {
    clm_type type;
    float (*widen)(uint16_t x);
    uint16_t (*narrow)(float x);
} formats[] = {{CLM_BF16, clm_bf16_float, clm_float_bf16}, {CLM_F16, clm_f16_float, clm_float_f16}};

static const clm_op *operator(const char *name)
{
    for (size_t i = 0; clm_op_at(i); i++)
        if (!strcmp(clm_op_at(i)->name, name)) return clm_op_at(i);
    fail_msg("there is no operator %s", name);
    return NULL;
}

/* Casts n numbers on the device; 4 bytes of room for each on both sides. */
static void cast(fixture *f, const char *name, const clm_variant *variant, clm_type from_type,
                 const void *from, clm_type to_type, void *to, int64_t n)
{
    clm_scope scope = {0};
    clm_tensor x = {.name = "x", .type = from_type, .rank = 1, .dim = {n}}, y = x;
    y.type = to_type;
    assert_ok(clm_buffer_new(f->context, &scope, "x", clm_tensor_bytes(&x), &x.buffer));
    assert_ok(clm_buffer_new(f->context, &scope, "y", clm_tensor_bytes(&y), &y.buffer));
    assert_ok(clm_buffer_write(x.buffer, 0, from, clm_tensor_bytes(&x)));
    const clm_call call = {.op = operator(name), .arg = {&x, &y}};
    clm_plan *plan = clm_plan_new(&scope, f->context);
    assert_ok(clm_plan_add(plan, &call, &(clm_choice){.variant = variant}));
    assert_ok(clm_plan_run(plan));
    assert_ok(clm_finish(f->context));
    assert_ok(clm_buffer_read(y.buffer, 0, to, clm_tensor_bytes(&y)));
    clm_scope_end(&scope);
}

/* Property: whatever the variant, the device widens every 16-bit number to the float that it is. */
static void widens_like_the_host(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    static uint16_t word[WORDS];
    static float got[WORDS];
    for (int i = 0; i < WORDS; i++)
        word[i] = (uint16_t)i;
    for (int t = 0; t < 2; t++)
        for (const clm_variant *v = operator("cast_widen")->variant; v->name; v++) {
            cast(f, "cast_widen", v, formats[t].type, word, CLM_F32, got, WORDS);
            for (int i = 0; i < WORDS; i++) {
                const float expected = formats[t].widen((uint16_t)i);
                if (isnan(expected) ? !isnan(got[i]) : memcmp(&expected, &got[i], 4) != 0)
                    fail_msg("%s of 0x%04x is %a, not %a", v->name, (unsigned)i, (double)got[i],
                             (double)expected);
            }
        }
}

/* Property: the device rounds numbers, middles between two and their neighbours as the host does. */
static void narrows_like_the_host(void **state)
{
    fixture *f = *state;
    if (!f->context) skip();
    static float value[FLOATS]; /* each 16-bit number, the middle to the next, its neighbours */
    static uint16_t got[FLOATS];
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < WORDS; i++) {
            const float low = formats[t].widen((uint16_t)i),
                        high = formats[t].widen((uint16_t)(i + 1));
            const float middle = (float)(((double)low + high) / 2);
            value[4 * i] = low;
            value[4 * i + 1] = middle;
            value[4 * i + 2] = nextafterf(middle, INFINITY);
            value[4 * i + 3] = nextafterf(middle, -INFINITY);
        }
        for (const clm_variant *v = operator("cast_narrow")->variant; v->name; v++) {
            cast(f, "cast_narrow", v, CLM_F32, value, formats[t].type, got, FLOATS);
            for (int i = 0; i < FLOATS; i++) {
                const uint16_t expected = formats[t].narrow(value[i]);
                if (isnan(value[i]) ? !isnan(formats[t].widen(got[i])) : got[i] != expected)
                    fail_msg("%s of %a is 0x%04x, not 0x%04x", v->name, (double)value[i], got[i],
                             expected);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(widens_like_the_host),
                                       cmocka_unit_test(narrows_like_the_host)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
