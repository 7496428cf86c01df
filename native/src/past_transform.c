/* The inverse discrete cosine transform of blocks, in the integers that nearly all JPEG decoders use.
 *
 * It is the accurate transform of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in 13-bit fixed point. All roundings
 * come after sums, so it is a product with one matrix of integers, first along columns, then along rows.
 */
#include "past.h"

#define CONSTANT_BITS 13
#define KEPT_BITS 2 /* more bits than the samples have, between the two passes */
#define FIRST_SHIFT (CONSTANT_BITS - KEPT_BITS)
#define SECOND_SHIFT (CONSTANT_BITS + KEPT_BITS + 3)
#define MIDDLE 128
/* A block whose dequantised coefficients have magnitudes of this sum at most needs 32 bits: 1.39^2 * 2^15 times it. */
#define NARROW_SUM 32767

/* The first four samples of each even and odd frequency; the last four are the same ones mirrored, odd ones
 * negative. */
static const int32_t even[4][4] = {
    {8192, 8192, 8192, 8192}, {10703, 4433, -4433, -10703}, {8192, -8192, -8192, 8192}, {4433, -10704, 10704, -4433}};
static const int32_t odd[4][4] = {
    {11363, 9633, 6437, 2260}, {9633, -2259, -11362, -6436}, {6437, -11362, 2261, 9633}, {2260, -6436, 9633, -11363}};

#define DEFINE_PASS(NAME, INTEGER)                                                                                     \
    static void NAME(const INTEGER *in, size_t step, INTEGER *out, int shift) {                                        \
        const INTEGER half = (INTEGER)1 << (shift - 1);                                                                \
        for (int n = 0; n < 4; n++) {                                                                                  \
            INTEGER a = 0, b = 0;                                                                                      \
            for (int k = 0; k < 4; k++) {                                                                              \
                a += in[(size_t)(2 * k) * step] * even[k][n];                                                          \
                b += in[(size_t)(2 * k + 1) * step] * odd[k][n];                                                       \
            }                                                                                                          \
            out[(size_t)n * step] = (a + b + half) >> shift;                                                           \
            out[(size_t)(7 - n) * step] = (a - b + half) >> shift;                                                     \
        }                                                                                                              \
    }
DEFINE_PASS(pass, int32_t)
DEFINE_PASS(wide_pass, int64_t)

static void wide_block(const int32_t *values, uint8_t *samples, size_t stride) {
    int64_t work[NLC_PAST_BLOCK], out[NLC_PAST_BLOCK];
    for (int k = 0; k < NLC_PAST_BLOCK; k++)
        work[k] = values[k];
    for (size_t x = 0; x < NLC_PAST_SIDE; x++)
        wide_pass(work + x, NLC_PAST_SIDE, out + x, FIRST_SHIFT);
    for (size_t y = 0; y < NLC_PAST_SIDE; y++) {
        wide_pass(out + NLC_PAST_SIDE * y, 1, work, SECOND_SHIFT);
        for (size_t x = 0; x < NLC_PAST_SIDE; x++) {
            const int64_t sample = work[x] + MIDDLE;
            samples[y * stride + x] = (uint8_t)(sample < 0 ? 0 : sample > 255 ? 255 : sample);
        }
    }
}

int nlc_past_block(const int16_t *coefficients, const uint16_t *table, uint8_t *samples, size_t stride) {
    int32_t values[NLC_PAST_BLOCK], work[NLC_PAST_BLOCK], row[NLC_PAST_SIDE];
    int64_t sum = 0;
    int32_t largest = 0;
    for (int k = 0; k < NLC_PAST_BLOCK; k++) {
        values[k] = coefficients[k] * (int32_t)table[k];
        const int32_t size = values[k] < 0 ? -values[k] : values[k];
        sum += size;
        largest = size > largest ? size : largest;
    }
    if (largest > INT16_MAX)
        return 0;
    if (sum > NARROW_SUM) {
        wide_block(values, samples, stride);
        return 1;
    }
    for (size_t x = 0; x < NLC_PAST_SIDE; x++)
        pass(values + x, NLC_PAST_SIDE, work + x, FIRST_SHIFT);
    for (size_t y = 0; y < NLC_PAST_SIDE; y++) {
        pass(work + NLC_PAST_SIDE * y, 1, row, SECOND_SHIFT);
        for (size_t x = 0; x < NLC_PAST_SIDE; x++)
            samples[y * stride + x] = nlc_past_clamp(row[x] + MIDDLE);
    }
    return 1;
}
