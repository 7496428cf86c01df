/* The CRC-32 of zlib and PNG. */
#ifndef NLC_CRC32_H
#define NLC_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* `slices[k]` is for a byte that k more bytes follow. */
typedef struct {
    uint32_t slices[8][256];
} nlc_crc32_tables;

void nlc_crc32_prepare(nlc_crc32_tables *tables);

/* The CRC-32 of what has the CRC-32 `crc`, 0 of nothing, followed by `size` bytes. */
uint32_t nlc_crc32(const nlc_crc32_tables *tables, uint32_t crc, const uint8_t *data, size_t size);

/* The same of `count` samples, as two bytes each, the low one first. */
uint32_t nlc_crc32_of_wide(const nlc_crc32_tables *tables, uint32_t crc, const uint16_t *samples, size_t count);

#endif
