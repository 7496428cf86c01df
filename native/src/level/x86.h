/* What the levels of x86-64 have in common: transpositions with SSE2, which all of them have, and how units move. */
#include "../core.h"

#include <immintrin.h>

/* The place of the lowest bit of a number that is not 0. */
static inline int lowest_bit(uint32_t number) {
#if defined(__GNUC__)
    return __builtin_ctz(number);
#else
    unsigned long found;
    _BitScanForward(&found, number);
    return (int)found;
#endif
}

/* Transpose 16 x 16 bytes. */
static inline void transpose_block(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride) {
    __m128i rows[16], other[16];
    for (int k = 0; k < 16; k++)
        rows[k] = _mm_loadu_si128((const __m128i *)(const void *)(in + (size_t)k * in_stride));
    /* Four rounds, each of which interleaves rows k and k + 8. */
    for (int k = 0; k < 8; k++) {
        other[2 * k] = _mm_unpacklo_epi8(rows[k], rows[k + 8]);
        other[2 * k + 1] = _mm_unpackhi_epi8(rows[k], rows[k + 8]);
    }
    for (int k = 0; k < 8; k++) {
        rows[2 * k] = _mm_unpacklo_epi8(other[k], other[k + 8]);
        rows[2 * k + 1] = _mm_unpackhi_epi8(other[k], other[k + 8]);
    }
    for (int k = 0; k < 8; k++) {
        other[2 * k] = _mm_unpacklo_epi8(rows[k], rows[k + 8]);
        other[2 * k + 1] = _mm_unpackhi_epi8(rows[k], rows[k + 8]);
    }
    for (int k = 0; k < 8; k++) {
        rows[2 * k] = _mm_unpacklo_epi8(other[k], other[k + 8]);
        rows[2 * k + 1] = _mm_unpackhi_epi8(other[k], other[k + 8]);
    }
    for (int k = 0; k < 16; k++)
        _mm_storeu_si128((__m128i *)(void *)(out + (size_t)k * out_stride), rows[k]);
}

static void transpose8(const uint8_t *in, size_t in_stride, size_t rows, size_t columns, uint8_t *out,
                       size_t out_stride) {
    for (size_t column = 0; column < columns; column += 16)
        for (size_t row = 0; row < rows; row += 16)
            transpose_block(in + row * in_stride + column, in_stride, out + column * out_stride + row, out_stride);
}

static void turn(const int32_t *outputs, size_t stride, size_t count, nlc_lanes *out) {
    size_t output = 0;
    for (; output + 4 <= count; output += 4)
        for (size_t l = 0; l < NLC_LANES; l += 4) { /* 4 x 4 at a time */
            __m128i rows[4];
            for (size_t k = 0; k < 4; k++)
                rows[k] = _mm_loadu_si128((const __m128i *)(const void *)(outputs + (l + k) * stride + output));
            const __m128i low = _mm_unpacklo_epi32(rows[0], rows[1]), high = _mm_unpackhi_epi32(rows[0], rows[1]);
            const __m128i low2 = _mm_unpacklo_epi32(rows[2], rows[3]), high2 = _mm_unpackhi_epi32(rows[2], rows[3]);
            _mm_storeu_si128((__m128i *)(void *)(out[output] + l), _mm_unpacklo_epi64(low, low2));
            _mm_storeu_si128((__m128i *)(void *)(out[output + 1] + l), _mm_unpackhi_epi64(low, low2));
            _mm_storeu_si128((__m128i *)(void *)(out[output + 2] + l), _mm_unpacklo_epi64(high, high2));
            _mm_storeu_si128((__m128i *)(void *)(out[output + 3] + l), _mm_unpackhi_epi64(high, high2));
        }
    for (; output < count; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            out[output][l] = outputs[l * stride + output];
}

/* Of a unit whose weights learn: how sums are shifted and rounded, and averages. */
typedef struct {
    __m128i up, down, pace, pace_up;
    int32_t half, some;
} unit_shifts;

static inline unit_shifts shifts_of(int32_t reduction, int32_t gain, int32_t pace) {
    unit_shifts made;
    made.up = _mm_cvtsi32_si128(gain > reduction ? gain - reduction : 0);
    made.down = _mm_cvtsi32_si128(reduction > gain ? reduction - gain : 0);
    made.pace = _mm_cvtsi32_si128(pace);
    made.pace_up = _mm_cvtsi32_si128(4 - pace);
    made.half = reduction > gain ? 1 << (reduction - gain) >> 1 : 0;
    made.some = 1 << pace >> 1;
    return made;
}
