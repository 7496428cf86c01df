/* The arithmetic coder's bytes: where they come from, and where they go. */
#include "jpeg_coder.h"

static uint8_t next_byte(nlc_coder *coder) {
    const uint8_t byte = coder->at < coder->size ? coder->data[coder->at] : 0;
    coder->at++;
    return byte;
}

void nlc_coder_begin(nlc_coder *coder, nlc_jpeg_bytes *out, const uint8_t *data, size_t size) {
    *coder = (nlc_coder){{0, UINT64_MAX}, data, size, 0, out};
    for (int k = 0; !out && k < 8; k++)
        coder->interval.low = coder->interval.low << 8 | next_byte(coder);
}

void nlc_coder_carry(nlc_coder *coder) {
    for (size_t at = coder->out->size; at-- > 0 && !++coder->out->data[at];)
        continue;
}

static void write_word(nlc_coder *coder, uint64_t low) {
    if (nlc_jpeg_bytes_room(coder->out, 4))
        for (int k = 0; k < 4; k++)
            coder->out->data[coder->out->size++] = (uint8_t)(low >> (56 - 8 * k));
}

nlc_interval nlc_coder_next(nlc_coder *coder, nlc_interval interval) {
    if (coder->out)
        write_word(coder, interval.low);
    uint32_t come = 0;
    for (int k = 0; !coder->out && k < 4; k++)
        come = come << 8 | next_byte(coder);
    return (nlc_interval){interval.low << 32 | come, interval.range << 32};
}

/* The number of the interval with most zeros at its end is written, without these. */
void nlc_coder_end(nlc_coder *coder) {
    const nlc_interval interval = coder->interval;
    uint64_t below = 0; /* bits that may be zero */
    while (below <= UINT64_MAX / 2 &&
           ((interval.low + (below << 1 | 1)) & ~(below << 1 | 1)) - interval.low < interval.range)
        below = below << 1 | 1;
    const uint64_t last = (interval.low + below) & ~below;
    if (last < interval.low)
        nlc_coder_carry(coder);
    write_word(coder, last);
    write_word(coder, last << 32);
    while (coder->out->size && !coder->out->data[coder->out->size - 1])
        coder->out->size--;
}

int nlc_coder_is_whole(const nlc_coder *coder) { return coder->at >= coder->size; }
