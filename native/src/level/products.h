/* Products over a few rows at a time, whose sums stay in registers: the loops of every level with vectors.
 *
 * A level defines
 *   NLC_VECTOR, NLC_VECTOR_LANES       a vector of 32-bit sums, and how many it holds
 *   NLC_ZERO(), NLC_STORE(to, sums)
 *   NLC_ROWS_AT_ONCE                   1 to 6
 *   NLC_VECTORS_AT_ONCE                of NLC_LANES outputs: 1 to 4
 * and then its products with NLC_DEFINE_PRODUCT, given the types of an activation and of a weight, the inputs of a
 * group, the type of a group's weights for the outputs of a vector and how to load them, the same for a row's
 * activations, which each output meets, and the function (sums, activations, weights) that adds their products.
 */
#define NLC_PARTS (NLC_LANES / NLC_VECTOR_LANES)

#define NLC_DEFINE_PRODUCT(name, activation, weight, per_group, weights_type, load, seen_type, spread, multiply_add)   \
    NLC_INLINE void name##_part(const activation *a, size_t a_stride, const weight *b, size_t groups, int32_t *c,      \
                                size_t c_stride, const int rows, const int vectors) {                                  \
        NLC_VECTOR sums[6][4 * NLC_PARTS];                                                                             \
        const size_t apart = groups * NLC_LANES * (per_group);                                                         \
        for (int row = 0; row < rows; row++)                                                                           \
            for (int part = 0; part < vectors * NLC_PARTS; part++)                                                     \
                sums[row][part] = NLC_ZERO();                                                                          \
        for (size_t group = 0; group < groups; group++) {                                                              \
            weights_type weights[4 * NLC_PARTS];                                                                       \
            for (int part = 0; part < vectors * NLC_PARTS; part++)                                                     \
                weights[part] = load(b + (size_t)(part / NLC_PARTS) * apart + group * NLC_LANES * (per_group) +        \
                                     part % NLC_PARTS * NLC_VECTOR_LANES * (per_group));                               \
            for (int row = 0; row < rows; row++) {                                                                     \
                const seen_type seen = spread(a + (size_t)row * a_stride + group * (per_group));                       \
                for (int part = 0; part < vectors * NLC_PARTS; part++)                                                 \
                    sums[row][part] = multiply_add(sums[row][part], seen, weights[part]);                              \
            }                                                                                                          \
        }                                                                                                              \
        for (int row = 0; row < rows; row++)                                                                           \
            for (int part = 0; part < vectors * NLC_PARTS; part++)                                                     \
                NLC_STORE(c + (size_t)row * c_stride + part * NLC_VECTOR_LANES, sums[row][part]);                      \
    }                                                                                                                  \
    /* A panel of vectors stays in the nearest cache while all rows go over it. */                                     \
    NLC_INLINE void name##_panel(const activation *a, size_t a_stride, size_t rows, const weight *b, size_t groups,    \
                                 int32_t *c, size_t c_stride, const int vectors) {                                     \
        for (; rows >= NLC_ROWS_AT_ONCE; rows -= NLC_ROWS_AT_ONCE) {                                                   \
            name##_part(a, a_stride, b, groups, c, c_stride, NLC_ROWS_AT_ONCE, vectors);                               \
            a += NLC_ROWS_AT_ONCE * a_stride;                                                                          \
            c += NLC_ROWS_AT_ONCE * c_stride;                                                                          \
        }                                                                                                              \
        switch (rows) {                                                                                                \
        case 5: name##_part(a, a_stride, b, groups, c, c_stride, 5, vectors); break;                                   \
        case 4: name##_part(a, a_stride, b, groups, c, c_stride, 4, vectors); break;                                   \
        case 3: name##_part(a, a_stride, b, groups, c, c_stride, 3, vectors); break;                                   \
        case 2: name##_part(a, a_stride, b, groups, c, c_stride, 2, vectors); break;                                   \
        case 1: name##_part(a, a_stride, b, groups, c, c_stride, 1, vectors); break;                                   \
        default: break;                                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static void name(const activation *a, size_t a_stride, size_t rows, const weight *b, size_t groups,                \
                     size_t vectors, int32_t *c, size_t c_stride) {                                                    \
        for (; vectors >= NLC_VECTORS_AT_ONCE; vectors -= NLC_VECTORS_AT_ONCE) {                                       \
            name##_panel(a, a_stride, rows, b, groups, c, c_stride, NLC_VECTORS_AT_ONCE);                              \
            b += NLC_VECTORS_AT_ONCE * groups * NLC_LANES * (per_group);                                               \
            c += NLC_VECTORS_AT_ONCE * NLC_LANES;                                                                      \
        }                                                                                                              \
        switch (vectors) {                                                                                             \
        case 3: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 3); break;                                     \
        case 2: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 2); break;                                     \
        case 1: name##_panel(a, a_stride, rows, b, groups, c, c_stride, 1); break;                                     \
        default: break;                                                                                                \
        }                                                                                                              \
    }
