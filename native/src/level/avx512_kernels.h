/* Kernels of AVX-512 whose plain form compilers do not turn into good vectors; the integers of pixel_kernels.h. */
#include <immintrin.h>

static inline __m512i lanes_of(const int32_t *lanes) { return _mm512_loadu_si512(lanes); }

/* Products of integers within 16 bits, which a multiplication of 16-bit pairs gives: their high halves meet a 0. */
static inline __m512i times(__m512i number, __m512i by) { return _mm512_madd_epi16(number, by); }

static inline void add_component(const nlc_model *model, const nlc_block *block, int i, __m512i first, __m512i apart,
                                 __m512i *sums) {
    const __m512i weight = lanes_of(block->weight[i]);
    if (!_mm512_test_epi32_mask(weight, weight))
        return;
    const __m512i last = _mm512_set1_epi32(model->logistic_last);
    const __m512i high = lanes_of(block->slope_high[i]), low = lanes_of(block->slope_low[i]);
    __m512i distance = _mm512_sub_epi32(first, lanes_of(block->mean[i]));
    for (int k = 0; k < NLC_RADIX - 1; k++) {
        const __m512i steps = _mm512_add_epi32(
            times(distance, high), _mm512_srai_epi32(times(distance, low), NLC_SCALE_FRACTION_BITS));
        const __m512i sign = _mm512_srai_epi32(steps, 31), index = _mm512_xor_si512(steps, sign);
        /* Beyond the table the CDF is a half and a half. */
        const __mmask16 inside = _mm512_cmplt_epi32_mask(index, last);
        __m512i logistic = _mm512_set1_epi32(1 << (NLC_LOGISTIC_BITS - 1));
        if (inside) {
            logistic = _mm512_mask_i32gather_epi32(logistic, inside, index, (const void *)model->logistic, 2);
            logistic = _mm512_and_si512(logistic, _mm512_set1_epi32(0xffff));
        }
        logistic = _mm512_sub_epi32(_mm512_xor_si512(logistic, sign), sign);
        sums[k] = _mm512_dpwssd_epi32(sums[k], logistic, weight);
        distance = _mm512_add_epi32(distance, apart);
    }
}

static void digit(const nlc_model *model, nlc_block *block, int32_t stride) {
    const __m512i apart = _mm512_set1_epi32(64 * stride);
    const __m512i first =
        _mm512_add_epi32(_mm512_slli_epi32(lanes_of(block->value), 6), _mm512_set1_epi32(64 * stride - 32));
    __m512i sums[NLC_RADIX - 1] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int i = 0; i < model->components; i++)
        add_component(model, block, i, first, apart, sums);
    nlc_lanes sum[NLC_RADIX - 1];
    for (int k = 0; k < NLC_RADIX - 1; k++)
        _mm512_storeu_si512(sum[k], sums[k]);
    finish_digit(block, sum, stride);
}
