/* Moving units and packing gradients with 256-bit vectors: the integers of pair_kernels.h and learning_kernels.h. */

/* Move 8 outputs of a unit; what is used of both. A multiple of 16 is added after a shift of at most 4 bits. */
static inline void move_eight(const int32_t *sum, const unit_shifts *by, int32_t *learned, int32_t *average,
                              __m256i *now, __m256i *mean) {
    const __m256i most = _mm256_set1_epi32(NLC_PAIR_LARGEST), least = _mm256_set1_epi32(-NLC_PAIR_LARGEST);
    const __m256i given = _mm256_sll_epi32(half_of(sum, 0), by->up), before = half_of(average, 0);
    const __m256i step = _mm256_sra_epi32(_mm256_add_epi32(given, _mm256_set1_epi32(by->half)), by->down);
    const __m256i next =
        _mm256_max_epi32(_mm256_min_epi32(_mm256_add_epi32(half_of(learned, 0), step), most), least);
    const __m256i back = _mm256_sra_epi32(_mm256_sub_epi32(_mm256_set1_epi32(by->some), before), by->pace);
    const __m256i middle = _mm256_add_epi32(_mm256_add_epi32(before, back), _mm256_sll_epi32(next, by->pace_up));
    _mm256_storeu_si256((__m256i *)(void *)learned, next);
    _mm256_storeu_si256((__m256i *)(void *)average, middle);
    *now = _mm256_srai_epi32(_mm256_add_epi32(next, _mm256_set1_epi32(1 << (NLC_PAIR_ROUNDED - 1))), NLC_PAIR_ROUNDED);
    *mean = _mm256_srai_epi32(_mm256_add_epi32(middle, _mm256_set1_epi32(1 << (NLC_PAIR_ROUNDED + 3))),
                              NLC_PAIR_ROUNDED + 4);
}

/* Pack numbers of four units as bytes, or of two as 16-bit integers. */
static inline __m256i four_bytes_of(const __m256i *number) {
    const __m256i byte = _mm256_set1_epi32(255);
    const __m256i low = _mm256_or_si256(_mm256_and_si256(number[0], byte), _mm256_slli_epi32(number[1], 8));
    const __m256i high = _mm256_or_si256(_mm256_and_si256(number[2], byte), _mm256_slli_epi32(number[3], 8));
    return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}
static inline __m256i two_words_of(const __m256i *number) {
    return _mm256_blend_epi16(number[0], _mm256_slli_epi32(number[1], 16), 0xaa);
}

/* Pack 8 outputs of four units; `own`, if not NULL, is added to wide ones. */
static inline void pack_eight(const __m256i *number, const int16_t *own, char *to) {
#if NLC_NARROW
    (void)own;
    _mm256_storeu_si256((__m256i *)(void *)to, four_bytes_of(number));
#else
    for (int pair = 0; pair < 2; pair++) {
        __m256i both = two_words_of(number + 2 * pair);
        if (own)
            both = _mm256_add_epi16(both, load_weights(own + 2 * NLC_LANES * pair));
        _mm256_storeu_si256((__m256i *)(void *)(to + 4 * NLC_LANES * pair), both);
    }
#endif
}

/* Bytes from one vector of outputs to the next, in what is used of all units. */
static inline size_t used_apart(size_t groups) { return groups * NLC_LANES * (NLC_NARROW ? 4 : 2 * NLC_WIDE_GROUP); }

/* What is used of four units. */
static void use(const int32_t *learned, size_t vectors, size_t groups, void *used) {
    const size_t outputs = vectors * NLC_LANES;
    const __m256i half = _mm256_set1_epi32(1 << NLC_ROUNDED_BITS >> 1);
    for (size_t output = 0; output < outputs; output += 8) {
        __m256i now[4];
        for (size_t unit = 0; unit < 4; unit++) {
            const __m256i number = half_of(learned + unit * outputs + output, 0);
            now[unit] = _mm256_srai_epi32(_mm256_add_epi32(number, half), NLC_ROUNDED_BITS);
        }
        pack_eight(now, NULL, (char *)used + output / NLC_LANES * used_apart(groups) + output % NLC_LANES * 4);
    }
}

static void move_units(const int32_t *const *sums, const int32_t *reduction, int32_t gain, int32_t pace, size_t vectors,
                       size_t groups, int32_t *learned, int32_t *average, const int16_t *own, void *used,
                       void *used_average) {
    const size_t outputs = vectors * NLC_LANES, apart = used_apart(groups);
    unit_shifts by[4];
    for (int unit = 0; unit < 4; unit++)
        by[unit] = shifts_of(reduction[unit], gain, pace);
    for (size_t output = 0; output < outputs; output += 8) {
        const size_t place = output / NLC_LANES * apart + output % NLC_LANES * 4;
        const int16_t *beside = own ? own + place / 2 : NULL;
        __m256i now[4], mean[4];
        for (size_t unit = 0; unit < 4; unit++)
            move_eight(sums[unit] + output, &by[unit], learned + unit * outputs + output,
                       average + unit * outputs + output, &now[unit], &mean[unit]);
        pack_eight(now, beside, (char *)used + place);
        pack_eight(mean, beside, (char *)used_average + place);
    }
}

#ifdef NLC_OWN_PACK_WIDE
/* Turn 8 x 8 integers of 32 bits. */
static inline void turn_eight(__m256i *rows) {
    __m256i twos[8], fours[8];
    for (int k = 0; k < 8; k += 2) {
        twos[k] = _mm256_unpacklo_epi32(rows[k], rows[k + 1]);
        twos[k + 1] = _mm256_unpackhi_epi32(rows[k], rows[k + 1]);
    }
    for (int k = 0; k < 8; k += 4) {
        fours[k] = _mm256_unpacklo_epi64(twos[k], twos[k + 2]);
        fours[k + 1] = _mm256_unpackhi_epi64(twos[k], twos[k + 2]);
        fours[k + 2] = _mm256_unpacklo_epi64(twos[k + 1], twos[k + 3]);
        fours[k + 3] = _mm256_unpackhi_epi64(twos[k + 1], twos[k + 3]);
    }
    for (int k = 0; k < 4; k++) {
        rows[k] = _mm256_permute2x128_si256(fours[k], fours[k + 4], 0x20);
        rows[k + 4] = _mm256_permute2x128_si256(fours[k], fours[k + 4], 0x31);
    }
}

/* Outputs that do not exist are packed as 0. */
static void pack_wide(nlc_lanes *gradients, size_t outputs, size_t first, size_t last, size_t groups, int16_t *packed) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), end = _mm256_set1_epi32((int32_t)last);
    const __m256i low = _mm256_cmpgt_epi32(end, lane);
    const __m256i high = _mm256_cmpgt_epi32(end, _mm256_add_epi32(lane, _mm256_set1_epi32(8)));
    (void)groups;
    for (size_t output = 0; output < NLC_LANES; output += 8) {
        __m256i pairs[8];
        for (size_t k = 0; k < 8; k++) {
            pairs[k] = _mm256_setzero_si256();
            if (output + k >= outputs)
                continue;
            const int32_t *row = gradients[output + k];
            const __m256i both =
                _mm256_packs_epi32(_mm256_and_si256(half_of(row, 0), low), _mm256_and_si256(half_of(row, 1), high));
            pairs[k] = _mm256_permute4x64_epi64(both, 0xd8);
        }
        turn_eight(pairs);
        for (size_t pair = first / 2; pair < (last + 1) / 2; pair++)
            _mm256_storeu_si256((__m256i *)(void *)(packed + (pair - first / 2) * 2 * NLC_LANES + 2 * output),
                                pairs[pair]);
    }
}
#endif
