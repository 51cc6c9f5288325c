/* The 16-bit floating-point formats that tensors may be stored in: bfloat16, the upper half of a
 * float, and half, IEEE 754's binary16. Rounding is to nearest, ties to even, as in the kernels
 * (cl/common.clh); NaN stays NaN, what is too large becomes infinite. */
#ifndef CLM_BASE_HALF_H
#define CLM_BASE_HALF_H

#include <stdint.h>

float clm_bf16_float(uint16_t x);
uint16_t clm_float_bf16(float x);

float clm_f16_float(uint16_t x);
uint16_t clm_float_f16(float x);

#endif
