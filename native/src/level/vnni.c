/* The level of AVX-512 with VNNI. */
#include "target.h"

#if NLC_X86_64
NLC_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi2,f16c")
#include "x86.h"
#include "avx512_products.h"

DEFINE_PRODUCT(product8, uint8_t, int8_t, 4, _mm512_dpbusd_epi32)

static inline void lookup(const int16_t *table, const int32_t *index, int32_t *found) {
    const __m512i pair = _mm512_i32gather_epi32(_mm512_loadu_si512(index), (const void *)table, 2);
    _mm512_storeu_si512(found, _mm512_srai_epi32(_mm512_slli_epi32(pair, 16), 16));
}

#define NLC_NARROW 1
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_PACK_GRADIENTS
#include "pixel_kernels.h"
#include "avx512_kernels.h"

#include "shared_table.h"
const nlc_kernels nlc_vnni_kernels = NLC_KERNELS("vnni");
NLC_TARGET_END
#endif
