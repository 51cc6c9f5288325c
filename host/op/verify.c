/* One loop tests every operator and variant, so that a new one is tested by existing.
 *
 * Property checked: whatever the variant, outputs equal the reference in double within the
 * operator's tolerance, every element that the reference writes is written, and nothing is
 * written outside. */
#include "op/verify.h"

#include "base/text.h"
#include "op/example.h"
#include "op/plan.h"

#include <math.h>
#include <string.h>

enum { CANARIES = 64 };
static const uint32_t canary = 0x5ca1ab1e;

const double clm_verify_tiny = 5e4;

double clm_verify_most(const clm_device *device, const clm_variant *variant)
{
    const bool short_loops = (device->quirks & CLM_QUIRK_SHORT_LOOPS) != 0;
    return short_loops && variant->classes != CLM_GPU ? clm_verify_tiny : 0;
}

double clm_relative_error(const float *got, const double *expected, int64_t n)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(expected[i]) && isnan(got[i])) continue;
        if (isinf(expected[i]) && expected[i] == got[i]) continue;
        if (!isfinite(expected[i]) || isnan(got[i])) return INFINITY;
        difference += (got[i] - expected[i]) * (got[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}

double clm_rounding(clm_type type)
{
    return type == CLM_BF16 ? 0x1p-8 : type == CLM_F16 ? 0x1p-11 : 0;
}

bool clm_has_real(const clm_op *op)
{
    for (int o = 0; o < CLM_OPERANDS && op->operand[o].name; o++)
        if (op->operand[o].type == CLM_REAL) return true;
    return false;
}

static clm_status upload(clm_context *context, clm_example *e)
{
    for (int o = 0; o < CLM_OPERANDS; o++) {
        clm_tensor *t = e->call.arg[o];
        if (!t) continue;
        const uint64_t bytes = clm_tensor_bytes(t);
        CLM_TRY(clm_buffer_new(context, &e->scope, t->name, bytes + 4 * CANARIES, &t->buffer));
        char *block = clm_alloc(&e->scope, bytes + 4 * CANARIES);
        if (clm_is_floating(t->type))
            clm_floats_stored(t->type, e->f32[o], clm_elements(t), block);
        else
            memcpy(block, e->i32[o], bytes);
        for (int i = 0; i < CANARIES; i++)
            memcpy(block + bytes + 4 * i, &canary, 4);
        CLM_TRY(clm_buffer_write(t->buffer, 0, block, bytes + 4 * CANARIES));
    }
    return CLM_OK;
}

/* Number of integers that differ, as an error: 0 or at least 1. */
static double integer_error(const int32_t *got, const int32_t *expected, int64_t n)
{
    double different = 0;
    for (int64_t i = 0; i < n; i++)
        different += got[i] != expected[i];
    return different;
}

/* Error of a result: relative for floats, the number of different integers. */
static double error_of(clm_scope *scope, const clm_tensor *t, const void *got)
{
    const int64_t n = clm_elements(t);
    if (!clm_is_floating(t->type)) return integer_error(got, t->host, n);
    float *value = clm_alloc_array(scope, (size_t)n + 1, sizeof *value);
    clm_stored_floats(t->type, got, n, value);
    return clm_relative_error(value, t->host, n);
}

static bool canaries_live(const char *end)
{
    for (int i = 0; i < CANARIES; i++)
        if (memcmp(end + 4 * i, &canary, 4) != 0) return false;
    return true;
}

static clm_status compare(clm_example *e, const clm_variant *variant, int index, clm_verdict *v)
{
    const double tolerance = variant->wrong > 0 ? variant->wrong : e->call.op->wrong;
    const double doubt = variant->wrong > 0 ? variant->suspect : e->call.op->suspect;
    for (int o = 0; o < CLM_OPERANDS; o++) {
        clm_tensor *t = e->call.arg[o];
        if (!t) continue;
        const uint64_t bytes = clm_tensor_bytes(t);
        char *got = clm_alloc(&e->scope, bytes + 4 * CANARIES);
        CLM_TRY(clm_buffer_read(t->buffer, 0, got, bytes + 4 * CANARIES));
        if (!canaries_live(got + bytes) && !v->wrong) {
            v->wrong = true;
            snprintf(v->reason, sizeof v->reason, "example %d: writes past the end of %s", index,
                     t->name);
        }
        if (!clm_example_is_result(&e->call, o)) continue;
        const double error = error_of(&e->scope, t, got), rounding = clm_rounding(t->type);
        const double wrong = clm_is_floating(t->type) ? tolerance + 2 * rounding : 0;
        if (error > v->error) v->error = error;
        v->suspect |= error > doubt + rounding;
        if (error > wrong && !v->wrong) {
            v->wrong = true;
            snprintf(v->reason, sizeof v->reason, "example %d: %s is off by %.2g, allowed %.1g",
                     index, t->name, error, wrong);
        }
    }
    return CLM_OK;
}

static clm_status run_example(clm_context *context, clm_example *e, const clm_choice *choice,
                              int index, clm_verdict *v)
{
    CLM_TRY(clm_call_check(&e->call));
    CLM_TRY(upload(context, e));
    clm_plan *plan = clm_plan_new(&e->scope, context);
    const clm_status status = clm_plan_add(plan, &e->call, choice);
    if (status == CLM_SKIP) {
        if (!v->skipped++ && !v->wrong)
            snprintf(v->reason, sizeof v->reason, "%.500s", clm_error_last()->what);
        return CLM_OK;
    }
    CLM_TRY(status);
    CLM_TRY(clm_plan_run(plan));
    CLM_TRY(clm_finish(context));
    clm_example_reference(e);
    e->call.op->reference(&e->call);
    v->examples++;
    return compare(e, choice->variant, index, v);
}

clm_status clm_verify(clm_context *context, const clm_op *op, const clm_choice *choice,
                      clm_type real, double most_flops, clm_verdict *verdict)
{
    *verdict = (clm_verdict){0};
    clm_status status = CLM_OK;
    for (int index = 0; status == CLM_OK; index++) {
        clm_example e = {.real = real};
        const bool more = clm_example_build(&e, op, index);
        if (more && (real == CLM_F32 || index % 3 == 1)) {
            const clm_cost cost = op->cost(&e.call);
            if (most_flops <= 0 || (cost.flops <= most_flops && cost.bytes <= most_flops))
                status = run_example(context, &e, choice, index, verdict);
        }
        clm_scope_end(&e.scope);
        if (!more) break;
    }
    return status;
}
