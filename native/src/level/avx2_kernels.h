/* Kernels of 256-bit vectors whose plain form compilers do not turn into good ones; the integers of pixel_kernels.h.
 *
 * A level defines NLC_ADD_PRODUCTS(sums, a, b): the products of 16-bit integers, two added together, to 32-bit sums.
 */
static inline __m256i half_of(const int32_t *lanes, int half) {
    return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + 8 * half));
}

/* Products of integers within 16 bits, which a multiplication of 16-bit pairs gives: their high halves meet a 0. */
static inline __m256i times(__m256i number, __m256i by) { return _mm256_madd_epi16(number, by); }

/* A component's part in the sums of half a block at the inner boundaries: the first is `first`, the others `apart`. */
static inline void add_component(const nlc_model *model, const nlc_block *block, int i, int half, __m256i first,
                                 __m256i apart, __m256i *sums) {
    const __m256i weight = half_of(block->weight[i], half);
    if (_mm256_testz_si256(weight, weight))
        return;
    const __m256i last = _mm256_set1_epi32(model->logistic_last);
    const __m256i high = half_of(block->slope_high[i], half), low = half_of(block->slope_low[i], half);
    __m256i distance = _mm256_sub_epi32(first, half_of(block->mean[i], half));
    for (int k = 0; k < NLC_RADIX - 1; k++) {
        const __m256i steps = _mm256_add_epi32(
            times(distance, high), _mm256_srai_epi32(times(distance, low), NLC_SCALE_FRACTION_BITS));
        const __m256i sign = _mm256_srai_epi32(steps, 31);
        const __m256i index = _mm256_min_epi32(_mm256_xor_si256(steps, sign), last);
        const __m256i pair = _mm256_i32gather_epi32((const int *)(const void *)model->logistic, index, 2);
        const __m256i upper = _mm256_and_si256(pair, _mm256_set1_epi32(0xffff));
        const __m256i logistic = _mm256_sub_epi32(_mm256_xor_si256(upper, sign), sign);
        sums[k] = NLC_ADD_PRODUCTS(sums[k], logistic, weight);
        distance = _mm256_add_epi32(distance, apart);
    }
}

static void digit(const nlc_model *model, nlc_block *block, int32_t stride) {
    const __m256i apart = _mm256_set1_epi32(64 * stride);
    nlc_lanes sum[NLC_RADIX - 1];
    for (int half = 0; half < 2; half++) {
        const __m256i first = _mm256_add_epi32(_mm256_slli_epi32(half_of(block->value, half), 6),
                                               _mm256_set1_epi32(64 * stride - 32));
        __m256i sums[NLC_RADIX - 1] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
        for (int i = 0; i < model->components; i++)
            add_component(model, block, i, half, first, apart, sums);
        for (int k = 0; k < NLC_RADIX - 1; k++)
            _mm256_storeu_si256((__m256i *)(void *)(sum[k] + 8 * half), sums[k]);
    }
    finish_digit(block, sum, stride);
}
