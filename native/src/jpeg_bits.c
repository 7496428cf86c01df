/* Tables of codes, and bytes of the bits that were put. */
#include "jpeg_bits.h"

#include <string.h>

void nlc_jpeg_make_encoder(nlc_jpeg_encoder *made, const nlc_jpeg_huffman *table) {
    memset(made, 0, sizeof *made);
    uint32_t code = 0;
    int number = 0;
    for (int length = 1; length <= 16; length++, code <<= 1)
        for (int k = 0; k < table->counts[length]; k++, code++, number++) {
            made->codes[table->symbols[number]] = (uint16_t)code;
            made->lengths[table->symbols[number]] = (uint8_t)length;
        }
}

void nlc_jpeg_put_word(nlc_jpeg_bit_writer *bits) {
    if (!nlc_jpeg_bytes_room(bits->out, 8))
        return;
    uint8_t *to = bits->out->data + bits->out->size;
    bits->count -= 32;
    const uint32_t word = (uint32_t)(bits->waiting >> bits->count);
    const uint32_t others = ~word; /* of which a byte is 0 if that of the word is FF */
    const int has_full_byte = ((others - 0x01010101u) & word & 0x80808080u) != 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        *to++ = (uint8_t)(word >> shift);
        if (has_full_byte && to[-1] == 0xFF)
            *to++ = 0;
    }
    bits->out->size = (size_t)(to - bits->out->data);
}
