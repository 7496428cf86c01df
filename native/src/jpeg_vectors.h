/* Eight numbers of 16 bits at once: SSE2, which every 64-bit x86 has, or plain C, to the same bits. */
#ifndef NLC_JPEG_VECTORS_H
#define NLC_JPEG_VECTORS_H

#include "level/target.h"

/* A function that is not to be repeated where it is called. */
#if defined(__GNUC__)
#define NLC_ALONE __attribute__((noinline))
#else
#define NLC_ALONE __declspec(noinline)
#endif

#define NLC_VECTOR_ODDS 2047 /* the limit of stretched chances */

/* A build may ask for plain C, to be compared. */
#if !defined(NLC_PLAIN_VECTORS) && NLC_X86_64

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

static inline nlc_vector nlc_vector_of_odds(uint32_t pair, int32_t a, int32_t b, uint32_t last) {
    const __m128i odds = _mm_packs_epi32(_mm_setr_epi32(a, b, 0, 0), _mm_setzero_si128());
    const __m128i limited =
        _mm_max_epi16(_mm_min_epi16(odds, _mm_set1_epi16(NLC_VECTOR_ODDS)), _mm_set1_epi16(-NLC_VECTOR_ODDS));
    const __m128i all = _mm_unpacklo_epi32(_mm_cvtsi32_si128((int)pair), limited);
    return _mm_or_si128(all, _mm_setr_epi32(0, 0, (int)last, 0));
}

static inline int32_t nlc_vector_sum(__m128i x) {
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1))));
}

static inline int32_t nlc_vector_dot(nlc_vector a, nlc_vector b, nlc_vector x) {
    return nlc_vector_sum(_mm_add_epi32(_mm_madd_epi16(a, x), _mm_madd_epi16(b, x)));
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

#else

typedef struct {
    int16_t of[8];
} nlc_vector;

typedef struct {
    int32_t of[8];
} nlc_sums;

static inline int16_t nlc_vector_saturated(int32_t x) {
    return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}

static inline int32_t nlc_vector_limited(int32_t x, int32_t limit) {
    return x < -limit ? -limit : x > limit ? limit : x;
}

static inline nlc_vector nlc_vector_load(const int16_t from[8]) {
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = from[k];
    return x;
}

static inline void nlc_vector_store(int16_t to[8], nlc_vector x) {
    for (int k = 0; k < 8; k++)
        to[k] = x.of[k];
}

/* Eight numbers, in pairs of which the first is in the lower half. */
static inline nlc_vector nlc_vector_of(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t pairs[4] = {a, b, c, d};
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(pairs[k / 2] >> k % 2 * 16);
    return x;
}

/* The numbers at six places, and between the fourth and the fifth two zeros. */
static inline nlc_vector nlc_vector_gather(const int16_t *const from[6]) {
    return (nlc_vector){{*from[0], *from[1], *from[2], *from[3], 0, 0, *from[4], *from[5]}};
}

/* Two numbers within +-32767, between zeros. */
static inline nlc_vector nlc_vector_of_middle(int32_t a, int32_t b) {
    return (nlc_vector){{0, 0, 0, 0, (int16_t)nlc_vector_limited(a, 32767), (int16_t)nlc_vector_limited(b, 32767)}};
}

/* A pair, two numbers within +-NLC_VECTOR_ODDS, and another pair. */
static inline nlc_vector nlc_vector_of_odds(uint32_t pair, int32_t a, int32_t b, uint32_t last) {
    const int32_t one = nlc_vector_limited(a, NLC_VECTOR_ODDS), other = nlc_vector_limited(b, NLC_VECTOR_ODDS);
    return nlc_vector_of(pair, (uint32_t)(uint16_t)one | (uint32_t)other << 16, last, 0);
}

/* The sum of (a + b) * x. */
static inline int32_t nlc_vector_dot(nlc_vector a, nlc_vector b, nlc_vector x) {
    int32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (a.of[k] + b.of[k]) * x.of[k];
    return sum;
}

/* x * by, in 1/65536. */
static inline nlc_vector nlc_vector_scaled(nlc_vector x, int32_t by) {
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(x.of[k] * by >> 16);
    return x;
}

/* a + b, within 16 bits. */
static inline nlc_vector nlc_vector_add(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++)
        a.of[k] = nlc_vector_saturated(a.of[k] + b.of[k]);
    return a;
}

/* The sum of x with weights in 1/65536, which are taken in 1/8192: so is the sum. */
static inline int32_t nlc_vector_weighted(const int32_t weights[8], nlc_vector x) {
    uint32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (uint32_t)((weights[k] >> 3 > 32767 ? 32767 : weights[k] >> 3) * x.of[k]);
    return (int32_t)sum;
}

/* The sum of squares of quarters. */
static inline uint32_t nlc_vector_norm(nlc_vector x) {
    uint32_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += (uint32_t)((x.of[k] >> 2) * (x.of[k] >> 2));
    return sum;
}

/* Add x * by / 2^shift, rounded, to weights, which stay within +-2^18. */
static inline void nlc_vector_learn(int32_t weights[8], nlc_vector x, int32_t by, int shift) {
    for (int k = 0; k < 8; k++)
        weights[k] = nlc_vector_limited(weights[k] + ((x.of[k] * by + (1 << (shift - 1))) >> shift), 1 << 18);
}

/* a * b, within 16 bits. */
static inline nlc_vector nlc_vector_times(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++)
        a.of[k] = nlc_vector_saturated(a.of[k] * b.of[k]);
    return a;
}

/* 16 * x, within 16 bits. */
static inline nlc_vector nlc_vector_sixteenths(nlc_vector x) {
    for (int k = 0; k < 8; k++)
        x.of[k] = nlc_vector_saturated(x.of[k] * 16);
    return x;
}

/* The sum of two magnitudes, each at most 2047. */
static inline nlc_vector nlc_vector_magnitudes(nlc_vector a, nlc_vector b) {
    for (int k = 0; k < 8; k++) {
        const int x = a.of[k] < 0 ? -a.of[k] : a.of[k], y = b.of[k] < 0 ? -b.of[k] : b.of[k];
        a.of[k] = (int16_t)((x < 2047 ? x : 2047) + (y < 2047 ? y : 2047));
    }
    return a;
}

/* The numbers of x, each at most `most`. */
static inline nlc_vector nlc_vector_least(nlc_vector x, int most) {
    for (int k = 0; k < 8; k++)
        x.of[k] = (int16_t)(x.of[k] < most ? x.of[k] : most);
    return x;
}

/* The sum of the numbers before and after each, 0 at the ends. */
static inline nlc_vector nlc_vector_beside(nlc_vector x) {
    nlc_vector sum;
    for (int k = 0; k < 8; k++)
        sum.of[k] = nlc_vector_saturated((k ? x.of[k - 1] : 0) + (k < 7 ? x.of[k + 1] : 0));
    return sum;
}

/* Which of 64 numbers are not 0, the first in the lowest bit. */
static inline uint64_t nlc_vector_others(const int16_t from[64]) {
    uint64_t others = 0;
    for (int k = 0; k < 64; k++)
        others |= (uint64_t)(from[k] != 0) << k;
    return others;
}

static inline void nlc_vector_zeros(int16_t to[64]) {
    for (int k = 0; k < 64; k++)
        to[k] = 0;
}

static inline nlc_sums nlc_sums_none(void) { return (nlc_sums){{0}}; }

/* Add a * of_a + b * of_b. */
static inline nlc_sums nlc_sums_add(nlc_sums sums, nlc_vector a, nlc_vector b, int of_a, int of_b) {
    for (int k = 0; k < 8; k++)
        sums.of[k] += a.of[k] * of_a + b.of[k] * of_b;
    return sums;
}

/* The product of a vector and a matrix, of which there are the rows. */
static inline nlc_sums nlc_sums_product(nlc_vector x, const int16_t rows[8][8]) {
    nlc_sums sums = nlc_sums_none();
    for (int k = 0; k < 8; k++)
        for (int j = 0; j < 8; j++)
            sums.of[j] += x.of[k] * rows[k][j];
    return sums;
}

/* Sums divided by a power of 2, within 16 bits. */
static inline nlc_vector nlc_sums_vector(nlc_sums sums, int shift) {
    nlc_vector x;
    for (int k = 0; k < 8; k++)
        x.of[k] = nlc_vector_saturated(sums.of[k] >> shift);
    return x;
}

static inline void nlc_sums_store(int32_t to[8], nlc_sums sums, int shift) {
    for (int k = 0; k < 8; k++)
        to[k] = sums.of[k] >> shift;
}

static inline void nlc_vector_transpose(nlc_vector x[8]) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++) {
            const int16_t kept = x[i].of[j];
            x[i].of[j] = x[j].of[i];
            x[j].of[i] = kept;
        }
}

#endif

#endif
