/* Where the binary ones of numbers are. */
#ifndef NLC_BITS_H
#define NLC_BITS_H

#include <stdint.h>

/* The number of binary digits, 0 of 0. */
static inline int nlc_bit_length(uint32_t x) {
#if defined(__GNUC__)
    return x ? 32 - __builtin_clz(x) : 0;
#else
    int length = 0;
    for (int step = 16; step; step >>= 1)
        if (x >> step) {
            length += step;
            x >>= step;
        }
    return length + (x != 0);
#endif
}

static inline int nlc_bit_length64(uint64_t x) {
    const uint32_t high = (uint32_t)(x >> 32);
    return high ? 32 + nlc_bit_length(high) : nlc_bit_length((uint32_t)x);
}

/* The number of binary zeros below the lowest one of a number other than 0. */
static inline int nlc_lowest(uint64_t x) {
#if defined(__GNUC__)
    return __builtin_ctzll(x);
#else
    return nlc_bit_length64(x & (UINT64_C(0) - x)) - 1;
#endif
}

/* The bits `first` to `last`, of 64, the lowest first. */
static inline uint64_t nlc_span(int first, int last) { return ~UINT64_C(0) << first & ~UINT64_C(0) >> (63 - last); }

#endif
