#include "base/half.h"

#include <math.h>
#include <string.h>

static uint32_t bits(float x)
{
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    return word;
}

static float from_bits(uint32_t word)
{
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

float clm_bf16_float(uint16_t x) { return from_bits((uint32_t)x << 16); }

uint16_t clm_float_bf16(float x)
{
    const uint32_t u = bits(x);
    if (isnan(x)) return (uint16_t)(u >> 16 | 0x40); /* a quiet one: its mantissa must not be 0 */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float clm_f16_float(uint16_t x)
{
    const int exponent = x >> 10 & 31, mantissa = x & 0x3ff;
    const float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                       : exponent     ? ldexpf((float)(mantissa + 0x400), exponent - 25)
                                      : ldexpf((float)mantissa, -24);
    return x & 0x8000 ? -size : size;
}

uint16_t clm_float_f16(float x)
{
    const uint16_t sign = (uint16_t)(bits(x) >> 16 & 0x8000);
    const float size = fabsf(x);
    if (isnan(x)) return sign | 0x7e00;
    if (size == 0) return sign;
    if (size >= 65520) return sign | 0x7c00; /* half a unit above the largest, 65504 */
    int exponent;                            /* size = fraction 2^exponent, fraction in [1/2, 1) */
    (void)frexpf(size, &exponent);
    /* Units of the last place: the leading one of a normal number, and a carry, count in the
     * exponent by themselves. */
    const int last = exponent > -13 ? exponent - 11 : -24;
    const int units = (int)nearbyintf(ldexpf(size, -last));
    return (uint16_t)(sign | (((last + 24) << 10) + units));
}
