#include "op/vector.h"

#include <stdio.h>

int clm_pick_vector(const clm_device *device, const clm_call *call)
{
    const uint32_t native = device->vector_width;
    const int width = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    const int64_t d = clm_dim(call, 'D');
    for (int v = width; v >= 4; v /= 2)
        if (d % v == 0) return v;
    return width;
}

clm_status clm_elementwise_prepare(clm_plan *plan, const clm_call *call)
{
    const int64_t n = clm_dim(call, 'N');
    clm_arg arg[CLM_OPERANDS + 1];
    size_t count = 0;
    for (const clm_operand *o = call->op->operand; o->name; o++) {
        if (o->role == CLM_OUT) arg[count++] = clm_i(n);
        arg[count++] = clm_t(call->arg[o - call->op->operand]);
    }
    char kernel[64];
    (void)snprintf(kernel, sizeof kernel, "%s_f32", call->op->name);
    return clm_launch(plan, call, kernel, "", clm_vector_range(n, clm_tune(plan, "VEC")), arg,
                      count);
}

bool clm_elementwise_example(clm_example *e, int index)
{
    static const int64_t size[] = {1, 17, 64, 1021, 64 * 16 * 4 + 1, 40000};
    if (index >= (int)(sizeof size / sizeof *size)) return false;
    const clm_operand *o = clm_example_call(e)->op->operand;
    for (int i = 0; o[i].name; i++)
        if (o[i].role == CLM_IN)
            clm_example_normal(e, i, 2, CLM_DIMS(size[index]));
        else
            clm_example_out(e, i, CLM_DIMS(size[index]));
    return true;
}
