/* Products over what is not 0: many units of a layer are 0 for most pixels, and pairs of them are then left out.
 *
 * Of a row the pairs of 16-bit integers that are not both 0 are gathered first, with the places of their weights; the
 * sums of its outputs stay in registers while they are gone through. Of several rows together more pairs would count,
 * which takes longer than to load the weights for each row again.
 */
#include "first_of_four.h"

#define ROWS_GATHERED 16 /* whose pairs, and the weights that they meet, the nearest cache holds */
#define MOST_PAIRS 2052  /* of a row: (NLC_MAX_WIDTH + 1) / 2, rounded up to 4 */

/* The pairs of a row, one after the other. */
typedef struct {
    int32_t *pair;
    uint32_t *place; /* bytes from the first group's weights */
    size_t count;
} gathered_row;

static inline void gather_pairs(const int16_t *a, size_t groups, gathered_row *found) {
    const v128_t step = wasm_i32x4_const(256, 256, 256, 256);
    v128_t places = wasm_i32x4_const(0, 64, 128, 192);
    size_t count = 0, group = 0;
    for (; group + 4 <= groups; group += 4) {
        const v128_t pairs = wasm_v128_load(a + 2 * group);
        const uint32_t kept = wasm_i32x4_bitmask(wasm_i32x4_ne(pairs, wasm_i32x4_const(0, 0, 0, 0)));
        const v128_t order = wasm_v128_load(first_of_four[kept]);
        wasm_v128_store(found->pair + count, wasm_i8x16_swizzle(pairs, order));
        wasm_v128_store(found->place + count, wasm_i8x16_swizzle(places, order));
        count += (size_t)__builtin_popcount(kept);
        places = wasm_i32x4_add(places, step);
    }
    for (; group < groups; group++) {
        memcpy(found->pair + count, a + 2 * group, sizeof(int32_t));
        found->place[count] = (uint32_t)(64 * group);
        count += found->pair[count] != 0;
    }
    found->count = count;
}

/* The sums of one vector of outputs, or of two, whose weights are `apart` bytes from each other. */
NLC_INLINE void sum_pairs(const gathered_row *row, const char *weights, size_t apart, int32_t *c, const int vectors) {
    v128_t sums[8];
    for (int part = 0; part < 4 * vectors; part++)
        sums[part] = wasm_i32x4_const(0, 0, 0, 0);
    for (size_t k = 0; k < row->count; k++) {
        const char *from = weights + row->place[k], *other = from + apart;
        const v128_t pair = wasm_v128_load32_splat(row->pair + k);
        for (int part = 0; part < 4; part++)
            sums[part] = add_products(sums[part], pair, wasm_v128_load(from + 16 * part));
        for (int part = 4; part < 4 * vectors; part++)
            sums[part] = add_products(sums[part], pair, wasm_v128_load(other + 16 * (part - 4)));
    }
    for (int part = 0; part < 4 * vectors; part++)
        wasm_v128_store(c + 4 * part, sums[part]);
}

static void sparse16(const int16_t *a, size_t a_stride, size_t rows, const int16_t *b, size_t groups, size_t vectors,
                     int32_t *c, size_t c_stride) {
    int32_t pairs[ROWS_GATHERED * MOST_PAIRS + 4];
    uint32_t places[ROWS_GATHERED * MOST_PAIRS + 4];
    gathered_row gathered[ROWS_GATHERED];
    const size_t room = nlc_round_up(groups, 4), apart = 64 * groups;
    for (size_t first = 0; first < rows; first += ROWS_GATHERED) {
        const size_t count = rows - first < ROWS_GATHERED ? rows - first : ROWS_GATHERED;
        for (size_t k = 0; k < count; k++) {
            gathered[k] = (gathered_row){pairs + k * room, places + k * room, 0};
            gather_pairs(a + (first + k) * a_stride, groups, &gathered[k]);
        }
        for (size_t vector = 0; vector < vectors; vector += 2) {
            const char *weights = (const char *)b + vector * apart;
            int32_t *to = c + first * c_stride + vector * NLC_LANES;
            for (size_t k = 0; k < count; k++, to += c_stride) {
                if (vector + 1 < vectors)
                    sum_pairs(&gathered[k], weights, apart, to, 2);
                else
                    sum_pairs(&gathered[k], weights, apart, to, 1);
            }
        }
    }
}
#define NLC_SPARSE16 sparse16

/* Products over all pairs. */
#define NLC_VECTOR v128_t
#define NLC_VECTOR_LANES 4
#define NLC_ZERO() wasm_i32x4_const(0, 0, 0, 0)
#define NLC_STORE(to, sums) wasm_v128_store(to, sums)
#define NLC_ROWS_AT_ONCE 2
#define NLC_VECTORS_AT_ONCE 1
#include "products.h"
NLC_DEFINE_PRODUCT(product16, int16_t, int16_t, 2, v128_t, wasm_v128_load, v128_t, wasm_v128_load32_splat, add_products)
