/* What a component adds to the masses of a plane on a lattice, with AVX-512: the integers of lattice_kernels.h. */

/* The logistic CDF less a half, at distances from the mean. */
static inline __m512i logistic_of(const nlc_model *model, __m512i distance, __m512i high, __m512i low) {
    const __m512i half = _mm512_set1_epi32(1 << (NLC_LOGISTIC_BITS - 1));
    const __m512i steps =
        _mm512_add_epi32(times(distance, high), _mm512_srai_epi32(times(distance, low), NLC_SCALE_FRACTION_BITS));
    const __m512i sign = _mm512_srai_epi32(steps, 31), index = _mm512_xor_si512(steps, sign);
    const __mmask16 inside = _mm512_cmplt_epi32_mask(index, _mm512_set1_epi32(model->logistic_last));
    __m512i found = _mm512_mask_i32gather_epi32(half, inside, index, (const void *)model->logistic, 2);
    found = _mm512_and_si512(found, _mm512_set1_epi32(0xffff));
    return _mm512_sub_epi32(_mm512_xor_si512(found, sign), sign);
}

static inline uint32_t looked_at(const int32_t *part, int32_t least) {
    return _mm512_cmpge_epi32_mask(lanes_of(part), _mm512_set1_epi32(least));
}
#include "x86_lattice.h"

static inline void add_parts(const nlc_model *model, const nlc_block *block, const lattice_component *of, int lane,
                             int32_t *mass, nlc_lanes *parts) {
    const int32_t mean = block->mean[of->number][lane];
    const __m512i high = _mm512_set1_epi32(block->slope_high[of->number][lane]);
    const __m512i low = _mm512_set1_epi32(block->slope_low[of->number][lane]);
    const __m512i half = _mm512_set1_epi32(1 << (NLC_LOGISTIC_BITS - 1)), weight = _mm512_set1_epi32(of->weight);
    __m512i distance =
        _mm512_add_epi32(lanes_of(lattice_ladder), _mm512_set1_epi32(64 * NLC_LANES * of->first - 32 - mean));
    __m512i below = logistic_of(model, distance, high, low);
    if (of->first == 0)
        below = _mm512_mask_sub_epi32(below, 1, _mm512_setzero_si512(), half);
    for (int vector = of->first; vector <= of->last; vector++, parts++) {
        __m512i next = half;
        if (vector < of->last) {
            distance = _mm512_add_epi32(distance, _mm512_set1_epi32(64 * NLC_LANES));
            next = logistic_of(model, distance, high, low);
        }
        const __m512i part = _mm512_sub_epi32(_mm512_alignr_epi32(next, below, 1), below);
        int32_t *to = mass + vector * NLC_LANES;
        _mm512_storeu_si512(to, _mm512_add_epi32(lanes_of(to), _mm512_mullo_epi32(part, weight)));
        _mm512_storeu_si512(parts, part);
        below = next;
    }
}
