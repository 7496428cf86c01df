/* Products in plain C, which every machine has. */
#include "../core.h"
#include "target.h"

/* Products of four rows by two outputs, whose weights stand one after the other: compilers turn the loop into
 * multiplications of pairs that are added together, where the machine has them. */
static void product_4_by_2(const int16_t *restrict a, size_t a_stride, const int16_t *restrict b, size_t columns,
                           int32_t *restrict c, size_t c_stride) {
    const int16_t *restrict a1 = a + a_stride, *restrict a2 = a1 + a_stride, *restrict a3 = a2 + a_stride;
    const int16_t *restrict other = b + columns;
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
    NLC_EIGHT_AT_A_TIME
    for (size_t k = 0; k < columns; k++) {
        s00 += a[k] * b[k];
        s01 += a[k] * other[k];
        s10 += a1[k] * b[k];
        s11 += a1[k] * other[k];
        s20 += a2[k] * b[k];
        s21 += a2[k] * other[k];
        s30 += a3[k] * b[k];
        s31 += a3[k] * other[k];
    }
    c[0] = s00;
    c[1] = s01;
    c[c_stride] = s10;
    c[c_stride + 1] = s11;
    c[2 * c_stride] = s20;
    c[2 * c_stride + 1] = s21;
    c[3 * c_stride] = s30;
    c[3 * c_stride + 1] = s31;
}

static void product_1_by_2(const int16_t *restrict a, const int16_t *restrict b, size_t columns, int32_t *restrict c) {
    const int16_t *restrict other = b + columns;
    int32_t s0 = 0, s1 = 0;
    NLC_EIGHT_AT_A_TIME
    for (size_t k = 0; k < columns; k++) {
        s0 += a[k] * b[k];
        s1 += a[k] * other[k];
    }
    c[0] = s0;
    c[1] = s1;
}

static void product16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                      int32_t *c, size_t c_stride) {
    const size_t columns = groups * NLC_ROW;
    for (size_t output = 0; output < vectors * NLC_LANES; output += 2) {
        size_t row = 0;
        for (; row + 4 <= rows; row += 4)
            product_4_by_2(a + row * a_stride, a_stride, b + output * columns, columns, c + row * c_stride + output,
                           c_stride);
        for (; row < rows; row++)
            product_1_by_2(a + row * a_stride, b + output * columns, columns, c + row * c_stride + output);
    }
}
