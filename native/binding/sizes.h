/* Sizes of buffers, multiplied so that none wraps where sizes have 32 bits. */
#ifndef NLC_BINDING_SIZES_H
#define NLC_BINDING_SIZES_H

#include <stdint.h>

/* Whether `length` bytes are `rows` by `columns` items of `size` bytes; sides are those that int holds. */
static inline int nlc_is_area(int64_t length, int32_t rows, int32_t columns, int32_t size) {
    if (rows < 1 || columns < 1 || size < 1)
        return 0;
    const uint64_t area = (uint64_t)rows * (uint64_t)columns; /* below 2^62 */
    return length >= 0 && (uint64_t)length / (uint64_t)size == area && (uint64_t)length % (uint64_t)size == 0;
}

#endif
