/* SHA-256 (FIPS 180-4), by whose first bytes files name their models. */
#ifndef NLC_SHA256_H
#define NLC_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define NLC_ID_BYTES 4

/* The first NLC_ID_BYTES bytes of the SHA-256. */
void nlc_model_id(const uint8_t *data, size_t size, uint8_t id[NLC_ID_BYTES]);

#endif
