/* Symbols and numbers of a JPEG's coded data, as they are read from its bits. */
#ifndef NLC_JPEG_SYMBOLS_H
#define NLC_JPEG_SYMBOLS_H

#include "jpeg.h"

#include <string.h>

#define FAST_BITS 10

/* Codes of up to FAST_BITS bits by the bits that come: length << 8 | symbol, 0 if longer; others by their length. */
typedef struct {
    uint16_t fast[1 << FAST_BITS];
    uint32_t limits[18]; /* the first code, in 16 bits, that is longer */
    int32_t offsets[17]; /* of a code, from itself to its symbol */
    uint8_t symbols[256];
} decoder;

/* Bits of coded data. Past its end they are 0, and `missing` of those that wait are such. */
typedef struct {
    const uint8_t *data;
    size_t size, at;
    uint64_t waiting; /* the next bit is the highest */
    int count, missing;
} bit_reader;

static inline void make_decoder(decoder *made, const nlc_jpeg_huffman *table) {
    memset(made->fast, 0, sizeof made->fast);
    memcpy(made->symbols, table->symbols, sizeof made->symbols);
    uint32_t code = 0;
    int32_t number = 0;
    for (int length = 1; length <= 16; length++) {
        made->offsets[length] = number - (int32_t)code;
        for (int k = 0; k < table->counts[length]; k++, code++, number++)
            if (length <= FAST_BITS) {
                const int free_bits = FAST_BITS - length;
                for (uint32_t j = 0; j < 1u << free_bits; j++)
                    made->fast[code << free_bits | j] = (uint16_t)(length << 8 | table->symbols[number]);
            }
        made->limits[length] = code << (16 - length);
        code <<= 1;
    }
    made->limits[17] = 0xFFFFFFFFu;
}

static inline void fill(bit_reader *bits) {
    while (bits->count <= 56) {
        uint64_t byte = 0;
        if (bits->at < bits->size &&
            (bits->data[bits->at] != 0xFF || (bits->at + 1 < bits->size && !bits->data[bits->at + 1]))) {
            byte = bits->data[bits->at];
            bits->at += byte == 0xFF ? 2 : 1;
        } else {
            bits->missing += 8;
        }
        bits->waiting |= byte << (56 - bits->count);
        bits->count += 8;
    }
}

static inline void drop(bit_reader *bits, int count) {
    bits->waiting <<= count;
    bits->count -= count;
}

/* A number of 1 to 16 bits. */
static inline uint32_t take(bit_reader *bits, int count) {
    if (bits->count < count)
        fill(bits);
    const uint32_t value = (uint32_t)(bits->waiting >> (64 - count));
    drop(bits, count);
    return value;
}

/* A symbol, or -1 for a code that the table does not have. */
static inline int take_symbol(bit_reader *bits, const decoder *table) {
    if (bits->count < 32)
        fill(bits);
    const uint16_t fast = table->fast[bits->waiting >> (64 - FAST_BITS)];
    if (fast) {
        drop(bits, fast >> 8);
        return fast & 255;
    }
    const uint32_t next = (uint32_t)(bits->waiting >> 48);
    int length = FAST_BITS + 1;
    while (next >= table->limits[length])
        length++;
    if (length > 16)
        return -1;
    drop(bits, length);
    return table->symbols[(int32_t)(next >> (16 - length)) + table->offsets[length]];
}

/* A number of so many bits whose highest bit says its sign; 0 for none. */
static inline int32_t take_signed(bit_reader *bits, int count) {
    if (!count)
        return 0;
    const int32_t value = (int32_t)take(bits, count), is_negative = (value >> (count - 1)) - 1; /* 0, or -1 */
    return value + ((1 - (1 << count)) & is_negative);
}

static inline int is_past_end(const bit_reader *bits) { return bits->count < bits->missing; }

#endif
