/* The entropy coder: rANS on a stack of 32-bit words, with a state of 64 bits and frequencies of 24 bits.
 *
 * Its words are those of constriction's AnsCoder; docs/FORMAT.md, section 7. A symbol is given by `left`, the sum of
 * the frequencies before it, and its `frequency`: 0 < frequency and left + frequency <= 2^24. What is pushed last is
 * popped first.
 *
 * As bytes a stack is its words, little-endian, the bottom first, then the state; zero bytes at the end are left out.
 */
#ifndef NELLOC_RANS_H
#define NELLOC_RANS_H

#include <stddef.h>
#include <stdint.h>

#define RANS_BITS 24
#define RANS_TOTAL ((uint32_t)1 << RANS_BITS)
/* Bytes of a stack beside its words: those of the state. */
#define RANS_STATE_BYTES 8

/* A stack that is written. `words` is the caller's and holds `count`; each push adds at most one. */
typedef struct {
    uint64_t state;
    uint32_t *words;
    size_t count;
} rans_writer;

/* A stack that is read: `left` of the words at `data` are still below the state. */
typedef struct {
    uint64_t state;
    const uint8_t *data;
    size_t left;
} rans_reader;

/* Begin a stack that holds `seed`: what a reader's state is in the end. */
static inline void rans_begin(rans_writer *coder, uint32_t *words, uint32_t seed) {
    coder->state = seed;
    coder->words = words;
    coder->count = 0;
}

/* Push a symbol. */
static inline void rans_push(rans_writer *coder, uint32_t left, uint32_t frequency) {
    uint64_t state = coder->state;
    if (state >> (64 - RANS_BITS) >= frequency) {
        coder->words[coder->count++] = (uint32_t)state;
        state >>= 32;
    }
    const uint64_t prefix = state / frequency;
    coder->state = prefix << RANS_BITS | (state - prefix * frequency + left);
}

/* Write the stack's bytes to `out`, which has room for 4 * count + RANS_STATE_BYTES; returns how many there are. */
static inline size_t rans_store(const rans_writer *coder, uint8_t *out) {
    size_t size = 0;
    for (size_t k = 0; k < coder->count; k++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            out[size++] = (uint8_t)(coder->words[k] >> shift);
    for (unsigned shift = 0; shift < 64; shift += 8)
        out[size++] = (uint8_t)(coder->state >> shift);
    while (size && !out[size - 1])
        size--;
    return size;
}

/* The word `k` from the bottom. */
static inline uint32_t rans_word(const uint8_t *data, size_t k) {
    const uint8_t *at = data + 4 * k;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Begin to read the `size` bytes of a stack, which do not end in a zero byte. They must outlive the reader. */
static inline void rans_open(rans_reader *coder, const uint8_t *data, size_t size) {
    coder->data = data;
    coder->left = size / 4;
    coder->state = 0;
    if (size % 4) { /* The top word lacks its high bytes, which are zero. */
        for (size_t k = size % 4; k > 0; k--)
            coder->state = coder->state << 8 | data[4 * coder->left + k - 1];
    } else if (coder->left) {
        coder->state = rans_word(data, --coder->left);
    }
    if (coder->left)
        coder->state = coder->state << 32 | rans_word(data, --coder->left);
}

/* Where in 0 to 2^24 - 1 the symbol on top lies: at least its `left`, less than `left + frequency`. */
static inline uint32_t rans_peek(const rans_reader *coder) {
    return (uint32_t)coder->state & (RANS_TOTAL - 1);
}

/* Pop the symbol that `rans_peek` lies in. */
static inline void rans_pop(rans_reader *coder, uint32_t left, uint32_t frequency) {
    uint64_t state = (coder->state >> RANS_BITS) * frequency + (rans_peek(coder) - left);
    if (state >> 32 == 0 && coder->left)
        state = state << 32 | rans_word(coder->data, --coder->left);
    coder->state = state;
}

/* Whether all was read and the stack holds exactly `seed`. */
static inline int rans_ends_with(const rans_reader *coder, uint32_t seed) {
    return coder->left == 0 && coder->state == seed;
}

#endif
