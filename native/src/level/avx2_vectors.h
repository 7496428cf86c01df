/* What the levels of 256-bit vectors have in common: loads for products, and table entries. */
#include "x86.h"

static inline __m256i load_weights(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

/* A group of one row's activations, in each lane. */
static inline __m256i spread_group(const void *from) {
    int32_t group;
    memcpy(&group, from, sizeof group);
    return _mm256_set1_epi32(group);
}

static inline void lookup(const int16_t *table, const int32_t *index, int32_t *found) {
    for (int half = 0; half < 2; half++) {
        const __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)(index + 8 * half));
        const __m256i pair = _mm256_i32gather_epi32((const int *)(const void *)table, at, 2);
        _mm256_storeu_si256((__m256i *)(void *)(found + 8 * half), _mm256_srai_epi32(_mm256_slli_epi32(pair, 16), 16));
    }
}

#define NLC_VECTOR __m256i
#define NLC_VECTOR_LANES 8
#define NLC_ZERO() _mm256_setzero_si256()
#define NLC_STORE(to, sums) _mm256_storeu_si256((__m256i *)(void *)(to), sums)
#define NLC_ROWS_AT_ONCE 6
#define NLC_VECTORS_AT_ONCE 1
#include "products.h"
