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

/* Code a bit whose chance to be 1 is told in 1/65536; it comes back as -1, all of whose bits are set, for 1, or as 0.
 * Callers know when they are compiled whether it is written.
 */
NLC_INLINE int32_t nlc_code_bit(nlc_coder *coder, nlc_interval *interval, uint32_t chance, int bit,
                                const int writing) {
    const uint64_t part = (interval->range >> 16) * chance, rest = interval->range - part;
    const uint64_t is_one = 0 - (uint64_t)(writing ? bit : interval->low < part);
    if (writing) {
        interval->low += part & ~is_one;
        if (NLC_RARELY(interval->low < (part & ~is_one)))
            nlc_coder_carry(coder);
    } else {
        interval->low -= part & ~is_one;
    }
    interval->range = rest ^ ((rest ^ part) & is_one);
    if (NLC_RARELY(interval->range >> 32 == 0))
        *interval = nlc_coder_next(coder, *interval);
    return (int32_t)(uint32_t)is_one;
}

#endif
