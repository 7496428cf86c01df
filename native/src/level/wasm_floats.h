/* Numbers of 64 bits with vectors of WebAssembly, which are float64 here: all integers that occur are below 2^53. Clang
 * would convert them one by one. */

static inline v128_t two_of(const int32_t *from) { return wasm_f64x2_convert_low_i32x4(wasm_v128_load64_zero(from)); }

/* Store four numbers within 32 bits, of two vectors, as integers, towards 0. */
static inline void store_four(v128_t low, v128_t high, int32_t *to) {
    wasm_v128_store(to, wasm_i32x4_shuffle(wasm_i32x4_trunc_sat_f64x2_zero(low), wasm_i32x4_trunc_sat_f64x2_zero(high),
                                           0, 1, 4, 5));
}

/* floor(a * b / 2^bits). */
static inline v128_t floor_product(const int32_t *a, const int32_t *b, double factor) {
    return wasm_f64x2_floor(wasm_f64x2_mul(wasm_f64x2_mul(two_of(a), two_of(b)), wasm_f64x2_splat(factor)));
}

static inline v128_t two_means(const mean_parts *of, int l) {
    v128_t found = wasm_f64x2_add(floor_product(of->mean + l, of->scale + l, 1.0 / 256), two_of(of->base + l));
    if (of->first) {
        v128_t sum = wasm_f64x2_mul(two_of(of->first + l), two_of(of->by_first + l));
        if (of->second)
            sum = wasm_f64x2_add(sum, wasm_f64x2_mul(two_of(of->second + l), two_of(of->by_second + l)));
        found = wasm_f64x2_add(found, wasm_f64x2_floor(wasm_f64x2_mul(sum, wasm_f64x2_splat(1.0 / 16))));
    }
    found = wasm_f64x2_pmax(wasm_f64x2_splat(-NLC_MEAN_LIMIT), found);
    return wasm_f64x2_pmin(wasm_f64x2_splat((64 << 8) + NLC_MEAN_LIMIT), found);
}

static inline void add_means(const mean_parts *of, int32_t *found) {
    for (int l = 0; l < NLC_LANES; l += 4)
        store_four(two_means(of, l), two_means(of, l + 2), found + l);
}

static inline v128_t two_shares(const double *number, const double *sum) {
    return wasm_f64x2_div(wasm_f64x2_mul(wasm_v128_load(number), wasm_f64x2_splat(1 << NLC_WEIGHT_BITS)),
                          wasm_v128_load(sum));
}

static inline void share_lanes(const double *number, const double *sum, int32_t *weight) {
    for (int l = 0; l < NLC_LANES; l += 4)
        store_four(two_shares(number + l, sum + l), two_shares(number + l + 2, sum + l + 2), weight + l);
}

static inline v128_t two_frequencies(const int32_t *above, const int32_t *whole) {
    return wasm_f64x2_div(wasm_f64x2_mul(two_of(above), wasm_f64x2_splat(NLC_FREE_FREQUENCY)), two_of(whole));
}

static inline void find_frequencies(const int32_t *above, const int32_t *whole, uint32_t *found) {
    for (int l = 0; l < NLC_LANES; l += 4)
        store_four(two_frequencies(above + l, whole + l), two_frequencies(above + l + 2, whole + l + 2),
                   (int32_t *)found + l);
}

static inline v128_t two_slopes(const double *numerator, const int32_t *width) {
    return wasm_f64x2_floor(
        wasm_f64x2_div(wasm_v128_load(numerator), wasm_f64x2_mul(two_of(width), wasm_f64x2_splat(1 << 19))));
}

static inline void divide_slopes(const double *numerator, const int32_t *width, int32_t *found) {
    for (int l = 0; l < NLC_LANES; l += 4)
        store_four(two_slopes(numerator + l, width + l), two_slopes(numerator + l + 2, width + l + 2), found + l);
}

static inline v128_t two_pulls(const int32_t *pull, const int32_t *relative) {
    const v128_t product =
        wasm_f64x2_mul(wasm_f64x2_mul(two_of(pull), two_of(relative)), wasm_f64x2_splat(1.0 / (1 << 27)));
    return wasm_f64x2_floor(wasm_f64x2_add(product, wasm_f64x2_splat(0.5)));
}

static inline void scale_pulls(const int32_t *pull, const int32_t *relative, int32_t *found) {
    for (int l = 0; l < NLC_LANES; l += 4)
        store_four(two_pulls(pull + l, relative + l), two_pulls(pull + l + 2, relative + l + 2), found + l);
}
