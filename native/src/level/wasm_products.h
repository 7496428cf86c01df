/* Products over what is not 0: many units of a layer are 0 for most pixels, and pairs of them are then left out.
 *
 * Of two rows the pairs of 16-bit integers that are not 0 in both are gathered first, with the places of their weights;
 * the sums of their outputs stay in registers while they are gone through.
 */
#include "first_of_four.h"

#define ROWS_TOGETHER 2
#define ROWS_GATHERED 16 /* whose pairs, and the weights that they meet, the nearest cache holds */
#define MOST_PAIRS 2052  /* of a row: (NLC_MAX_WIDTH + 1) / 2, rounded up to 4 */

/* What rows that stand together have, one pair after the other. */
typedef struct {
    int32_t *pair[ROWS_TOGETHER];
    uint32_t *place; /* bytes from the first group's weights */
    size_t count;
} gathered_rows;

/* Gather the pairs of one row or two. */
NLC_INLINE void gather_pairs(const int16_t *a, size_t a_stride, size_t groups, gathered_rows *found, const int rows) {
    const v128_t step = wasm_i32x4_const(256, 256, 256, 256);
    v128_t places = wasm_i32x4_const(0, 64, 128, 192);
    const int16_t *second = rows > 1 ? a + a_stride : a;
    size_t count = 0, group = 0;
    for (; group + 4 <= groups; group += 4) {
        const v128_t one = wasm_v128_load(a + 2 * group), other = wasm_v128_load(second + 2 * group);
        const v128_t is_kept = wasm_i32x4_ne(wasm_v128_or(one, other), wasm_i32x4_const(0, 0, 0, 0));
        const uint32_t kept = wasm_i32x4_bitmask(is_kept);
        const v128_t order = wasm_v128_load(first_of_four[kept]);
        wasm_v128_store(found->pair[0] + count, wasm_i8x16_swizzle(one, order));
        if (rows > 1)
            wasm_v128_store(found->pair[1] + count, wasm_i8x16_swizzle(other, order));
        wasm_v128_store(found->place + count, wasm_i8x16_swizzle(places, order));
        count += (size_t)__builtin_popcount(kept);
        places = wasm_i32x4_add(places, step);
    }
    for (; group < groups; group++) {
        memcpy(found->pair[0] + count, a + 2 * group, sizeof(int32_t));
        if (rows > 1)
            memcpy(found->pair[1] + count, second + 2 * group, sizeof(int32_t));
        found->place[count] = (uint32_t)(64 * group);
        count += found->pair[0][count] != 0 || found->pair[rows - 1][count] != 0;
    }
    found->count = count;
}

/* The sums of a vector of outputs. */
NLC_INLINE void product_of_rows(const gathered_rows *given, const char *weights, int32_t *c, size_t c_stride, const int rows) {
    v128_t sums[ROWS_TOGETHER][4];
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < 4; part++)
            sums[row][part] = wasm_i32x4_const(0, 0, 0, 0);
    for (size_t k = 0; k < given->count; k++) {
        const char *from = weights + given->place[k];
        v128_t pair[ROWS_TOGETHER];
        for (int row = 0; row < rows; row++)
            pair[row] = wasm_v128_load32_splat(given->pair[row] + k);
        for (int part = 0; part < 4; part++) {
            const v128_t weight = wasm_v128_load(from + 16 * part);
            for (int row = 0; row < rows; row++)
                sums[row][part] = wasm_i32x4_add(sums[row][part], wasm_i32x4_dot_i16x8(pair[row], weight));
        }
    }
    for (int row = 0; row < rows; row++)
        for (int part = 0; part < 4; part++)
            wasm_v128_store(c + (size_t)row * c_stride + 4 * part, sums[row][part]);
}

static void product16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                      int32_t *c, size_t c_stride) {
    int32_t pairs[ROWS_GATHERED * MOST_PAIRS + 4 * ROWS_TOGETHER];
    uint32_t places[ROWS_GATHERED / ROWS_TOGETHER * MOST_PAIRS + 4];
    gathered_rows gathered[ROWS_GATHERED / ROWS_TOGETHER];
    const size_t room = nlc_round_up(groups, 4);
    for (size_t first = 0; first < rows; first += ROWS_GATHERED) {
        const size_t count = rows - first < ROWS_GATHERED ? rows - first : ROWS_GATHERED;
        const size_t whole = count / 2, all = (count + 1) / 2;
        for (size_t k = 0; k < all; k++) {
            const int16_t *from = a + (first + 2 * k) * a_stride;
            gathered[k] = (gathered_rows){{pairs + 2 * k * room, pairs + (2 * k + 1) * room}, places + k * room, 0};
            if (k < whole)
                gather_pairs(from, a_stride, groups, &gathered[k], 2);
            else
                gather_pairs(from, a_stride, groups, &gathered[k], 1);
        }
        for (size_t vector = 0; vector < vectors; vector++) {
            const char *weights = (const char *)b + vector * 64 * groups;
            int32_t *to = c + first * c_stride + vector * NLC_LANES;
            for (size_t k = 0; k < whole; k++, to += 2 * c_stride)
                product_of_rows(&gathered[k], weights, to, c_stride, 2);
            if (whole < all)
                product_of_rows(&gathered[whole], weights, to, c_stride, 1);
        }
    }
}
