/* Eight numbers of 16 bits at once, with SSE2; jpeg_vectors_plain.h says what the functions do. */
#ifndef NLC_JPEG_VECTORS_SSE2_H
#define NLC_JPEG_VECTORS_SSE2_H

#include <emmintrin.h>

typedef __m128i nlc_vector;

typedef struct {
    __m128i low, high;
} nlc_sums;

static inline nlc_vector nlc_vector_load(const int16_t from[8]) { return _mm_loadu_si128((const __m128i *)from); }

static inline void nlc_vector_store(int16_t to[8], nlc_vector x) { _mm_storeu_si128((__m128i *)to, x); }

static inline nlc_vector nlc_vector_of(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return _mm_setr_epi32((int)a, (int)b, (int)c, (int)d);
}

static inline nlc_vector nlc_vector_gather(const int16_t *const from[6]) {
    __m128i x = _mm_cvtsi32_si128((uint16_t)*from[0]);
    x = _mm_insert_epi16(x, *from[1], 1);
    x = _mm_insert_epi16(x, *from[2], 2);
    x = _mm_insert_epi16(x, *from[3], 3);
    x = _mm_insert_epi16(x, *from[4], 6);
    return _mm_insert_epi16(x, *from[5], 7);
}

static inline nlc_vector nlc_vector_of_middle(int32_t a, int32_t b) {
    const __m128i two = _mm_unpacklo_epi32(_mm_cvtsi32_si128(a), _mm_cvtsi32_si128(b));
    const __m128i limited = _mm_max_epi16(_mm_packs_epi32(two, two), _mm_set1_epi16(-32767));
    return _mm_and_si128(limited, _mm_setr_epi32(0, 0, -1, 0));
}

static inline __m128i nlc_vector_odds_of(__m128i numbers) {
    const __m128i odds = _mm_packs_epi32(numbers, _mm_setzero_si128());
    return _mm_max_epi16(_mm_min_epi16(odds, _mm_set1_epi16(NLC_VECTOR_ODDS)), _mm_set1_epi16(-NLC_VECTOR_ODDS));
}

static inline nlc_vector nlc_vector_of_odds(uint32_t pair, int32_t a, int32_t b, uint32_t last) {
    const __m128i odds = nlc_vector_odds_of(_mm_setr_epi32(a, b, 0, 0));
    return _mm_or_si128(_mm_unpacklo_epi32(_mm_cvtsi32_si128((int)pair), odds), _mm_setr_epi32(0, 0, (int)last, 0));
}

static inline nlc_vector nlc_vector_of_one_odds(uint32_t pair, int32_t a, uint32_t last) {
    const __m128i odds = nlc_vector_odds_of(_mm_cvtsi32_si128(a));
    const __m128i both = _mm_unpacklo_epi32(_mm_cvtsi32_si128((int)pair), odds);
    return _mm_or_si128(both, _mm_setr_epi32(0, (int)(last << 16), 0, 0));
}

static inline int32_t nlc_vector_sum(__m128i x) {
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1))));
}

static inline int32_t nlc_vector_dot(nlc_vector a, nlc_vector b, nlc_vector x) {
    return nlc_vector_sum(_mm_add_epi32(_mm_madd_epi16(a, x), _mm_madd_epi16(b, x)));
}

static inline int32_t nlc_vector_dot_of_four(nlc_vector a, nlc_vector b, nlc_vector x) {
    const __m128i pairs = _mm_add_epi32(_mm_madd_epi16(a, x), _mm_madd_epi16(b, x));
    return _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, _MM_SHUFFLE(2, 3, 0, 1))));
}

static inline nlc_vector nlc_vector_scaled(nlc_vector x, int32_t by) {
    const __m128i factor = _mm_set1_epi16((short)by);
    return _mm_mulhi_epi16(x, factor);
}

static inline nlc_vector nlc_vector_add(nlc_vector a, nlc_vector b) {
    return _mm_adds_epi16(a, b);
}

static inline int32_t nlc_vector_weighted(const int32_t weights[8], nlc_vector x) {
    const __m128i low = _mm_srai_epi32(_mm_loadu_si128((const __m128i *)weights), 3);
    const __m128i high = _mm_srai_epi32(_mm_loadu_si128((const __m128i *)(weights + 4)), 3);
    return nlc_vector_sum(_mm_madd_epi16(_mm_packs_epi32(low, high), x));
}

static inline uint32_t nlc_vector_norm(nlc_vector x) {
    x = _mm_srai_epi16(x, 2);
    return (uint32_t)nlc_vector_sum(_mm_madd_epi16(x, x));
}

static inline __m128i nlc_vector_within(__m128i x, int32_t limit) {
    const __m128i most = _mm_set1_epi32(limit), least = _mm_set1_epi32(-limit);
    const __m128i over = _mm_cmpgt_epi32(x, most), under = _mm_cmpgt_epi32(least, x);
    x = _mm_or_si128(_mm_andnot_si128(over, x), _mm_and_si128(over, most));
    return _mm_or_si128(_mm_andnot_si128(under, x), _mm_and_si128(under, least));
}

static inline void nlc_vector_learn(int32_t weights[8], nlc_vector x, int32_t by, int shift) {
    const __m128i factor = _mm_set1_epi16((short)by), half = _mm_set1_epi32(1 << (shift - 1));
    const __m128i count = _mm_cvtsi32_si128(shift), limit = _mm_set1_epi32(1 << 18);
    const __m128i low = _mm_mullo_epi16(x, factor), high = _mm_mulhi_epi16(x, factor);
    __m128i *to = (__m128i *)weights;
    __m128i first = _mm_add_epi32(half, _mm_unpacklo_epi16(low, high));
    __m128i second = _mm_add_epi32(half, _mm_unpackhi_epi16(low, high));
    first = _mm_add_epi32(_mm_loadu_si128(to), _mm_sra_epi32(first, count));
    second = _mm_add_epi32(_mm_loadu_si128(to + 1), _mm_sra_epi32(second, count));
    const __m128i both = _mm_or_si128(_mm_add_epi32(first, limit), _mm_add_epi32(second, limit));
    if (NLC_RARELY(_mm_movemask_epi8(_mm_cmpeq_epi32(_mm_srli_epi32(both, 19), _mm_setzero_si128())) != 0xFFFF)) {
        first = nlc_vector_within(first, 1 << 18);
        second = nlc_vector_within(second, 1 << 18);
    }
    _mm_storeu_si128(to, first);
    _mm_storeu_si128(to + 1, second);
}

static inline nlc_vector nlc_vector_times(nlc_vector a, nlc_vector b) {
    const __m128i low = _mm_mullo_epi16(a, b), high = _mm_mulhi_epi16(a, b);
    return _mm_packs_epi32(_mm_unpacklo_epi16(low, high), _mm_unpackhi_epi16(low, high));
}

static inline nlc_vector nlc_vector_sixteenths(nlc_vector x) {
    for (int k = 0; k < 4; k++)
        x = _mm_adds_epi16(x, x);
    return x;
}

static inline nlc_vector nlc_vector_magnitudes(nlc_vector a, nlc_vector b) {
    const __m128i zero = _mm_setzero_si128(), most = _mm_set1_epi16(2047);
    a = _mm_min_epi16(_mm_max_epi16(a, _mm_subs_epi16(zero, a)), most);
    return _mm_add_epi16(a, _mm_min_epi16(_mm_max_epi16(b, _mm_subs_epi16(zero, b)), most));
}

static inline nlc_vector nlc_vector_least(nlc_vector x, int most) {
    return _mm_min_epi16(x, _mm_set1_epi16((short)most));
}

static inline nlc_vector nlc_vector_beside(nlc_vector x) {
    return _mm_adds_epi16(_mm_slli_si128(x, 2), _mm_srli_si128(x, 2));
}

static inline uint64_t nlc_vector_others(const int16_t from[64]) {
    const __m128i zero = _mm_setzero_si128();
    uint64_t zeros = 0;
    for (int k = 0; k < 64; k += 16) {
        const __m128i low = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(from + k)), zero);
        const __m128i high = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(from + k + 8)), zero);
        zeros |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) << k;
    }
    return ~zeros;
}

static inline uint64_t nlc_vector_at_least(const int16_t from[64], int least) {
    const __m128i zero = _mm_setzero_si128(), below = _mm_set1_epi16((short)(least - 1));
    uint64_t found = 0;
    for (int k = 0; k < 64; k += 16) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(from + k));
        const __m128i high = _mm_loadu_si128((const __m128i *)(from + k + 8));
        const __m128i of_low = _mm_cmpgt_epi16(_mm_max_epi16(low, _mm_subs_epi16(zero, low)), below);
        const __m128i of_high = _mm_cmpgt_epi16(_mm_max_epi16(high, _mm_subs_epi16(zero, high)), below);
        found |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(of_low, of_high)) << k;
    }
    return found;
}

static inline void nlc_vector_zeros(int16_t to[64]) {
    for (int k = 0; k < 64; k += 8)
        _mm_storeu_si128((__m128i *)(to + k), _mm_setzero_si128());
}

static inline nlc_sums nlc_sums_none(void) { return (nlc_sums){_mm_setzero_si128(), _mm_setzero_si128()}; }

static inline nlc_sums nlc_sums_add(nlc_sums sums, nlc_vector a, nlc_vector b, int of_a, int of_b) {
    const __m128i factors = _mm_set1_epi32((int)((uint32_t)(uint16_t)of_a | (uint32_t)of_b << 16));
    sums.low = _mm_add_epi32(sums.low, _mm_madd_epi16(_mm_unpacklo_epi16(a, b), factors));
    sums.high = _mm_add_epi32(sums.high, _mm_madd_epi16(_mm_unpackhi_epi16(a, b), factors));
    return sums;
}

static inline nlc_sums nlc_sums_product(nlc_vector x, const int16_t rows[8][8]) {
    const __m128i pairs[4] = {_mm_shuffle_epi32(x, 0x00), _mm_shuffle_epi32(x, 0x55), _mm_shuffle_epi32(x, 0xAA),
                              _mm_shuffle_epi32(x, 0xFF)};
    nlc_sums sums = nlc_sums_none();
    for (int k = 0; k < 4; k++) {
        const __m128i a = nlc_vector_load(rows[2 * k]), b = nlc_vector_load(rows[2 * k + 1]);
        sums.low = _mm_add_epi32(sums.low, _mm_madd_epi16(_mm_unpacklo_epi16(a, b), pairs[k]));
        sums.high = _mm_add_epi32(sums.high, _mm_madd_epi16(_mm_unpackhi_epi16(a, b), pairs[k]));
    }
    return sums;
}

static inline nlc_vector nlc_sums_vector(nlc_sums sums, int shift) {
    return _mm_packs_epi32(_mm_srai_epi32(sums.low, shift), _mm_srai_epi32(sums.high, shift));
}

static inline void nlc_sums_store(int32_t to[8], nlc_sums sums, int shift) {
    _mm_storeu_si128((__m128i *)to, _mm_srai_epi32(sums.low, shift));
    _mm_storeu_si128((__m128i *)(to + 4), _mm_srai_epi32(sums.high, shift));
}

static inline void nlc_vector_transpose(nlc_vector x[8]) {
    __m128i a[8], b[8];
    for (int k = 0; k < 4; k++) {
        a[2 * k] = _mm_unpacklo_epi16(x[2 * k], x[2 * k + 1]);
        a[2 * k + 1] = _mm_unpackhi_epi16(x[2 * k], x[2 * k + 1]);
    }
    for (int k = 0; k < 2; k++) {
        b[4 * k] = _mm_unpacklo_epi32(a[4 * k], a[4 * k + 2]);
        b[4 * k + 1] = _mm_unpackhi_epi32(a[4 * k], a[4 * k + 2]);
        b[4 * k + 2] = _mm_unpacklo_epi32(a[4 * k + 1], a[4 * k + 3]);
        b[4 * k + 3] = _mm_unpackhi_epi32(a[4 * k + 1], a[4 * k + 3]);
    }
    for (int k = 0; k < 4; k++) {
        x[2 * k] = _mm_unpacklo_epi64(b[k], b[k + 4]);
        x[2 * k + 1] = _mm_unpackhi_epi64(b[k], b[k + 4]);
    }
}

#endif
