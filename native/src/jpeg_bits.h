/* Bits of coded data that are written: codes of symbols, and the numbers after them. */
#ifndef NLC_JPEG_BITS_H
#define NLC_JPEG_BITS_H

#include "jpeg.h"

/* The code and its length of each symbol; 0 for a symbol that has none. */
typedef struct {
    uint16_t codes[256];
    uint8_t lengths[256];
} nlc_jpeg_encoder;

typedef struct {
    nlc_jpeg_bytes *out;
    uint64_t waiting; /* the last bit is the lowest */
    int count;
    int missing; /* a symbol that was needed has no code */
} nlc_jpeg_bit_writer;

void nlc_jpeg_make_encoder(nlc_jpeg_encoder *made, const nlc_jpeg_huffman *table);

/* Write four bytes of those that wait. */
void nlc_jpeg_put_word(nlc_jpeg_bit_writer *bits);

/* Put 0 to 32 bits. */
static inline void nlc_jpeg_put(nlc_jpeg_bit_writer *bits, uint32_t value, int count) {
    bits->waiting = bits->waiting << count | value;
    bits->count += count;
    if (bits->count >= 32)
        nlc_jpeg_put_word(bits);
}

static inline void nlc_jpeg_put_symbol(nlc_jpeg_bit_writer *bits, const nlc_jpeg_encoder *table, int symbol) {
    bits->missing |= !table->lengths[symbol];
    nlc_jpeg_put(bits, table->codes[symbol], table->lengths[symbol]);
}

/* The number of bits of a magnitude. */
static inline int nlc_jpeg_size(int32_t value) { return nlc_bit_length((uint32_t)(value < 0 ? -value : value)); }

/* The bits of a number whose size is told. */
static inline uint32_t nlc_jpeg_signed(int32_t value, int size) {
    return (uint32_t)(value < 0 ? value - 1 : value) & ((1u << size) - 1);
}

/* Put a symbol and a number, after as many zeros; the number's size is the symbol's lower half. */
static inline void nlc_jpeg_put_number(nlc_jpeg_bit_writer *bits, const nlc_jpeg_encoder *table, int zeros,
                                       int32_t value) {
    const int size = nlc_jpeg_size(value), symbol = (zeros << 4 | size) & 255, length = table->lengths[symbol];
    bits->missing |= !length | (size > 15);
    nlc_jpeg_put(bits, (uint32_t)table->codes[symbol] << size | nlc_jpeg_signed(value, size), length + size);
}

#endif
