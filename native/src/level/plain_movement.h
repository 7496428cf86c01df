/* Transpositions and table entries in plain C, for levels without instructions for them. */
#include "../core.h"

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
