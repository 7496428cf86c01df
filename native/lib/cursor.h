/* Reading bytes in order, and numbers of variable length. */
#ifndef NLC_CURSOR_H
#define NLC_CURSOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t size, at;
    int ended;     /* 1 if more was asked for than there is */
    int malformed; /* 1 if a number was in a wrong form */
} nlc_cursor;

static inline nlc_cursor nlc_cursor_of(const uint8_t *data, size_t size) {
    const nlc_cursor made = {data, size, 0, 0, 0};
    return made;
}

static inline size_t nlc_left(const nlc_cursor *cursor) { return cursor->size - cursor->at; }

/* The next `count` bytes, or NULL if there are fewer. */
static inline const uint8_t *nlc_take(nlc_cursor *cursor, uint64_t count) {
    if (count > nlc_left(cursor)) {
        cursor->ended = 1;
        return NULL;
    }
    cursor->at += (size_t)count;
    return cursor->data + cursor->at - (size_t)count;
}

/* The next byte, 0 after the end. */
static inline uint8_t nlc_take_byte(nlc_cursor *cursor) {
    const uint8_t *byte = nlc_take(cursor, 1);
    return byte ? *byte : 0;
}

/* LEB128 of at most five bytes, in its shortest form; 0 of what is none. */
static inline uint64_t nlc_take_varint(nlc_cursor *cursor) {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        const uint8_t byte = nlc_take_byte(cursor);
        if (cursor->ended)
            return 0;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift)
                break;
            return value;
        }
    }
    cursor->malformed = 1;
    return 0;
}

static inline int nlc_good(const nlc_cursor *cursor) { return !cursor->ended && !cursor->malformed; }

static inline uint32_t nlc_number16(const uint8_t *at) { return at[0] | (uint32_t)at[1] << 8; }
static inline uint32_t nlc_number32(const uint8_t *at) { return nlc_number16(at) | nlc_number16(at + 2) << 16; }

#endif
