/* No work that reaches nothing: calls are walked backwards from what is kept, updated or a gradient
 * of a parameter, and those that make nothing wanted are dropped. */
#include "nn/tape_internal.h"

static bool makes_wanted(const clm_call *call)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++) {
        const clm_tensor *t = call->arg[o];
        const clm_role role = call->op->operand[o].role;
        if (!t || (role != CLM_OUT && role != CLM_INOUT)) continue;
        if (t->kind != CLM_ACTIVATION || clm_node_of(t)->wanted) return true;
    }
    return false;
}

void clm_tape_drop_unused(clm_tape *tape)
{
    for (size_t i = tape->calls; i-- > 0;) {
        const clm_call *call = tape->call[i];
        if (!makes_wanted(call)) {
            tape->call[i] = NULL;
            continue;
        }
        for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
            if (call->arg[o] && call->arg[o]->kind == CLM_ACTIVATION)
                clm_node_of(call->arg[o])->wanted = true;
    }
    size_t kept = 0, forward = 0;
    for (size_t i = 0; i < tape->calls; i++) {
        if (!tape->call[i]) continue;
        forward += i < tape->forward;
        tape->call[kept++] = tape->call[i];
    }
    if (tape->forward != SIZE_MAX) tape->forward = forward;
    tape->calls = kept;
}
