/* Reverse-mode differentiation by recording: calls are visited backwards and each operator records
 * the operators of its backward pass; contributions to one gradient are summed in a fixed order. */
#include "cl/add/add.h"
#include "cl/cast/cast.h"
#include "cl/loss_scale/loss_scale.h"
#include "nn/parameters_internal.h"
#include "nn/tape_internal.h"

void clm_want_gradient(clm_tape *tape, clm_tensor *input)
{
    if (tape->status == CLM_OK) clm_node_of(input)->needs_gradient = true;
}

bool clm_needs_gradient(const clm_tape *tape, const clm_tensor *tensor)
{
    return tape->status == CLM_OK && tensor && clm_node_of(tensor)->needs_gradient;
}

void clm_gradient_add(clm_tape *tape, const clm_tensor *tensor, clm_tensor *contribution)
{
    if (tape->status != CLM_OK || !clm_needs_gradient(tape, tensor)) return;
    clm_node *n = clm_node_of(tensor);
    if (n->contributions == n->contribution_room) {
        n->contribution_room = n->contribution_room ? 2 * n->contribution_room : 4;
        clm_tensor **grown =
            clm_alloc_array(tape->scope, (size_t)n->contribution_room, sizeof *grown);
        for (int i = 0; i < n->contributions; i++)
            grown[i] = n->contribution[i];
        n->contribution = grown;
    }
    n->contribution[n->contributions++] = contribution;
}

clm_tensor *clm_gradient_of(clm_tape *tape, const clm_tensor *tensor)
{
    if (tape->status != CLM_OK) return NULL;
    clm_node *n = clm_node_of(tensor);
    while (n->contributions > 1) { /* sum up to four at a time, first ones first */
        const int take = n->contributions < 4 ? n->contributions : 4;
        clm_tensor *sum = clm_add(tape, take, n->contribution, NULL);
        n->contribution[0] = sum;
        for (int i = take; i < n->contributions; i++)
            n->contribution[i - take + 1] = n->contribution[i];
        n->contributions -= take - 1;
    }
    return n->contributions ? n->contribution[0] : NULL;
}

static bool has_gradient(const clm_call *call)
{
    for (int o = 0; o < CLM_OPERANDS && call->op->operand[o].name; o++)
        if (call->arg[o] && call->op->operand[o].role == CLM_OUT &&
            clm_node_of(call->arg[o])->contributions)
            return true;
    return false;
}

/* The gradient of a parameter is written straight into the gradient arena: the tensor that the last
 * call of its computation makes is moved there. */
static void place_in_arena(clm_tape *tape, clm_node *weight)
{
    clm_tensor *g = clm_cast(tape, clm_gradient_of(tape, &weight->tensor), CLM_F32);
    if (tape->status != CLM_OK || !g) return;
    if (g->kind != CLM_ACTIVATION) { /* shared with something that must stay where it is */
        g = clm_add(tape, 1, &g, NULL);
        if (!g) return;
    }
    g->kind = CLM_GRADIENT;
    g->parameter = weight->tensor.parameter;
}

void clm_tape_backward_from(clm_tape *tape, int n, clm_tensor *const *output,
                            clm_tensor *const *cotangent)
{
    if (tape->status != CLM_OK) return;
    const size_t forward = tape->calls, leaves = tape->nodes;
    tape->forward = forward;
    if (tape->parameters) clm_gradients_arena(tape->parameters);
    for (int i = 0; i < n; i++)
        clm_gradient_add(tape, output[i], cotangent[i]);
    for (size_t i = forward; i-- > 0 && tape->status == CLM_OK;) {
        const clm_call *call = tape->call[i];
        void (*grad)(clm_tape *, const clm_call *) = call->grad ? call->grad : call->op->grad;
        if (grad && has_gradient(call)) grad(tape, call);
    }
    for (size_t i = 0; i < leaves && tape->status == CLM_OK; i++) {
        clm_node *node = tape->node[i];
        if (node->tensor.kind == CLM_PARAMETER)
            place_in_arena(tape, node);
        else if (node->tensor.kind == CLM_INPUT && node->needs_gradient) {
            clm_tensor *g = clm_gradient_of(tape, &node->tensor);
            if (g) clm_keep(tape, g);
        }
    }
}

void clm_tape_backward(clm_tape *tape, clm_tensor *loss)
{
    static const float one = 1;
    const bool scaled = tape->precision == CLM_F16;
    clm_tensor *seed =
        scaled ? clm_loss_scale_new(tape) : clm_input_f32(tape, "dloss", &one, CLM_DIMS(1));
    clm_tape_backward_from(tape, 1, &loss, &seed);
    if (scaled && tape->parameters)
        tape->skip = clm_loss_scale(tape, clm_gradients_arena(tape->parameters), seed);
}

clm_tensor *clm_tape_skip(const clm_tape *tape) { return tape->skip; }
