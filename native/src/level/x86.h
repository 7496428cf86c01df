/* What the levels of x86-64 have in common: a transposition with SSE2, which all of them have, and gathers. */
#include "../core.h"

#include <immintrin.h>

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
