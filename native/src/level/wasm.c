/* The level of WebAssembly's 128-bit vectors: pairs of 16-bit integers, two multiplied and added together.
 *
 * There is no asking a machine: what is compiled for them runs only where they are.
 */
#include "target.h"

#if NLC_WASM_SIMD128
#include "../core.h"

#include <wasm_simd128.h>

static inline v128_t add_products(v128_t sums, v128_t a, v128_t b) {
    return wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(a, b));
}

#include "wasm_products.h"

/* Interleave the low, or high, halves of two vectors of bytes. */
static inline v128_t low_bytes(v128_t a, v128_t b) {
    return wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static inline v128_t high_bytes(v128_t a, v128_t b) {
    return wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* One of four rounds, each of which interleaves rows k and k + 8. */
static inline void interleave(const v128_t *rows, v128_t *other) {
    for (int k = 0; k < 8; k++) {
        other[2 * k] = low_bytes(rows[k], rows[k + 8]);
        other[2 * k + 1] = high_bytes(rows[k], rows[k + 8]);
    }
}

static void transpose8(const uint8_t *in, size_t in_stride, size_t rows, size_t columns, uint8_t *out,
                       size_t out_stride) {
    for (size_t column = 0; column < columns; column += 16)
        for (size_t row = 0; row < rows; row += 16) {
            v128_t a[16], b[16];
            for (size_t k = 0; k < 16; k++)
                a[k] = wasm_v128_load(in + (row + k) * in_stride + column);
            interleave(a, b);
            interleave(b, a);
            interleave(a, b);
            interleave(b, a);
            for (size_t k = 0; k < 16; k++)
                wasm_v128_store(out + (column + k) * out_stride + row, a[k]);
        }
}

static void turn(const int32_t *outputs, size_t stride, size_t count, nlc_lanes *out) {
    for (size_t output = 0; output < count; output++)
        for (size_t l = 0; l < NLC_LANES; l++)
            out[output][l] = outputs[l * stride + output];
}

static inline void lookup(const int16_t *table, const int32_t *index, int32_t *found) {
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = table[index[l]];
}

static inline v128_t quarter_of(const int32_t *lanes, int quarter) { return wasm_v128_load(lanes + 4 * quarter); }

/* Four entries of the logistic table. */
static inline v128_t entries(const int16_t *table, v128_t index) {
    return wasm_i32x4_make(table[wasm_i32x4_extract_lane(index, 0)], table[wasm_i32x4_extract_lane(index, 1)],
                           table[wasm_i32x4_extract_lane(index, 2)], table[wasm_i32x4_extract_lane(index, 3)]);
}

/* floor(numbers / 2^shift), numbers within 2^29, given 2^(30 - shift): there is no shift of each lane by its own
 * count. */
static inline v128_t shifted(v128_t numbers, v128_t factors) {
    const v128_t four = wasm_i32x4_shl(numbers, 2);
    return wasm_i32x4_shuffle(wasm_i64x2_extmul_low_i32x4(four, factors), wasm_i64x2_extmul_high_i32x4(four, factors),
                              1, 3, 5, 7);
}

/* What `shifted` takes of NLC_LANES shifts. */
static inline void factors_of(const int32_t *shift, v128_t *factors) {
    nlc_lanes found;
    for (int l = 0; l < NLC_LANES; l++)
        found[l] = (int32_t)1 << (30 - shift[l]);
    for (int part = 0; part < 4; part++)
        factors[part] = wasm_v128_load(found + 4 * part);
}

/* Four bytes as four integers. */
static inline v128_t four_bytes(const uint8_t *from) {
    return wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(from)));
}

/* Numbers shifted by one count. Clang must not see that it is the same all through a loop: it would make a vector of it
 * before, and then shift lane by lane. */
static inline v128_t shifted_down(v128_t numbers, int32_t count) {
    __asm__ volatile("" : "+r"(count));
    return wasm_i32x4_shr(numbers, (uint32_t)count);
}
static inline v128_t shifted_up(v128_t numbers, int32_t count) {
    __asm__ volatile("" : "+r"(count));
    return wasm_i32x4_shl(numbers, (uint32_t)count);
}

/* The shift of NLC_LANES outputs, if it is one for all, else -1. */
static inline int32_t common_shift(const int32_t *shift) {
    int32_t other = 0;
    for (int l = 1; l < NLC_LANES; l++)
        other |= shift[l] ^ shift[0];
    return other ? -1 : shift[0];
}

/* Sums and biases of NLC_LANES outputs, in quarters, shifted by `common`, or each by its own shift. */
NLC_INLINE void shift_sums(const int32_t *sums, const v128_t *bias, const v128_t *factors, int32_t common,
                           v128_t *found, const int is_common) {
    for (int part = 0; part < 4; part++) {
        const v128_t sum = wasm_i32x4_add(wasm_v128_load(sums + 4 * part), bias[part]);
        found[part] = is_common ? shifted_down(sum, common) : shifted(sum, factors[part]);
    }
}

NLC_INLINE void activate_lanes(const nlc_layer *layer, size_t k, const int32_t *sums, size_t rows, const uint8_t *skip,
                               uint8_t *out, size_t stride, int32_t common, const int is_common) {
    v128_t factors[4], bias[4], found[4];
    factors_of(layer->shift + k, factors);
    for (int part = 0; part < 4; part++)
        bias[part] = wasm_v128_load(layer->bias + k + 4 * part);
    for (size_t row = 0; row < rows; row++) {
        shift_sums(sums + row * (size_t)layer->vectors * NLC_LANES + k, bias, factors, common, found, is_common);
        for (int part = 0; skip && part < 4; part++)
            found[part] = wasm_i32x4_add(found[part], four_bytes(skip + row * stride + k + 4 * part));
        wasm_v128_store(out + row * stride + k, wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(found[0], found[1]),
                                                                      wasm_i16x8_narrow_i32x4(found[2], found[3])));
    }
}

static void activate(const nlc_layer *layer, const int32_t *sums, size_t rows, const uint8_t *skip, uint8_t *out,
                     size_t stride) {
    for (size_t k = 0; k < (size_t)layer->vectors * NLC_LANES; k += NLC_LANES) {
        const int32_t common = common_shift(layer->shift + k);
        if (common >= 0)
            activate_lanes(layer, k, sums, rows, skip, out, stride, common, 1);
        else
            activate_lanes(layer, k, sums, rows, skip, out, stride, common, 0);
    }
}

NLC_INLINE void finish_lanes(const nlc_layer *layer, size_t k, const int32_t *sums, size_t rows, int32_t *outputs,
                             int32_t common, const int is_common) {
    const size_t width = (size_t)layer->vectors * NLC_LANES;
    v128_t factors[4], bias[4], found[4];
    factors_of(layer->shift + k, factors);
    for (int part = 0; part < 4; part++)
        bias[part] = wasm_v128_load(layer->bias + k + 4 * part);
    for (size_t row = 0; row < rows; row++) {
        shift_sums(sums + row * width + k, bias, factors, common, found, is_common);
        for (int part = 0; part < 4; part++)
            wasm_v128_store(outputs + row * width + k + 4 * part, found[part]);
    }
}

static void finish(const nlc_layer *layer, const int32_t *sums, size_t rows, int32_t *outputs) {
    for (size_t k = 0; k < (size_t)layer->vectors * NLC_LANES; k += NLC_LANES) {
        const int32_t common = common_shift(layer->shift + k);
        if (common >= 0)
            finish_lanes(layer, k, sums, rows, outputs, common, 1);
        else
            finish_lanes(layer, k, sums, rows, outputs, common, 0);
    }
}

static inline int32_t corrected(int32_t output, int32_t sum, int32_t shift) {
    return output + ((sum + (1 << shift >> 1)) >> shift);
}

/* Outputs of a kind, which stand together, have one shift. */
static void correct(const int32_t *sums, const int32_t *shifts, size_t count, int32_t *outputs) {
    size_t k = 0;
    for (; k + 4 <= count; k += 4) {
        const int32_t shift = shifts[k];
        if (shifts[k + 1] == shift && shifts[k + 2] == shift && shifts[k + 3] == shift) {
            const v128_t sum = wasm_i32x4_add(wasm_v128_load(sums + k), wasm_i32x4_splat(1 << shift >> 1));
            wasm_v128_store(outputs + k,
                            wasm_i32x4_add(wasm_v128_load(outputs + k), wasm_i32x4_shr(sum, (uint32_t)shift)));
            continue;
        }
        for (size_t l = k; l < k + 4; l++)
            outputs[l] = corrected(outputs[l], sums[l], shifts[l]);
    }
    for (; k < count; k++)
        outputs[k] = corrected(outputs[k], sums[k], shifts[k]);
}

#define NLC_NARROW 0
#define NLC_WIDE_GROUP 2
#define NLC_LOOKUP lookup
#define NLC_OWN_DIGIT
#define NLC_OWN_FLOATS "wasm_floats.h"
#define NLC_OWN_SHIFTS
#define NLC_OWN_MOVE_UNITS
#include "pixel_kernels.h"

/* A component's part in the sums of a quarter of a block at the inner boundaries, as in avx2_kernels.h: products of
 * integers within 16 bits, whose high halves meet a 0. */
static inline void add_component(const nlc_model *model, const nlc_block *block, int i, int quarter, v128_t first,
                                 v128_t apart, v128_t *sums) {
    const v128_t weight = quarter_of(block->weight[i], quarter);
    if (!wasm_v128_any_true(weight))
        return;
    const v128_t last = wasm_i32x4_splat(model->logistic_last);
    const v128_t high = quarter_of(block->slope_high[i], quarter), low = quarter_of(block->slope_low[i], quarter);
    v128_t distance = wasm_i32x4_sub(first, quarter_of(block->mean[i], quarter));
    for (int k = 0; k < NLC_RADIX - 1; k++) {
        const v128_t steps =
            wasm_i32x4_add(wasm_i32x4_dot_i16x8(distance, high),
                           wasm_i32x4_shr(wasm_i32x4_dot_i16x8(distance, low), NLC_SCALE_FRACTION_BITS));
        const v128_t sign = wasm_i32x4_shr(steps, 31);
        const v128_t upper = entries(model->logistic, wasm_i32x4_min(wasm_v128_xor(steps, sign), last));
        const v128_t logistic = wasm_i32x4_sub(wasm_v128_xor(upper, sign), sign);
        sums[k] = add_products(sums[k], logistic, weight);
        distance = wasm_i32x4_add(distance, apart);
    }
}

static void digit(const nlc_model *model, nlc_block *block, int32_t stride) {
    const v128_t apart = wasm_i32x4_splat(64 * stride);
    nlc_lanes sum[NLC_RADIX - 1];
    for (int quarter = 0; quarter < 4; quarter++) {
        const v128_t first = wasm_i32x4_add(wasm_i32x4_shl(quarter_of(block->value, quarter), 6),
                                            wasm_i32x4_splat(64 * stride - 32));
        v128_t sums[NLC_RADIX - 1] = {wasm_i32x4_const(0, 0, 0, 0), wasm_i32x4_const(0, 0, 0, 0),
                                      wasm_i32x4_const(0, 0, 0, 0)};
        for (int i = 0; i < model->components; i++)
            add_component(model, block, i, quarter, first, apart, sums);
        for (int k = 0; k < NLC_RADIX - 1; k++)
            wasm_v128_store(sum[k] + 4 * quarter, sums[k]);
    }
    finish_digit(block, sum, stride);
}

#include "wasm_learning.h"

#include "shared_table.h"
const nlc_kernels nlc_wasm_kernels = NLC_KERNELS("wasm");
#endif
