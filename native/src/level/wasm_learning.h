/* Moving units with vectors of WebAssembly: the integers of pair_kernels.h. */

/* How the weights of a unit are moved: by sums, multiplied by a factor and shifted down. */
typedef struct {
    const int32_t *sums;
    int32_t *learned, *average;
    v128_t factor, half;
    int32_t by;
} unit_moves;

/* Move four of a unit's weights, from the one at `k` on: what is used of them and of their averages. To these a
 * multiple of 16 is added after a shift of at most 4 bits. */
NLC_INLINE void move_four(const unit_moves *unit, size_t k, int32_t pace, v128_t *now, v128_t *mean, const int steady) {
    const v128_t most = wasm_i32x4_splat(NLC_PAIR_LARGEST);
    const v128_t sum = wasm_i32x4_add(wasm_i32x4_mul(wasm_v128_load(unit->sums + k), unit->factor), unit->half);
    const v128_t moved = wasm_i32x4_add(wasm_v128_load(unit->learned + k), shifted_down(sum, unit->by));
    const v128_t next = wasm_i32x4_max(wasm_i32x4_min(moved, most), wasm_i32x4_neg(most));
    const v128_t before = wasm_v128_load(unit->average + k);
    const v128_t rest = wasm_i32x4_sub(wasm_i32x4_splat(steady ? 8 : 1 << pace >> 1), before);
    const v128_t back = steady ? wasm_i32x4_shr(rest, 4) : shifted_down(rest, pace);
    const v128_t part = steady ? next : shifted_up(next, 4 - pace);
    const v128_t middle = wasm_i32x4_add(wasm_i32x4_add(before, back), part);
    wasm_v128_store(unit->learned + k, next);
    wasm_v128_store(unit->average + k, middle);
    *now = wasm_i32x4_shr(wasm_i32x4_add(next, wasm_i32x4_splat(1 << NLC_PAIR_ROUNDED >> 1)), NLC_PAIR_ROUNDED);
    *mean = wasm_i32x4_shr(wasm_i32x4_add(middle, wasm_i32x4_splat(1 << (NLC_PAIR_ROUNDED + 4) >> 1)),
                           NLC_PAIR_ROUNDED + 4);
}

/* Pack numbers of two units, beside what is there if `own` is not NULL. */
static inline void pack_pairs(const v128_t *number, const int16_t *own, int16_t *to) {
    const v128_t low = wasm_v128_and(number[0], wasm_i32x4_splat(0xffff));
    v128_t both = wasm_v128_or(low, wasm_i32x4_shl(number[1], 16));
    if (own)
        both = wasm_i16x8_add(both, wasm_v128_load(own));
    wasm_v128_store(to, both);
}

/* Move two units: `apart` weights are from one vector of outputs to the next, of which each has both units'. */
NLC_INLINE void move_two(const unit_moves *pair, size_t outputs, size_t apart, int32_t pace, const int16_t *own,
                         int16_t *used, int16_t *used_average, const int steady) {
    for (size_t k = 0; k < outputs; k += 4) {
        const size_t place = k / NLC_LANES * apart + k % NLC_LANES * 2;
        const int16_t *beside = own ? own + place : NULL;
        v128_t now[2], mean[2];
        move_four(&pair[0], k, pace, &now[0], &mean[0], steady);
        move_four(&pair[1], k, pace, &now[1], &mean[1], steady);
        pack_pairs(now, beside, used + place);
        pack_pairs(mean, beside, used_average + place);
    }
}

static void move_units(const int32_t *const *sums, const int32_t *reduction, int32_t gain, int32_t pace, size_t vectors,
                       size_t groups, int32_t *learned, int32_t *average, const int16_t *own, void *used,
                       void *used_average) {
    const size_t outputs = vectors * NLC_LANES, apart = groups * NLC_LANES * 2;
    for (size_t unit = 0; unit < 4; unit += 2) {
        unit_moves pair[2];
        for (size_t k = 0; k < 2; k++) {
            const size_t from = (unit + k) * outputs;
            const int32_t shift = reduction[unit + k] - gain, by = shift > 0 ? shift : 0;
            pair[k] = (unit_moves){sums[unit + k], learned + from, average + from, wasm_i32x4_splat(1 << (by - shift)),
                                   wasm_i32x4_splat(1 << by >> 1), by};
        }
        const size_t place = unit * NLC_LANES;
        const int16_t *beside = own ? own + place : NULL;
        int16_t *to = (int16_t *)used + place, *to_average = (int16_t *)used_average + place;
        if (pace == 4)
            move_two(pair, outputs, apart, pace, beside, to, to_average, 1);
        else
            move_two(pair, outputs, apart, pace, beside, to, to_average, 0);
    }
}
