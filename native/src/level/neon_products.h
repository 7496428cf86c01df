/* Wide products with NEON: one input at a time, multiplied by the 16-bit weights of four outputs. */
#include <arm_neon.h>

static inline int16x4_t load_four(const int16_t *from) { return vld1_s16(from); }
static inline int16x4_t spread_one(const int16_t *from) { return vdup_n_s16(*from); }
static inline int32x4_t add_products(int32x4_t sums, int16x4_t seen, int16x4_t weights) {
    return vmlal_s16(sums, weights, seen);
}

#define NLC_VECTOR int32x4_t
#define NLC_VECTOR_LANES 4
#define NLC_ZERO() vdupq_n_s32(0)
#define NLC_STORE(to, sums) vst1q_s32(to, sums)
#define NLC_ROWS_AT_ONCE 6
#define NLC_VECTORS_AT_ONCE 1
#include "products.h"

NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 1, int16x4_t, load_four, int16x4_t, spread_one, add_products)
