#include "base/philox.h"

/* Random123's headers are not clean under -Wconversion and -Wpedantic; CMake marks them as system
 * headers, as they would be in the compiler's own search path. */
#include <Random123/philox.h>

#include <math.h>

clm_philox clm_philox_draw(uint32_t element, uint32_t step, uint32_t stream, uint32_t layer,
                           uint32_t seed)
{
    const philox4x32_ctr_t counter = {{element, step, stream, layer}};
    const philox4x32_key_t key = {{seed, 0}};
    const philox4x32_ctr_t drawn = philox4x32_R(10, counter, key);
    return (clm_philox){{drawn.v[0], drawn.v[1], drawn.v[2], drawn.v[3]}};
}

float clm_uniform(uint32_t word)
{
    return ((float)(word >> 9) + 0.5f) * 0x1p-23f;
}

uint32_t clm_uniform_below(uint32_t word, uint32_t bound)
{
    return (uint32_t)(((uint64_t)word * bound) >> 32);
}

void clm_normal(uint32_t a, uint32_t b, float out[2])
{
    const double radius = sqrt(-2 * log(clm_uniform(a)));
    const double angle = 2 * 3.14159265358979323846 * clm_uniform(b);
    out[0] = (float)(radius * cos(angle));
    out[1] = (float)(radius * sin(angle));
}

float clm_normal_at(uint32_t element, uint32_t step, uint32_t stream, uint32_t layer, uint32_t seed)
{
    const clm_philox drawn = clm_philox_draw(element / 4, step, stream, layer, seed);
    const uint32_t first = element % 4 / 2 * 2;
    float pair[2];
    clm_normal(drawn.word[first], drawn.word[first + 1], pair);
    return pair[element % 2];
}

void clm_permutation(int32_t *out, int32_t n, uint32_t seed, uint32_t stream, uint32_t layer)
{
    for (int32_t i = 0; i < n; i++) out[i] = i;
    for (int32_t i = n - 1; i > 0; i--) {
        const clm_philox drawn = clm_philox_draw((uint32_t)i, 0, stream, layer, seed);
        const int32_t j = (int32_t)clm_uniform_below(drawn.word[0], (uint32_t)i + 1);
        const int32_t kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}
