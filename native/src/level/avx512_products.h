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

#define NLC_VECTOR __m512i
#define NLC_VECTOR_LANES 16
#define NLC_ZERO() _mm512_setzero_si512()
#define NLC_STORE(to, sums) _mm512_storeu_si512(to, sums)
#define NLC_ROWS_AT_ONCE 6
#define NLC_VECTORS_AT_ONCE 4
#include "products.h"

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, __m512i, load_weights, __m512i, spread_group, _mm512_dpwssd_epi32)
