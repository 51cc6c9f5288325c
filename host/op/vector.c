#include "op/vector.h"

int clm_pick_vector(const clm_device *device, const clm_call *call)
{
    const uint32_t native = device->vector_width;
    const int width = native >= 16 ? 16 : native >= 8 ? 8 : 4;
    const int64_t d = clm_dim(call, 'D');
    for (int v = width; v >= 4; v /= 2)
        if (d % v == 0) return v;
    return width;
}
