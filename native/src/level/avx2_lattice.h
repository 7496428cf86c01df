/* What a component adds to the masses of a plane on a lattice, with AVX2: the integers of lattice_kernels.h. */

/* The logistic CDF less a half, at distances from the mean. */
static inline __m256i logistic_of(const nlc_model *model, __m256i distance, __m256i high, __m256i low) {
    const __m256i steps =
        _mm256_add_epi32(times(distance, high), _mm256_srai_epi32(times(distance, low), NLC_SCALE_FRACTION_BITS));
    const __m256i sign = _mm256_srai_epi32(steps, 31);
    const __m256i index = _mm256_min_epi32(_mm256_xor_si256(steps, sign), _mm256_set1_epi32(model->logistic_last));
    const __m256i pair = _mm256_i32gather_epi32((const int *)(const void *)model->logistic, index, 2);
    return _mm256_sub_epi32(_mm256_xor_si256(_mm256_and_si256(pair, _mm256_set1_epi32(0xffff)), sign), sign);
}

static inline uint32_t looked_at(const int32_t *part, int32_t least) {
    const __m256i below = _mm256_set1_epi32(least - 1);
    const int low = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(half_of(part, 0), below)));
    const int high = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(half_of(part, 1), below)));
    return (uint32_t)(low | high << 8);
}
#include "x86_lattice.h"

static inline void add_parts(const nlc_model *model, const nlc_block *block, const lattice_component *of, int lane,
                             int32_t *mass, nlc_lanes *parts) {
    const int32_t mean = block->mean[of->number][lane], half = 1 << (NLC_LOGISTIC_BITS - 1);
    const __m256i high = _mm256_set1_epi32(block->slope_high[of->number][lane]);
    const __m256i low = _mm256_set1_epi32(block->slope_low[of->number][lane]);
    const __m256i weight = _mm256_set1_epi32(of->weight), apart = _mm256_set1_epi32(64 * 8);
    __m256i distance =
        _mm256_add_epi32(half_of(lattice_ladder, 0), _mm256_set1_epi32(64 * NLC_LANES * of->first - 32 - mean));
    const int count = 2 * (of->last - of->first + 1);
    int32_t below[256 + 1];
    for (int k = 0; k < count; k++) {
        _mm256_storeu_si256((__m256i *)(void *)(below + 8 * k), logistic_of(model, distance, high, low));
        distance = _mm256_add_epi32(distance, apart);
    }
    if (of->first == 0)
        below[0] = -half;
    below[8 * count] = half;
    mass += of->first * NLC_LANES;
    int32_t *part_of = parts[0];
    for (int k = 0; k < count; k++) {
        const __m256i above = _mm256_loadu_si256((const __m256i *)(const void *)(below + 8 * k + 1));
        const __m256i part = _mm256_sub_epi32(above, half_of(below, k));
        const __m256i sum = _mm256_add_epi32(half_of(mass, k), _mm256_mullo_epi32(part, weight));
        _mm256_storeu_si256((__m256i *)(void *)(mass + 8 * k), sum);
        _mm256_storeu_si256((__m256i *)(void *)(part_of + 8 * k), part);
    }
}
