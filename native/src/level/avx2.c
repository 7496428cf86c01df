/* The level of AVX2: pairs of 16-bit integers, two multiplied and added together. */
#include "target.h"

#if NLC_HAS_AVX2
NLC_TARGET_BEGIN("avx2,popcnt")
#include "avx2_vectors.h"

static inline __m256i add_products(__m256i sums, __m256i a, __m256i b) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
}

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, __m256i, load_weights, __m256i, spread_group, add_products)

#include "avx2_sparse.h"

#define NLC_NARROW 0
#define NLC_SPARSE16 sparse16
#define NLC_WIDE_GROUP 2
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_MOVE_UNITS
#define NLC_OWN_USE
#define NLC_OWN_PACK_WIDE
#define NLC_OWN_LATTICE "avx2_lattice.h"
#define NLC_ADD_PRODUCTS add_products
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"
#include "avx2_kernels.h"
#include "avx2_learning.h"

#include "shared_table.h"
const nlc_kernels nlc_avx2_kernels = NLC_KERNELS("avx2");
NLC_TARGET_END
#endif
