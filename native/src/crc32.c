/* Eight bytes a step, each by a table of its own ("slicing by 8": Kounavis and Berry, 2005). */
#include "crc32.h"

#define POLYNOMIAL 0xEDB88320u

void nlc_crc32_prepare(nlc_crc32_tables *tables) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables->slices[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t before = tables->slices[k - 1][byte];
            tables->slices[k][byte] = before >> 8 ^ tables->slices[0][before & 255];
        }
}

static uint32_t four_bytes(const uint8_t *data) {
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

uint32_t nlc_crc32(const nlc_crc32_tables *tables, uint32_t crc, const uint8_t *data, size_t size) {
    const uint32_t(*slices)[256] = tables->slices;
    crc = ~crc;
    for (; size >= 8; size -= 8, data += 8) {
        const uint32_t low = crc ^ four_bytes(data), high = four_bytes(data + 4);
        crc = slices[7][low & 255] ^ slices[6][low >> 8 & 255] ^ slices[5][low >> 16 & 255] ^ slices[4][low >> 24] ^
              slices[3][high & 255] ^ slices[2][high >> 8 & 255] ^ slices[1][high >> 16 & 255] ^ slices[0][high >> 24];
    }
    for (; size; size--)
        crc = crc >> 8 ^ slices[0][(crc ^ *data++) & 255];
    return ~crc;
}

uint32_t nlc_crc32_of_wide(const nlc_crc32_tables *tables, uint32_t crc, const uint16_t *samples, size_t count) {
    uint8_t bytes[512];
    while (count) {
        const size_t part = count < sizeof bytes / 2 ? count : sizeof bytes / 2;
        for (size_t k = 0; k < part; k++) {
            bytes[2 * k] = (uint8_t)samples[k];
            bytes[2 * k + 1] = (uint8_t)(samples[k] >> 8);
        }
        crc = nlc_crc32(tables, crc, bytes, 2 * part);
        samples += part;
        count -= part;
    }
    return crc;
}
