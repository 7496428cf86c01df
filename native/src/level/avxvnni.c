/* The level of AVX-VNNI: 256-bit vectors, with the products of VNNI.
 *
 * Tests define NLC_VNNI_OF_AVX512 to run the same code with the instructions' other encoding, on machines that have it.
 */
#include "target.h"

#if NLC_HAS_AVX_VNNI
#ifdef NLC_VNNI_OF_AVX512
NLC_TARGET_BEGIN("avx2,avx512f,avx512vl,avx512vnni,popcnt")
#define ADD_PAIRS _mm256_dpwssd_epi32
#define ADD_FOURS _mm256_dpbusd_epi32
#else
NLC_TARGET_BEGIN("avx2,avxvnni,popcnt")
#define ADD_PAIRS _mm256_dpwssd_avx_epi32
#define ADD_FOURS _mm256_dpbusd_avx_epi32
#endif
#include "avx2_vectors.h"

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, __m256i, load_weights, __m256i, spread_group, ADD_PAIRS)
NLC_DEFINE_PRODUCT(product8, uint8_t, int8_t, 4, __m256i, load_weights, __m256i, spread_group, ADD_FOURS)

#define NLC_NARROW 1
#define NLC_WIDE_GROUP 2
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_MOVE_UNITS
#define NLC_OWN_USE
#define NLC_OWN_LATTICE "avx2_lattice.h"
#define NLC_ADD_PRODUCTS ADD_PAIRS
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"
#include "avx2_kernels.h"
#include "avx2_learning.h"

#include "shared_table.h"
const nlc_kernels nlc_avx_vnni_kernels = NLC_KERNELS("avxvnni");
NLC_TARGET_END
#endif
