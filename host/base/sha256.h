/* SHA-256 (FIPS 180-4): names of cached programs, checks of data sets. */
#ifndef CLM_BASE_SHA256_H
#define CLM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct clm_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} clm_sha256;

/* Start, add bytes any number of times, end: 64 lower-case hexadecimal digits and a null. */
void clm_sha256_start(clm_sha256 *hash);
void clm_sha256_add(clm_sha256 *hash, const void *data, size_t bytes);
void clm_sha256_end(clm_sha256 *hash, char hex[65]);

#endif
