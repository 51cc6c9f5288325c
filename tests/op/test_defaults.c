/* Default values of tunables, by device class: no device is needed. */
#include "unit.h"

#include "op/choice.h"
#include "op/example.h"

#include <string.h>

/* One of each kind that the defaults tell apart. */
static const clm_device devices[] = {
    {.name = "AVX-512",
     .device_class = CLM_CPU,
     .vector_width = 16,
     .compute_units = 64,
     .local_bytes = 1 << 20,
     .max_work_group = 4096,
     .features = CLM_FEATURE_PREFETCH},
    {.name = "AVX2",
     .device_class = CLM_CPU,
     .vector_width = 8,
     .compute_units = 8,
     .local_bytes = 1 << 15,
     .max_work_group = 4096,
     .features = CLM_FEATURE_PREFETCH},
    {.name = "SSE",
     .device_class = CLM_CPU,
     .vector_width = 4,
     .compute_units = 2,
     .local_bytes = 1 << 15,
     .max_work_group = 1024},
    {.name = "scalar CPU",
     .device_class = CLM_CPU,
     .vector_width = 1,
     .compute_units = 1,
     .local_bytes = 1 << 15,
     .max_work_group = 1024},
    {.name = "GPU",
     .device_class = CLM_GPU,
     .vector_width = 1,
     .compute_units = 132,
     .local_bytes = 48 << 10,
     .max_work_group = 1024,
     .features = CLM_FEATURE_FP16},
    {.name = "small GPU",
     .device_class = CLM_GPU,
     .vector_width = 4,
     .compute_units = 4,
     .local_bytes = 16 << 10,
     .max_work_group = 256},
};

static bool in_range(const clm_tunable *t, int value)
{
    if (value == 0) return true; /* off */
    for (size_t i = 0; i < sizeof t->choice / sizeof *t->choice && t->choice[i] != 0; i++)
        if (t->choice[i] == value) return true;
    return false;
}

static void check_call(const clm_call *call, int example)
{
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        bool any = false;
        for (const clm_variant *v = call->op->variant; v->name; v++) {
            any |= clm_variant_suits(v, call, &devices[d]);
            if (clm_variant_misfit(v, call, &devices[d])) continue;
            const clm_choice choice = clm_choice_of(v, call, &devices[d]);
            for (int t = 0; t < clm_tunables(v); t++)
                if (!in_range(&v->tunable[t], choice.tune[t]))
                    fail_msg("%s, variant %s, example %d on %s: %s = %d is not in its range",
                             call->op->name, v->name, example, devices[d].name, v->tunable[t].name,
                             choice.tune[t]);
        }
        if (!any)
            fail_msg("%s: nothing computes example %d on %s", call->op->name, example,
                     devices[d].name);
    }
}

/* Property: the default of every tunable, whatever the device and the shape, is one of the values
 * that may be searched and written into a table, or 0 for off; and every call has a variant. */
static void defaults_lie_in_their_ranges(void **state)
{
    (void)state;
    const clm_op *op;
    for (size_t i = 0; (op = clm_op_at(i)) != NULL; i++)
        for (int example = 0;; example++) {
            clm_example e = {0};
            const bool more = clm_example_build(&e, op, example);
            if (more) check_call(&e.call, example);
            clm_scope_end(&e.scope);
            if (!more) break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults_lie_in_their_ranges)};
    return cmocka_run_group_tests_name("op/defaults", tests, NULL, NULL);
}
