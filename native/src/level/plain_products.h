/* Products and a transposition in plain C, which every machine has. */
#include "../core.h"

static void product8(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride) {
    for (size_t row = 0; row < rows; row++)
        for (size_t vector = 0; vector < vectors; vector++) {
            const uint8_t *from = a + row * a_stride;
            const int8_t *weights = b + vector * groups * NLC_LANES * 4;
            nlc_lanes sums = {0};
            for (size_t group = 0; group < groups; group++, from += 4, weights += NLC_LANES * 4)
                for (size_t l = 0; l < NLC_LANES; l++)
                    sums[l] += from[0] * weights[4 * l] + from[1] * weights[4 * l + 1] + from[2] * weights[4 * l + 2] +
                               from[3] * weights[4 * l + 3];
            memcpy(c + row * c_stride + vector * NLC_LANES, sums, sizeof sums);
        }
}

static void product16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                      int32_t *c, size_t c_stride) {
    for (size_t row = 0; row < rows; row++)
        for (size_t vector = 0; vector < vectors; vector++) {
            const int16_t *from = a + row * a_stride, *weights = b + vector * groups * NLC_LANES * 2;
            nlc_lanes sums = {0};
            for (size_t group = 0; group < groups; group++, from += 2, weights += NLC_LANES * 2) {
                const int32_t first = from[0], second = from[1];
                for (size_t l = 0; l < NLC_LANES; l++)
                    sums[l] += first * weights[2 * l] + second * weights[2 * l + 1];
            }
            memcpy(c + row * c_stride + vector * NLC_LANES, sums, sizeof sums);
        }
}

static void transpose8(const uint8_t *in, size_t in_stride, size_t rows, size_t columns, uint8_t *out,
                       size_t out_stride) {
    for (size_t row = 0; row < nlc_round_up(rows, 16); row++)
        for (size_t column = 0; column < nlc_round_up(columns, 16); column++)
            out[column * out_stride + row] = in[row * in_stride + column];
}

static void turn(const int32_t *outputs, size_t stride, size_t count, nlc_lanes *out) {
    for (size_t output = 0; output < count; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            out[output][l] = outputs[l * stride + output];
}

static inline void lookup(const int16_t *table, const int32_t *index, int32_t *found) {
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = table[index[l]];
}
