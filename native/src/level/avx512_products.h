/* Products with the VNNI instructions of AVX-512: four bytes, or two 16-bit integers, by their weights in a cycle. */
#include <immintrin.h>

#define ROWS_AT_ONCE 6
#define VECTORS_AT_ONCE 4

static inline __m512i load(const void *from) { return _mm512_loadu_si512(from); }

/* A group of one row's activations, in each lane. */
static inline __m512i spread(const void *from) {
    int32_t group;
    memcpy(&group, from, sizeof group);
    return _mm512_set1_epi32(group);
}

#define DEFINE_PRODUCT(name, activation, weight, per_group, multiply_add)                                             \
    NLC_INLINE void name##_part(const activation *a, size_t a_stride, const weight *b, size_t groups, int32_t *c,      \
                                size_t c_stride, const int rows, const int vectors) {                                 \
        __m512i sums[ROWS_AT_ONCE][VECTORS_AT_ONCE];                                                                  \
        const size_t apart = groups * NLC_LANES * (per_group);                                                        \
        for (int row = 0; row < rows; row++)                                                                          \
            for (int vector = 0; vector < vectors; vector++)                                                          \
                sums[row][vector] = _mm512_setzero_si512();                                                           \
        for (size_t group = 0; group < groups; group++) {                                                             \
            __m512i weights[VECTORS_AT_ONCE];                                                                         \
            for (int vector = 0; vector < vectors; vector++)                                                          \
                weights[vector] = load(b + (size_t)vector * apart + group * NLC_LANES * (per_group));                 \
            for (int row = 0; row < rows; row++) {                                                                    \
                const __m512i seen = spread(a + (size_t)row * a_stride + group * (per_group));                        \
                for (int vector = 0; vector < vectors; vector++)                                                      \
                    sums[row][vector] = multiply_add(sums[row][vector], seen, weights[vector]);                       \
            }                                                                                                         \
        }                                                                                                             \
        for (int row = 0; row < rows; row++)                                                                          \
            for (int vector = 0; vector < vectors; vector++)                                                          \
                _mm512_storeu_si512(c + (size_t)row * c_stride + vector * NLC_LANES, sums[row][vector]);              \
    }                                                                                                                 \
    /* A panel of vectors stays in the nearest cache while all rows go over it. */                                     \
    NLC_INLINE void name##_panel(const activation *a, size_t a_stride, size_t rows, const weight *b, size_t groups,    \
                                 int32_t *c, size_t c_stride, const int vectors) {                                    \
        for (; rows >= ROWS_AT_ONCE; rows -= ROWS_AT_ONCE) {                                                          \
            name##_part(a, a_stride, b, groups, c, c_stride, ROWS_AT_ONCE, vectors);                                  \
            a += ROWS_AT_ONCE * a_stride;                                                                             \
            c += ROWS_AT_ONCE * c_stride;                                                                             \
        }                                                                                                             \
        switch (rows) {                                                                                               \
        case 5: name##_part(a, a_stride, b, groups, c, c_stride, 5, vectors); break;                                  \
        case 4: name##_part(a, a_stride, b, groups, c, c_stride, 4, vectors); break;                                  \
        case 3: name##_part(a, a_stride, b, groups, c, c_stride, 3, vectors); break;                                  \
        case 2: name##_part(a, a_stride, b, groups, c, c_stride, 2, vectors); break;                                  \
        case 1: name##_part(a, a_stride, b, groups, c, c_stride, 1, vectors); break;                                  \
        default: break;                                                                                               \
        }                                                                                                             \
    }                                                                                                                 \
    static void name(const activation *a, size_t a_stride, size_t rows, const weight *b, size_t groups,               \
                     size_t vectors, int32_t *c, size_t c_stride) {                                                   \
        for (; vectors >= VECTORS_AT_ONCE; vectors -= VECTORS_AT_ONCE) {                                              \
            name##_panel(a, a_stride, rows, b, groups, c, c_stride, VECTORS_AT_ONCE);                                 \
            b += VECTORS_AT_ONCE * groups * NLC_LANES * (per_group);                                                  \
            c += VECTORS_AT_ONCE * NLC_LANES;                                                                         \
        }                                                                                                             \
        switch (vectors) {                                                                                            \
        case 3: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 3); break;                                    \
        case 2: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 2); break;                                    \
        case 1: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 1); break;                                    \
        default: break;                                                                                               \
        }                                                                                                             \
    }

DEFINE_PRODUCT(product16, int16_t, int16_t, 2, _mm512_dpwssd_epi32)
