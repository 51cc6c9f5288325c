/* The tape in double on the host: every call's reference in order. The yardstick for devices, and with
 * finite differences for the recorded backward passes. */
#include "nn/parameters_internal.h"
#include "nn/tape_internal.h"

#include <string.h>

static void copy_to_host(const clm_tape *tape, clm_node *n)
{
    clm_tensor *t = &n->tensor;
    const int64_t count = clm_elements(t);
    if (t->kind == CLM_PARAMETER)
        t->host = clm_parameter_host(tape->parameters, t->parameter, false);
    else if (t->kind == CLM_GRADIENT)
        t->host = clm_parameter_host(tape->parameters, t->parameter, true);
    else if (!t->host)
        t->host = clm_alloc_array(tape->scope, (size_t)count + 1, sizeof(double));
    if (t->kind == CLM_INPUT && t->type == CLM_I32) memcpy(t->host, t->value, (size_t)count * 4);
    if (t->kind == CLM_INPUT && t->type != CLM_I32)
        for (int64_t i = 0; i < count; i++) {
            float value;
            clm_stored_floats(
                t->type, (const char *)t->value + (uint64_t)i * clm_type_bytes(t->type), 1, &value);
            ((double *)t->host)[i] = value;
        }
}

clm_status clm_tape_reference_begin(clm_tape *tape)
{
    if (tape->status != CLM_OK) return tape->status;
    if (tape->parameters) {
        CLM_TRY(clm_parameters_download(tape->parameters));
        clm_parameters_reference(tape->parameters);
    }
    for (size_t i = 0; i < tape->nodes; i++)
        copy_to_host(tape, tape->node[i]);
    return CLM_OK;
}

void clm_tape_reference_run(clm_tape *tape, int32_t step_index, float learning_rate)
{
    clm_step_words(tape, step_index, learning_rate, tape->step->host);
    for (size_t i = 0; i < tape->calls; i++)
        tape->call[i]->op->reference(tape->call[i]);
}
