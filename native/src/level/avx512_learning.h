/* Packing gradients and moving units with AVX-512: the integers of pair_kernels.h and learning_kernels.h. */

static int32_t pack_gradients(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, int32_t above,
                              int8_t *packed) {
    const __mmask16 kept = (__mmask16)((1u << last) - 1);
    const __m512i reduction = _mm512_set1_epi32(above), least = _mm512_set1_epi32(above ? 0 : INT8_MIN);
    __m512i largest = _mm512_setzero_si512();
    for (size_t output = 0; output < NLC_LANES; output += 4) {
        __m128i rows[4];
        for (size_t k = 0; k < 4; k++) {
            rows[k] = _mm_setzero_si128();
            if (output + k >= outputs)
                continue;
            const __m512i gradient = _mm512_maskz_loadu_epi32(kept, gradients[output + k]);
            largest = _mm512_max_epi32(largest, gradient);
            rows[k] = _mm512_cvtsepi32_epi8(_mm512_max_epi32(_mm512_sub_epi32(gradient, reduction), least));
        }
        /* Four outputs by four groups of lanes, turned. */
        const __m128i low = _mm_unpacklo_epi32(rows[0], rows[1]), high = _mm_unpackhi_epi32(rows[0], rows[1]);
        const __m128i low2 = _mm_unpacklo_epi32(rows[2], rows[3]), high2 = _mm_unpackhi_epi32(rows[2], rows[3]);
        const __m128i groups[4] = {_mm_unpacklo_epi64(low, low2), _mm_unpackhi_epi64(low, low2),
                                   _mm_unpacklo_epi64(high, high2), _mm_unpackhi_epi64(high, high2)};
        for (size_t group = first / 4; group < (last + 3) / 4; group++)
            _mm_storeu_si128((__m128i *)(void *)(packed + (group - first / 4) * 4 * NLC_LANES + output * 4),
                             groups[group]);
    }
    return _mm512_reduce_max_epi32(largest);
}

/* Move a vector of a unit's outputs; what is used of both. A multiple of 16 is added after a shift of at most 4
 * bits. */
static inline void move_vector(const int32_t *sum, const unit_shifts *by, int32_t *learned, int32_t *average,
                               __m512i *now, __m512i *mean) {
    const __m512i most = _mm512_set1_epi32(NLC_PAIR_LARGEST), least = _mm512_set1_epi32(-NLC_PAIR_LARGEST);
    const __m512i given = _mm512_sll_epi32(lanes_of(sum), by->up), before = lanes_of(average);
    const __m512i step = _mm512_sra_epi32(_mm512_add_epi32(given, _mm512_set1_epi32(by->half)), by->down);
    const __m512i next = _mm512_max_epi32(_mm512_min_epi32(_mm512_add_epi32(lanes_of(learned), step), most), least);
    const __m512i back = _mm512_sra_epi32(_mm512_sub_epi32(_mm512_set1_epi32(by->some), before), by->pace);
    const __m512i middle = _mm512_add_epi32(_mm512_add_epi32(before, back), _mm512_sll_epi32(next, by->pace_up));
    _mm512_storeu_si512(learned, next);
    _mm512_storeu_si512(average, middle);
    *now = _mm512_srai_epi32(_mm512_add_epi32(next, _mm512_set1_epi32(1 << (NLC_PAIR_ROUNDED - 1))), NLC_PAIR_ROUNDED);
    *mean = _mm512_srai_epi32(_mm512_add_epi32(middle, _mm512_set1_epi32(1 << (NLC_PAIR_ROUNDED + 3))),
                              NLC_PAIR_ROUNDED + 4);
}

/* Pack numbers of four units as bytes. */
static inline __m512i four_bytes_of(const __m512i *number) {
    const __m512i byte = _mm512_set1_epi32(255), word = _mm512_set1_epi32(0xffff);
    /* 0xca: of each bit the second where the first is 1, else the third. */
    const __m512i low = _mm512_ternarylogic_epi32(byte, number[0], _mm512_slli_epi32(number[1], 8), 0xca);
    const __m512i high = _mm512_ternarylogic_epi32(byte, number[2], _mm512_slli_epi32(number[3], 8), 0xca);
    return _mm512_ternarylogic_epi32(word, low, _mm512_slli_epi32(high, 16), 0xca);
}

/* What is used of four units. */
static void use(const int32_t *learned, size_t vectors, size_t groups, void *used) {
    const size_t outputs = vectors * NLC_LANES, apart = groups * 4 * NLC_LANES;
    const __m512i half = _mm512_set1_epi32(1 << NLC_ROUNDED_BITS >> 1);
    for (size_t vector = 0; vector < vectors; vector++) {
        __m512i now[4];
        for (size_t unit = 0; unit < 4; unit++) {
            const __m512i number = lanes_of(learned + unit * outputs + vector * NLC_LANES);
            now[unit] = _mm512_srai_epi32(_mm512_add_epi32(number, half), NLC_ROUNDED_BITS);
        }
        _mm512_storeu_si512((char *)used + vector * apart, four_bytes_of(now));
    }
}

static void move_units(const int32_t *const *sums, const int32_t *reduction, int32_t gain, int32_t pace, size_t vectors,
                       size_t groups, int32_t *learned, int32_t *average, const int16_t *own, void *used,
                       void *used_average) {
    const size_t outputs = vectors * NLC_LANES, apart = groups * 4 * NLC_LANES;
    unit_shifts by[4];
    (void)own;
    for (int unit = 0; unit < 4; unit++)
        by[unit] = shifts_of(reduction[unit], gain, pace);
    for (size_t vector = 0; vector < vectors; vector++) {
        __m512i now[4], mean[4];
        for (size_t unit = 0; unit < 4; unit++) {
            const size_t at = unit * outputs + vector * NLC_LANES;
            move_vector(sums[unit] + vector * NLC_LANES, &by[unit], learned + at, average + at, &now[unit],
                        &mean[unit]);
        }
        _mm512_storeu_si512((char *)used + vector * apart, four_bytes_of(now));
        _mm512_storeu_si512((char *)used_average + vector * apart, four_bytes_of(mean));
    }
}
