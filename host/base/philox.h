/* Random numbers: Philox4x32-10 (Random123), the same words on the host and on every device.
 *
 * Counter = (element, step, stream, layer), key = (seed, 0): what is drawn depends on what it is
 * for and never on launch geometry, device or order. */
#ifndef CLM_BASE_PHILOX_H
#define CLM_BASE_PHILOX_H

#include <stdint.h>

/* What a number is drawn for; also defined for kernels in cl/common.clh. */
typedef enum clm_stream {
    CLM_STREAM_INIT,
    CLM_STREAM_DROPOUT,
    CLM_STREAM_NOISE,
    CLM_STREAM_MASK,
    CLM_STREAM_NEGATIVES,
    CLM_STREAM_SPLIT,
    CLM_STREAM_SHUFFLE,
    CLM_STREAM_GENERATE,
} clm_stream;

typedef struct clm_philox {
    uint32_t word[4];
} clm_philox;

clm_philox clm_philox_draw(uint32_t element, uint32_t step, uint32_t stream, uint32_t layer,
                           uint32_t seed);

/* Uniform in (0, 1), neither end included: ((word >> 9) + 0.5) / 2^23, exact in a float, so that
 * the host and every device get the same bits. */
float clm_uniform(uint32_t word);

/* Uniform integer in [0, bound), by the high half of word * bound; kernels use mul_hi alike. */
uint32_t clm_uniform_below(uint32_t word, uint32_t bound);

/* Two independent standard normal numbers from two words (Box and Muller 1958). */
void clm_normal(uint32_t a, uint32_t b, float out[2]);

/* Number `element` of a sequence of standard normal numbers, four to a draw. */
float clm_normal_at(uint32_t element, uint32_t step, uint32_t stream, uint32_t layer,
                    uint32_t seed);

/* A random permutation of 0..n-1 (Fisher and Yates) from (seed, stream, layer). */
void clm_permutation(int32_t *out, int32_t n, uint32_t seed, uint32_t stream, uint32_t layer);

#endif
