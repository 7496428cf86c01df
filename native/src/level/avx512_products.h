/* Products with the VNNI instructions of AVX-512: four bytes, or two 16-bit integers, by their weights in a cycle. */
#include <immintrin.h>

static inline __m512i load_weights(const void *from) { return _mm512_loadu_si512(from); }

/* A group of one row's activations, in each lane. */
static inline __m512i spread_group(const void *from) {
    int32_t group;
    memcpy(&group, from, sizeof group);
    return _mm512_set1_epi32(group);
}

#define NLC_VECTOR __m512i
#define NLC_VECTOR_LANES 16
#define NLC_ZERO() _mm512_setzero_si512()
#define NLC_STORE(to, sums) _mm512_storeu_si512(to, sums)
#define NLC_ROWS_AT_ONCE 6
#define NLC_VECTORS_AT_ONCE 4
#include "products.h"

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, __m512i, load_weights, __m512i, spread_group, _mm512_dpwssd_epi32)
