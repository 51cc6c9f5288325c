#include "op/tensor.h"

#include "base/half.h"

#include <string.h>

const char *clm_type_name(clm_type type)
{
    static const char *const name[] = {"f32", "i32", "bf16", "f16", "real"};
    return name[type];
}

void clm_stored_floats(clm_type type, const void *from, int64_t n, float *to)
{
    if (type == CLM_F32) {
        memmove(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint16_t x;
        memcpy(&x, (const char *)from + 2 * i, sizeof x);
        to[i] = type == CLM_BF16 ? clm_bf16_float(x) : clm_f16_float(x);
    }
}

void clm_floats_stored(clm_type type, const float *from, int64_t n, void *to)
{
    if (type == CLM_F32) {
        memmove(to, from, (size_t)n * sizeof *from);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        ((uint16_t *)to)[i] = type == CLM_BF16 ? clm_float_bf16(from[i]) : clm_float_f16(from[i]);
}
