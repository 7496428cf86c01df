/* The arithmetic coder of decisions: an interval that each of them makes smaller. */
#ifndef NLC_JPEG_CODER_H
#define NLC_JPEG_CODER_H

#include "jpeg.h"
#include "level/target.h"

/* `range` numbers from `low` on; reading, `low` is how far the data lie in them. It is apart from the coder so that a
 * function that codes several bits can have it in registers.
 */
typedef struct {
    uint64_t low, range;
} nlc_interval;

typedef struct {
    nlc_interval interval;
    const uint8_t *data;
    size_t size, at;     /* reading; past the end there are zeros */
    nlc_jpeg_bytes *out; /* NULL when reading */
} nlc_coder;

/* Begin a stream that is written to `out`, or read if that is NULL. */
void nlc_coder_begin(nlc_coder *coder, nlc_jpeg_bytes *out, const uint8_t *data, size_t size);

/* Write what the coder still holds. */
void nlc_coder_end(nlc_coder *coder);

/* Whether a reader took just all of its data. */
int nlc_coder_is_whole(const nlc_coder *coder);

/* The interval after four bytes of it were written, or read. */
nlc_interval nlc_coder_next(nlc_coder *coder, nlc_interval interval);

/* Add 1 to the bytes that were written. */
void nlc_coder_carry(nlc_coder *coder);

/* Code a bit whose chance to be 1 is told in 1/65536. Callers know when they are compiled whether it is written. */
NLC_INLINE int nlc_code_bit(nlc_coder *coder, nlc_interval *interval, uint32_t chance, int bit, const int writing) {
    const uint64_t part = (interval->range >> 16) * chance, rest = interval->range - part;
    if (writing) {
        const uint64_t low = interval->low + (part & ((uint64_t)bit - 1));
        if (low < interval->low)
            nlc_coder_carry(coder);
        interval->low = low;
    } else {
        bit = interval->low < part;
        interval->low -= part & ((uint64_t)bit - 1);
    }
    interval->range = rest ^ ((rest ^ part) & (0 - (uint64_t)bit));
    if (interval->range >> 32 == 0)
        *interval = nlc_coder_next(coder, *interval);
    return bit;
}

#endif
