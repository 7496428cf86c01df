/* Wide products of activations that are mostly 0: pairs that are 0 are left out.
 *
 * The pairs of a few rows that are not 0 are gathered first, with the places of their weights, and then gone through
 * for each panel of outputs, whose weights the nearest cache holds meanwhile.
 */
#include "first_of_four.h"

#define GATHERED 2304 /* pairs of the rows that are gathered together; more than a row has */

/* Gather the pairs of one row; returns how many there are. Up to three more are written. */
static inline size_t gather_pairs(const int16_t *a, size_t groups, int32_t *pairs, uint32_t *places) {
    const __m128i step = _mm_set1_epi32(4 * 4 * NLC_LANES);
    __m128i place = _mm_mullo_epi32(_mm_setr_epi32(0, 1, 2, 3), _mm_set1_epi32(4 * NLC_LANES));
    size_t count = 0, group = 0;
    for (; group + 4 <= groups; group += 4) {
        const __m128i four = _mm_loadu_si128((const __m128i *)(const void *)(a + 2 * group));
        const int none = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(four, _mm_setzero_si128())));
        const __m128i order = _mm_loadu_si128((const __m128i *)(const void *)first_of_four[none ^ 15]);
        _mm_storeu_si128((__m128i *)(void *)(pairs + count), _mm_shuffle_epi8(four, order));
        _mm_storeu_si128((__m128i *)(void *)(places + count), _mm_shuffle_epi8(place, order));
        count += (size_t)_mm_popcnt_u32((unsigned)(none ^ 15));
        place = _mm_add_epi32(place, step);
    }
    for (; group < groups; group++) {
        memcpy(pairs + count, a + 2 * group, sizeof *pairs);
        places[count] = (uint32_t)(4 * NLC_LANES * group);
        count += pairs[count] != 0;
    }
    return count;
}

/* The sums of a row for 1 or 2 vectors of outputs. */
NLC_INLINE void sparse_part(const int32_t *pairs, const uint32_t *places, size_t count, const char *b, size_t apart,
                            int32_t *c, const int vectors) {
    __m256i sums[4];
    for (int part = 0; part < 2 * vectors; part++)
        sums[part] = _mm256_setzero_si256();
    for (size_t k = 0; k < count; k++) {
        const __m256i pair = _mm256_set1_epi32(pairs[k]);
        const char *from = b + places[k];
        for (int part = 0; part < 2 * vectors; part++)
            sums[part] =
                add_products(sums[part], pair, load_weights(from + (size_t)(part / 2) * apart + part % 2 * 32));
    }
    for (int part = 0; part < 2 * vectors; part++)
        _mm256_storeu_si256((__m256i *)(void *)(c + 8 * part), sums[part]);
}

static void sparse16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride) {
    int32_t pairs[GATHERED + 4];
    uint32_t places[GATHERED + 4];
    const size_t most = GATHERED / groups < 16 ? GATHERED / groups : 16, apart = groups * 4 * NLC_LANES;
    for (size_t first = 0; first < rows; first += most) {
        const size_t here = rows - first < most ? rows - first : most;
        size_t ends[17] = {0};
        for (size_t row = 0; row < here; row++)
            ends[row + 1] =
                ends[row] + gather_pairs(a + (first + row) * a_stride, groups, pairs + ends[row], places + ends[row]);
        for (size_t vector = 0; vector < vectors; vector += 2) {
            const char *weights = (const char *)b + vector * apart;
            for (size_t row = 0; row < here; row++) {
                int32_t *to = c + (first + row) * c_stride + vector * NLC_LANES;
                const size_t begin = ends[row], count = ends[row + 1] - begin;
                if (vector + 2 <= vectors)
                    sparse_part(pairs + begin, places + begin, count, weights, apart, to, 2);
                else
                    sparse_part(pairs + begin, places + begin, count, weights, apart, to, 1);
            }
        }
    }
}
