#include "bench/solo.h"

#include "base/statistics.h"
#include "op/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNTOUCHED = 0x7fc00000, /* a NaN when read as a float */
    MOST_BATCH = 256,
};

static const double sample_ns = 1e6; /* runs are put together until a sample takes as long */

/* --- operands --- */

/* The copy that an earlier operand of the call got, when it is the same tensor. */
static clm_tensor *copied(const clm_call *from, const clm_call *to, int operand)
{
    for (int o = 0; o < operand; o++)
        if (from->arg[o] == from->arg[operand]) return to->arg[o];
    return NULL;
}

static clm_status copy_operand(clm_scope *scope, clm_solo *solo, const clm_tensor *t, int operand)
{
    const uint64_t bytes = clm_tensor_bytes(t);
    clm_tensor *own = clm_alloc(scope, sizeof *own);
    *own = *t;
    own->buffer = NULL;
    solo->call.arg[operand] = own;
    if (!t->buffer) return CLM_OK; /* nothing makes it, nothing reads it */
    void *value = clm_alloc(scope, bytes + 4);
    CLM_TRY(clm_buffer_new(solo->context, scope, t->name, bytes ? bytes : 4, &own->buffer));
    if (!bytes) return CLM_OK;
    CLM_TRY(clm_buffer_read(t->buffer, 0, value, bytes));
    CLM_TRY(clm_buffer_write(own->buffer, 0, value, bytes));
    if (solo->call.op->operand[operand].role == CLM_INOUT) solo->start[operand] = value;
    return CLM_OK;
}

clm_status clm_solo_new(clm_scope *scope, clm_context *context, clm_tape *tape, size_t index,
                        clm_solo *solo)
{
    const clm_call *call = clm_tape_call(tape, index);
    *solo = (clm_solo){.context = context, .call = *call};
    CLM_TRY(clm_tape_run_calls(tape, 0, 0, 0, index));
    CLM_TRY(clm_finish(context));
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        if (!call->arg[o]) continue;
        solo->call.arg[o] = copied(call, &solo->call, o);
        if (!solo->call.arg[o]) CLM_TRY(copy_operand(scope, solo, call->arg[o], o));
    }
    return CLM_OK;
}

clm_status clm_solo_plan(clm_scope *scope, const clm_solo *solo, const clm_choice *choice,
                         clm_plan **plan)
{
    *plan = clm_plan_new(scope, solo->context);
    return clm_plan_add(*plan, &solo->call, choice);
}

/* --- results --- */

static bool is_result(const clm_solo *solo, int o)
{
    const clm_role role = solo->call.op->operand[o].role;
    const clm_tensor *t = solo->call.arg[o];
    return t && t->buffer && clm_tensor_bytes(t) > 0 && (role == CLM_OUT || role == CLM_INOUT);
}

static clm_status run_afresh(const clm_solo *solo, clm_plan *plan)
{
    for (int o = 0; o < CLM_OPERANDS; o++) {
        if (!is_result(solo, o)) continue;
        const clm_tensor *t = solo->call.arg[o];
        if (solo->start[o])
            CLM_TRY(clm_buffer_write(t->buffer, 0, solo->start[o], clm_tensor_bytes(t)));
        else
            CLM_TRY(clm_buffer_fill(t->buffer, 0, UNTOUCHED, clm_tensor_bytes(t)));
    }
    CLM_TRY(clm_plan_run(plan));
    return clm_finish(solo->context);
}

/* A result in double; null, and the status of reading it, when it cannot be read. */
static clm_status read_result(clm_scope *scope, const clm_tensor *t, double **value)
{
    const int64_t n = clm_elements(t);
    void *stored = clm_alloc(scope, clm_tensor_bytes(t) + 4);
    float *floats = clm_alloc_array(scope, (size_t)n + 1, sizeof *floats);
    *value = clm_alloc_array(scope, (size_t)n + 1, sizeof **value);
    CLM_TRY(clm_buffer_read(t->buffer, 0, stored, clm_tensor_bytes(t)));
    if (clm_is_floating(t->type)) clm_stored_floats(t->type, stored, n, floats);
    for (int64_t i = 0; i < n; i++)
        (*value)[i] = clm_is_floating(t->type) ? (double)floats[i] : ((const int32_t *)stored)[i];
    return CLM_OK;
}

clm_status clm_solo_expect(clm_scope *scope, clm_solo *solo, clm_plan *plan)
{
    CLM_TRY(run_afresh(solo, plan));
    for (int o = 0; o < CLM_OPERANDS; o++)
        if (is_result(solo, o)) CLM_TRY(read_result(scope, solo->call.arg[o], &solo->expected[o]));
    return CLM_OK;
}

/* Relative error of floats, number of different integers. */
static double difference(const clm_tensor *t, const double *got, const double *expected)
{
    double different = 0, norm = 0;
    for (int64_t i = 0; i < clm_elements(t); i++) {
        if (isnan(got[i]) != isnan(expected[i])) return INFINITY;
        if (isnan(got[i])) continue;
        const double d = got[i] - expected[i];
        different += clm_is_floating(t->type) ? d * d : d != 0;
        norm += expected[i] * expected[i];
    }
    if (!clm_is_floating(t->type)) return different;
    return norm > 0 ? sqrt(different / norm) : sqrt(different);
}

static clm_status compare_result(const clm_solo *solo, int o, double *excess)
{
    const clm_tensor *t = solo->call.arg[o];
    const double allowed =
        clm_is_floating(t->type) ? solo->call.op->wrong + 2 * clm_rounding(t->type) : 0.5;
    clm_scope scope = {0};
    double *got;
    const clm_status status = read_result(&scope, t, &got);
    if (status == CLM_OK) *excess = fmax(*excess, difference(t, got, solo->expected[o]) / allowed);
    clm_scope_end(&scope);
    return status;
}

clm_status clm_solo_compare(const clm_solo *solo, clm_plan *plan, double *excess)
{
    *excess = 0;
    CLM_TRY(run_afresh(solo, plan));
    for (int o = 0; o < CLM_OPERANDS; o++)
        if (is_result(solo, o)) CLM_TRY(compare_result(solo, o, excess));
    return CLM_OK;
}

/* --- time --- */

static clm_status sample(const clm_solo *solo, clm_plan *plan, int batch, double *ns)
{
    const double start = clm_now_ns();
    for (int i = 0; i < batch; i++)
        CLM_TRY(clm_plan_run(plan));
    CLM_TRY(clm_finish(solo->context));
    *ns = (clm_now_ns() - start) / batch;
    return CLM_OK;
}

clm_status clm_solo_time(const clm_solo *solo, clm_plan *plan, double *ns)
{
    double least = INFINITY;
    for (int i = 0; i < 3; i++) {
        double once;
        CLM_TRY(sample(solo, plan, 1, &once));
        least = fmin(least, once);
    }
    *ns = least;
    return CLM_OK;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Which of n sorted values, from either end, bounds the median with at least 95 %; -1: none. */
static int interval_rank(int n)
{
    double below = 0, term = pow(0.5, n); /* P(at most k of n fair coins) */
    int rank = -1;
    for (int k = 0; k < n / 2; k++) {
        below += term;
        if (2 * below > 0.05) break;
        rank = k;
        term *= (double)(n - k) / (k + 1);
    }
    return rank;
}

clm_status clm_solo_duel(const clm_solo *solo, clm_plan *a, clm_plan *b, int rounds, clm_duel *duel)
{
    double once, effect[CLM_MOST_ROUNDS], noise[CLM_MOST_ROUNDS], a_ns[2 * CLM_MOST_ROUNDS];
    CLM_TRY(clm_solo_time(solo, a, &once));
    const int batch = once >= sample_ns ? 1 : (int)fmin(MOST_BATCH, ceil(sample_ns / once));
    for (int r = 0; r < rounds; r++) {
        double first, second, third, last;
        CLM_TRY(sample(solo, a, batch, &first));
        CLM_TRY(sample(solo, b, batch, &second));
        CLM_TRY(sample(solo, b, batch, &third));
        CLM_TRY(sample(solo, a, batch, &last));
        effect[r] = 0.5 * (log(first) + log(last) - log(second) - log(third));
        noise[r] = 0.5 * fabs(log(first) - log(last));
        a_ns[2 * r] = first;
        a_ns[2 * r + 1] = last;
    }
    duel->p = clm_sign_flip_test(effect, (size_t)rounds);
    duel->effect = clm_summarise(effect, (size_t)rounds).median;
    duel->noise = clm_summarise(noise, (size_t)rounds).median;
    duel->a_ns = clm_summarise(a_ns, 2 * (size_t)rounds).median;
    qsort(effect, (size_t)rounds, sizeof *effect, compare_doubles);
    const int rank = interval_rank(rounds);
    duel->low = rank < 0 ? -INFINITY : effect[rank];
    duel->high = rank < 0 ? INFINITY : effect[rounds - 1 - rank];
    return CLM_OK;
}
