/* The level of NEON with the dot product of bytes. */
#include "target.h"

#if NLC_HAS_DOTPROD
NLC_TARGET_BEGIN(NLC_DOTPROD_TARGET)
#include "plain_movement.h"

#include "neon_products.h"

/* The dot product is of signed bytes: activations are taken less 128, and their weights 128 times more at the end. */
static inline int8x16_t load_fours(const int8_t *from) { return vld1q_s8(from); }
static inline int8x16_t spread_four(const uint8_t *from) {
    uint32_t group;
    memcpy(&group, from, sizeof group);
    return vreinterpretq_s8_u32(veorq_u32(vdupq_n_u32(group), vdupq_n_u32(0x80808080u)));
}
static inline int32x4_t add_dot_products(int32x4_t sums, int8x16_t seen, int8x16_t weights) {
    return vdotq_s32(sums, weights, seen);
}

NLC_DEFINE_PRODUCT(signed_product8, uint8_t, int8_t, 4, int8x16_t, load_fours, int8x16_t, spread_four,
                   add_dot_products)

static void product8(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride) {
    signed_product8(a, a_stride, rows, b, groups, vectors, c, c_stride);
    for (size_t part = 0; part < 4 * vectors; part++, c += 4) {
        const int8_t *weights = b + (part / 4 * groups * NLC_LANES + part % 4 * 4) * 4;
        int32x4_t less = vdupq_n_s32(0);
        for (size_t group = 0; group < groups; group++)
            less = vdotq_s32(less, vld1q_s8(weights + group * NLC_LANES * 4), vdupq_n_s8(-128));
        for (size_t row = 0; row < rows; row++)
            vst1q_s32(c + row * c_stride, vsubq_s32(vld1q_s32(c + row * c_stride), less));
    }
}

#define NLC_NARROW 1
#define NLC_WIDE_GROUP 1
#define NLC_LOOKUP lookup
#define NLC_POPCOUNT 1
#include "pixel_kernels.h"

#include "shared_table.h"
const nlc_kernels nlc_dotprod_kernels = NLC_KERNELS("dotprod");
NLC_TARGET_END
#endif
