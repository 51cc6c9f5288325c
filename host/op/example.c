/* Examples: values from Philox, so that every device and every run sees the same ones. */
#include "op/example.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

enum { UNTOUCHED = 0x7fc00000 }; /* a NaN when read as a float */

clm_call *clm_example_call(clm_example *e) { return &e->call; }
void *clm_example_memory(clm_example *e, size_t bytes) { return clm_alloc(&e->scope, bytes + 4); }

static clm_tensor *operand(clm_example *e, int index, int rank, const int64_t *dim)
{
    const clm_operand *o = &e->call.op->operand[index];
    clm_tensor *t = clm_alloc(&e->scope, sizeof *t);
    *t = (clm_tensor){.name = o->name,
                      .type = o->type == CLM_REAL ? CLM_F32 : o->type,
                      .rank = rank,
                      .parameter = -1,
                      .kind = o->role == CLM_IN || o->role == CLM_INOUT ? CLM_INPUT : CLM_OUTPUT};
    memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    e->call.arg[index] = t;
    void *value = clm_example_memory(e, clm_tensor_bytes(t));
    if (clm_is_floating(o->type))
        e->f32[index] = value;
    else
        e->i32[index] = value;
    if (o->role == CLM_IN) t->value = value;
    return t;
}

static clm_philox draw(clm_example *e)
{
    return clm_philox_draw(e->draws++, 0, CLM_STREAM_GENERATE, 0, 1);
}

int32_t clm_example_random(clm_example *e, int32_t bound)
{
    return (int32_t)clm_uniform_below(draw(e).word[0], (uint32_t)bound);
}

void clm_example_normal(clm_example *e, int index, double scale, int rank, const int64_t *dim)
{
    const int64_t n = clm_elements(operand(e, index, rank, dim));
    for (int64_t i = 0; i < n; i += 2) {
        const clm_philox r = draw(e);
        float pair[2];
        clm_normal(r.word[0], r.word[1], pair);
        e->f32[index][i] = (float)scale * pair[0];
        if (i + 1 < n) e->f32[index][i + 1] = (float)scale * pair[1];
    }
}

void clm_example_f32(clm_example *e, int index, const float *value, int rank, const int64_t *dim)
{
    const clm_tensor *t = operand(e, index, rank, dim);
    memcpy(e->f32[index], value, clm_tensor_bytes(t));
}

void clm_example_i32(clm_example *e, int index, const int32_t *value, int rank, const int64_t *dim)
{
    const clm_tensor *t = operand(e, index, rank, dim);
    memcpy(e->i32[index], value, clm_tensor_bytes(t));
}

void clm_example_below(clm_example *e, int index, int32_t bound, int rank, const int64_t *dim)
{
    const int64_t n = clm_elements(operand(e, index, rank, dim));
    for (int64_t i = 0; i < n; i++)
        e->i32[index][i] = clm_example_random(e, bound);
}

void clm_example_rows(clm_example *e, int index, int32_t bound, int rank, const int64_t *dim)
{
    const int64_t n = clm_elements(operand(e, index, rank, dim));
    for (int64_t i = 0; i < n; i++)
        e->i32[index][i] = clm_example_random(e, 8) == 0 ? -1 : clm_example_random(e, bound);
}

void clm_example_out(clm_example *e, int index, int rank, const int64_t *dim)
{
    const int64_t n = clm_elements(operand(e, index, rank, dim));
    for (int64_t i = 0; i < n; i++) {
        if (e->f32[index])
            e->f32[index][i] = NAN;
        else
            e->i32[index][i] = UNTOUCHED;
    }
}

/* What the device will read, so that the reference reads the same. */
static void store(clm_example *e, int index)
{
    clm_tensor *t = e->call.arg[index];
    const int64_t n = clm_elements(t);
    void *stored = clm_example_memory(e, 2 * (size_t)n);
    clm_floats_stored(e->real, e->f32[index], n, stored);
    clm_stored_floats(e->real, stored, n, e->f32[index]);
    t->type = e->real;
}

bool clm_example_build(clm_example *e, const clm_op *op, int index)
{
    e->call.op = op;
    e->draws = (uint32_t)index << 20; /* different values in different examples */
    if (!op->example(e, index)) return false;
    for (int o = 0; o < CLM_OPERANDS && e->real != CLM_F32; o++)
        if (e->call.arg[o] && op->operand[o].type == CLM_REAL) store(e, o);
    return true;
}

void clm_example_reference(clm_example *e)
{
    for (int o = 0; o < CLM_OPERANDS; o++) {
        clm_tensor *t = e->call.arg[o];
        if (!t) continue;
        const int64_t n = clm_elements(t);
        t->host = clm_alloc_array(&e->scope, (size_t)n + 1, sizeof(double));
        if (t->type == CLM_I32)
            memcpy(t->host, e->i32[o], (size_t)n * 4);
        else
            for (int64_t i = 0; i < n; i++)
                ((double *)t->host)[i] = e->f32[o][i];
    }
}

bool clm_example_is_result(const clm_call *call, int o)
{
    const clm_role role = call->op->operand[o].role;
    return call->arg[o] && (role == CLM_OUT || role == CLM_INOUT);
}
