/* Wide products with the VNNI instructions of AVX-512, and table entries. */
#include <immintrin.h>

static inline __m512i load_weights(const void *from) { return _mm512_loadu_si512(from); }

/* A group of one row's activations, in each lane. */
static inline __m512i spread_group(const void *from) {
    int32_t group;
    memcpy(&group, from, sizeof group);
    return _mm512_set1_epi32(group);
}

static inline void lookup(const int16_t *table, const int32_t *index, int32_t *found) {
    const __m512i pair = _mm512_i32gather_epi32(_mm512_loadu_si512(index), (const void *)table, 2);
    _mm512_storeu_si512(found, _mm512_srai_epi32(_mm512_slli_epi32(pair, 16), 16));
}

/* Sums of one row over those of its groups that are not 0, by 1 to 8 vectors. */
NLC_INLINE void sparse_part(const int32_t *seen, const uint32_t *places, size_t count, const int8_t *b, size_t apart,
                            int32_t *c, const int vectors) {
    __m512i sums[8];
    for (int vector = 0; vector < vectors; vector++)
        sums[vector] = _mm512_setzero_si512();
    for (size_t k = 0; k < count; k++) {
        const __m512i group = _mm512_set1_epi32(seen[k]);
        const int8_t *from = b + places[k];
        for (int vector = 0; vector < vectors; vector++)
            sums[vector] = _mm512_dpbusd_epi32(sums[vector], group, load_weights(from + (size_t)vector * apart));
    }
    for (int vector = 0; vector < vectors; vector++)
        _mm512_storeu_si512(c + vector * NLC_LANES, sums[vector]);
}

/* The narrow products of activations that are mostly 0. */
static void sparse8(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                    int32_t *c, size_t c_stride) {
    const size_t apart = groups * NLC_LANES * 4;
    for (; rows; rows--, a += a_stride, c += c_stride) {
        int32_t seen[NLC_MAX_WIDTH / 4 + 2 * NLC_LANES];
        uint32_t places[NLC_MAX_WIDTH / 4 + 2 * NLC_LANES];
        size_t count = 0;
        __m512i place = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                           _mm512_set1_epi32(4 * NLC_LANES));
        for (size_t group = 0; group < groups; group += NLC_LANES) {
            const size_t left = groups - group;
            const __mmask16 inside = (__mmask16)(left < NLC_LANES ? (1u << left) - 1 : 0xffff);
            const __m512i four = _mm512_maskz_loadu_epi32(inside, a + 4 * group);
            const __mmask16 kept = _mm512_test_epi32_mask(four, four);
            _mm512_storeu_si512(seen + count, _mm512_maskz_compress_epi32(kept, four));
            _mm512_storeu_si512(places + count, _mm512_maskz_compress_epi32(kept, place));
            count += (size_t)_mm_popcnt_u32(kept);
            place = _mm512_add_epi32(place, _mm512_set1_epi32(4 * NLC_LANES * NLC_LANES));
        }
        size_t vector = 0;
        for (; vector + 8 <= vectors; vector += 8)
            sparse_part(seen, places, count, b + vector * apart, apart, c + vector * NLC_LANES, 8);
        b += vector * apart;
        switch (vectors - vector) {
        case 7: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 7); break;
        case 6: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 6); break;
        case 5: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 5); break;
        case 4: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 4); break;
        case 3: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 3); break;
        case 2: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 2); break;
        case 1: sparse_part(seen, places, count, b, apart, c + vector * NLC_LANES, 1); break;
        default: break;
        }
        b -= vector * apart;
    }
}

#define NLC_VECTOR __m512i
#define NLC_VECTOR_LANES 16
#define NLC_ZERO() _mm512_setzero_si512()
#define NLC_STORE(to, sums) _mm512_storeu_si512(to, sums)
#define NLC_ROWS_AT_ONCE 6
#define NLC_VECTORS_AT_ONCE 4
#include "products.h"

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, __m512i, load_weights, __m512i, spread_group, _mm512_dpwssd_epi32)
