/* Recording, layout of storage, replay. Gradients are in backward.c, memory by lifetime in
 * layout.c, the replay in double in reference.c. */
#include "nn/tape.h"

#include "base/text.h"
#include "nn/parameters_internal.h"
#include "nn/tape_internal.h"

#include <stdlib.h>
#include <string.h>

void *clm_tape_grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) return array;
    *room = *room ? 2 * *room : 32;
    array = realloc(array, *room * size);
    if (array) return array;
    fprintf(stderr, "clmoe: the host is out of memory for a tape of %zu entries\n", *room);
    exit(1);
}

static void release(void *object)
{
    clm_tape *tape = object;
    free(tape->node);
    free(tape->call);
}

clm_tape *clm_tape_new(clm_scope *scope, clm_context *context, clm_parameters *parameters,
                       uint32_t seed)
{
    clm_tape *tape = clm_alloc(scope, sizeof *tape);
    *tape = (clm_tape){.scope = scope,
                       .context = context,
                       .parameters = parameters,
                       .seed = seed,
                       .forward = SIZE_MAX};
    clm_scope_defer(scope, release, tape);
    tape->step = clm_input_i32(tape, "step", NULL, CLM_DIMS(CLM_STEP_WORDS));
    return tape;
}

clm_tensor *clm_tape_step(clm_tape *tape) { return tape->step; }
clm_scope *clm_tape_scope(clm_tape *tape) { return tape->scope; }
clm_parameters *clm_tape_parameters(clm_tape *tape) { return tape->parameters; }
void clm_tape_set_training(clm_tape *tape, bool training) { tape->training = training; }
bool clm_tape_training(const clm_tape *tape) { return tape->training; }
void clm_tape_set_precision(clm_tape *tape, clm_type precision) { tape->precision = precision; }
clm_type clm_tape_precision(const clm_tape *tape) { return tape->precision; }
size_t clm_tape_calls(const clm_tape *tape) { return tape->calls; }
size_t clm_tape_forward_calls(const clm_tape *tape)
{
    return tape->forward < tape->calls ? tape->forward : tape->calls;
}
const clm_call *clm_tape_call(const clm_tape *tape, size_t index) { return tape->call[index]; }
size_t clm_tape_launches(const clm_tape *tape) { return clm_plan_launches(tape->plan); }

static clm_tensor *node(clm_tape *tape, const char *name, clm_type type, clm_tensor_kind kind,
                        int rank, const int64_t *dim)
{
    clm_node *n = clm_alloc(tape->scope, sizeof *n);
    n->tensor = (clm_tensor){.name = name,
                             .type = type,
                             .kind = kind,
                             .rank = rank,
                             .first = -1,
                             .last = -1,
                             .parameter = -1};
    memcpy(n->tensor.dim, dim, (size_t)rank * sizeof *dim);
    tape->node = clm_tape_grow(tape->node, tape->nodes, &tape->node_room, sizeof *tape->node);
    tape->node[tape->nodes++] = n;
    return &n->tensor;
}

/* Takes `value`: floats, whatever the storage, or int32. */
static void fill(clm_tensor *input, const void *value)
{
    if (clm_is_floating(input->type))
        clm_floats_stored(input->type, value, clm_elements(input), input->value);
    else
        memcpy(input->value, value, clm_tensor_bytes(input));
}

static clm_tensor *input(clm_tape *tape, const char *name, clm_type type, const void *value,
                         int rank, const int64_t *dim)
{
    if (tape->status != CLM_OK) return NULL;
    clm_tensor *t = node(tape, name, type, CLM_INPUT, rank, dim);
    t->value = clm_alloc(tape->scope, clm_tensor_bytes(t) + 4);
    if (value) fill(t, value);
    return t;
}

clm_tensor *clm_input_f32(clm_tape *tape, const char *name, const float *value, int rank,
                          const int64_t *dim)
{
    return input(tape, name, CLM_F32, value, rank, dim);
}

clm_tensor *clm_input_i32(clm_tape *tape, const char *name, const int32_t *value, int rank,
                          const int64_t *dim)
{
    return input(tape, name, CLM_I32, value, rank, dim);
}

clm_tensor *clm_input_real(clm_tape *tape, const char *name, const float *value, int rank,
                           const int64_t *dim)
{
    return input(tape, name, tape->precision, value, rank, dim);
}

clm_tensor *clm_input_shared(clm_tape *tape, const clm_tensor *other)
{
    if (tape->status != CLM_OK) return NULL;
    clm_tensor *t = node(tape, other->name, other->type, CLM_INPUT, other->rank, other->dim);
    t->value = other->value;
    clm_node_of(t)->shared = other;
    return t;
}

clm_tensor *clm_weight(clm_tape *tape, int parameter)
{
    if (tape->status != CLM_OK) return NULL;
    for (size_t i = 0; i < tape->nodes; i++)
        if (tape->node[i]->tensor.kind == CLM_PARAMETER &&
            tape->node[i]->tensor.parameter == parameter)
            return &tape->node[i]->tensor;
    const clm_tensor *p = clm_parameter_tensor(tape->parameters, parameter);
    clm_tensor *t = node(tape, p->name, CLM_F32, CLM_PARAMETER, p->rank, p->dim);
    t->parameter = parameter;
    clm_node_of(t)->needs_gradient = !clm_parameter_is_statistic(tape->parameters, parameter);
    return t;
}

clm_tensor *clm_activation(clm_tape *tape, const char *name, clm_type type, int rank,
                           const int64_t *dim)
{
    if (tape->status != CLM_OK) return NULL;
    return node(tape, name, type == CLM_REAL ? tape->precision : type, CLM_ACTIVATION, rank, dim);
}

void clm_keep(clm_tape *tape, clm_tensor *tensor)
{
    if (tape->status == CLM_OK && tensor->kind == CLM_ACTIVATION) tensor->kind = CLM_OUTPUT;
}

void clm_composite(clm_tape *tape, void (*grad)(clm_tape *, const clm_call *),
                   const void *composite)
{
    if (tape->status != CLM_OK) return;
    tape->call[tape->calls - 1]->grad = grad;
    tape->call[tape->calls - 1]->composite = composite;
}

void clm_record(clm_tape *tape, const clm_call *call)
{
    if (tape->status != CLM_OK) return;
    tape->status = clm_call_check(call);
    if (tape->status != CLM_OK) return;
    clm_call *copy = clm_alloc(tape->scope, sizeof *copy);
    *copy = *call;
    bool needs = false;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
        if (call->arg[o] && call->op->operand[o].role == CLM_IN &&
            call->arg[o]->kind != CLM_GRADIENT) /* the gradients' arena is no node */
            needs |= clm_node_of(call->arg[o])->needs_gradient;
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        const clm_operand *operand = &call->op->operand[o];
        if (call->arg[o] && operand->role == CLM_OUT && clm_is_floating(operand->type))
            clm_node_of(call->arg[o])->needs_gradient |= needs;
    }
    tape->call = clm_tape_grow(tape->call, tape->calls, &tape->call_room, sizeof *tape->call);
    tape->call[tape->calls++] = copy;
}

/* --- storage and replay --- */

static clm_status place(clm_tape *tape, clm_node *n)
{
    clm_tensor *t = &n->tensor;
    const uint64_t bytes = clm_tensor_bytes(t);
    switch (t->kind) {
    case CLM_INPUT:
        t->buffer = n->shared ? n->shared->buffer : NULL;
        if (t->buffer) return CLM_OK;
        CLM_TRY(clm_buffer_new(tape->context, tape->scope, t->name, bytes ? bytes : 4, &t->buffer));
        return bytes ? clm_buffer_write(t->buffer, 0, t->value, bytes) : CLM_OK;
    case CLM_PARAMETER:
        t->buffer = clm_parameter_view(tape->parameters, t->parameter, false);
        return CLM_OK;
    case CLM_GRADIENT:
        t->buffer = clm_parameter_view(tape->parameters, t->parameter, true);
        return CLM_OK;
    case CLM_STATE: return CLM_OK;
    case CLM_ACTIVATION:
    case CLM_OUTPUT:
        if (t->first < 0) return CLM_OK; /* nothing makes it */
        return clm_buffer_view(tape->scope, tape->chunk[n->chunk].buffer, n->chunk_offset,
                               bytes ? bytes : 4, &t->buffer);
    }
    return CLM_OK;
}

static clm_status check_size(const clm_tape *tape)
{
    const clm_device *device = clm_context_device(tape->context);
    const uint64_t bytes =
        clm_tape_bytes(tape) +
        (tape->parameters ? clm_parameters_bytes(tape->parameters, tape->training) : 0);
    if (bytes <= device->memory_bytes) return CLM_OK;
    clm_fail(CLM_ERROR_TOO_LARGE, "needs %s, device has %s", clm_text_bytes(tape->scope, bytes),
             clm_text_bytes(tape->scope, device->memory_bytes));
    clm_error_during("planning the memory of a tape of %zu operators", tape->calls);
    clm_error_advice(
        "a smaller width, fewer layers or a smaller graph, or --device with more memory");
    return CLM_FAIL;
}

void clm_tape_set_variant(clm_tape *tape, const char *name) { tape->variant = name; }

static clm_status add_call(clm_tape *tape, const clm_call *call)
{
    for (const clm_variant *v = call->op->variant; tape->variant && v->name; v++)
        if (strcmp(v->name, tape->variant) == 0)
            return clm_plan_add(tape->plan, call, &(clm_choice){.variant = v});
    return clm_plan_add(tape->plan, call, NULL);
}

clm_status clm_tape_plan(clm_tape *tape)
{
    CLM_TRY(clm_tape_layout(tape));
    CLM_TRY(check_size(tape));
    if (tape->parameters) CLM_TRY(clm_parameters_allocate(tape->parameters, tape->context));
    for (int c = 0; c < tape->chunks; c++) {
        const clm_tape *other = tape->memory;
        if (other && c < other->chunks && other->chunk[c].bytes >= tape->chunk[c].bytes)
            tape->chunk[c].buffer = other->chunk[c].buffer;
        else
            CLM_TRY(clm_buffer_new(tape->context, tape->scope, "activations", tape->chunk[c].bytes,
                                   &tape->chunk[c].buffer));
    }
    for (size_t i = 0; i < tape->nodes; i++)
        CLM_TRY(place(tape, tape->node[i]));
    tape->plan = clm_plan_new(tape->scope, tape->context);
    clm_plan_set_tuning(tape->plan, tape->tuning);
    for (size_t i = 0; i < tape->calls; i++)
        CLM_TRY(add_call(tape, tape->call[i]));
    return CLM_OK;
}

void clm_tape_set_tuning(clm_tape *tape, clm_tuning *tuning) { tape->tuning = tuning; }
void clm_tape_share_memory(clm_tape *tape, const clm_tape *other) { tape->memory = other; }

void clm_step_words(const clm_tape *tape, int32_t step_index, float learning_rate, int32_t *word)
{
    memset(word, 0, CLM_STEP_WORDS * sizeof *word);
    word[CLM_STEP_INDEX] = step_index;
    memcpy(&word[CLM_STEP_SEED], &tape->seed, 4);
    memcpy(&word[CLM_STEP_LEARNING_RATE], &learning_rate, 4);
}

clm_status clm_tape_run_calls(clm_tape *tape, int32_t step_index, float learning_rate, size_t first,
                              size_t end)
{
    int32_t word[CLM_STEP_WORDS];
    clm_step_words(tape, step_index, learning_rate, word);
    CLM_TRY(clm_buffer_write(tape->step->buffer, 0, word, sizeof word));
    return clm_plan_run_calls(tape->plan, first, end);
}

clm_status clm_tape_run(clm_tape *tape, int32_t step_index, float learning_rate)
{
    return clm_tape_run_calls(tape, step_index, learning_rate, 0, tape->calls);
}

clm_status clm_tape_upload_inputs(clm_tape *tape)
{
    for (size_t i = 0; i < tape->nodes; i++) {
        const clm_tensor *t = &tape->node[i]->tensor;
        if (t->kind == CLM_INPUT && !tape->node[i]->shared && clm_tensor_bytes(t) > 0)
            CLM_TRY(clm_buffer_write(t->buffer, 0, t->value, clm_tensor_bytes(t)));
    }
    return clm_finish(tape->context);
}

clm_status clm_tensor_write(clm_tensor *input, const void *value)
{
    fill(input, value);
    if (!input->buffer) return CLM_OK; /* planning will write it */
    return clm_buffer_write(input->buffer, 0, input->value, clm_tensor_bytes(input));
}

clm_status clm_tensor_read(clm_tape *tape, const clm_tensor *tensor, void *to)
{
    CLM_TRY(clm_finish(tape->context));
    const uint64_t bytes = clm_tensor_bytes(tensor), room = 4 * (uint64_t)clm_elements(tensor);
    char *stored = (char *)to + (room - bytes);
    CLM_TRY(clm_buffer_read(tensor->buffer, 0, stored, bytes));
    if (bytes < room) clm_stored_floats(tensor->type, stored, clm_elements(tensor), to);
    return CLM_OK;
}

clm_status clm_tape_call_ns(clm_tape *tape, double *call_ns)
{
    CLM_TRY(clm_finish(tape->context));
    memset(call_ns, 0, tape->calls * sizeof *call_ns);
    for (size_t i = 0; i < clm_events_count(tape->context) && i < clm_tape_launches(tape); i++) {
        double queued, start, end;
        CLM_TRY(clm_events_ns(tape->context, i, &queued, &start, &end));
        call_ns[clm_plan_launch_call(tape->plan, i)] += end - start;
    }
    return CLM_OK;
}
