/* Narrow products in tiles: up to 16 rows of activations, 64 bytes each, by 16 groups of the weights of 16 outputs. */
#define TILE_ROWS 16
#define TILE_GROUPS 16

/* Which tile registers hold what: sums of four vectors, a full tile of activations and of weights, and the groups that
 * are left over, fewer than TILE_GROUPS. Instructions name registers by constants, hence no enum in loops. */
#define SUMS_0 0
#define SUMS_1 1
#define SUMS_2 2
#define SUMS_3 3
#define ACTIVATIONS 4
#define WEIGHTS 5
#define LAST_ACTIVATIONS 6
#define LAST_WEIGHTS 7

/* What LDTILECFG reads. */
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

static void shape_tiles(size_t rows, size_t groups_left) {
    tile_shapes shapes;
    memset(&shapes, 0, sizeof shapes);
    shapes.palette = 1;
    for (int tile = SUMS_0; tile <= ACTIVATIONS; tile++) {
        shapes.rows[tile] = (uint8_t)rows;
        shapes.row_bytes[tile] = 64;
    }
    shapes.rows[WEIGHTS] = TILE_GROUPS;
    shapes.row_bytes[WEIGHTS] = 64;
    if (groups_left) {
        shapes.rows[LAST_ACTIVATIONS] = (uint8_t)rows;
        shapes.row_bytes[LAST_ACTIVATIONS] = (uint16_t)(4 * groups_left);
        shapes.rows[LAST_WEIGHTS] = (uint8_t)groups_left;
        shapes.row_bytes[LAST_WEIGHTS] = 64;
    }
    NLC_IS_READ(&shapes);
    _tile_loadconfig(&shapes);
}

/* Add the products of a tile of weights to the sums. */
#define ADD_TILE(sums, from) \
    do { \
        _tile_loadd(WEIGHTS, from, 64); \
        _tile_dpbusd(sums, ACTIVATIONS, WEIGHTS); \
    } while (0)
#define ADD_LAST_TILE(sums, from) \
    do { \
        _tile_loadd(LAST_WEIGHTS, from, 64); \
        _tile_dpbusd(sums, LAST_ACTIVATIONS, LAST_WEIGHTS); \
    } while (0)

/* As many rows as the tiles are shaped for, by 1 to 4 vectors. */
NLC_INLINE void tile_part(const uint8_t *a, size_t a_stride, const int8_t *b, size_t groups, int32_t *c,
                          size_t c_stride, const int vectors) {
    const size_t apart = groups * NLC_LANES * 4, whole = groups / TILE_GROUPS * TILE_GROUPS;
    _tile_zero(SUMS_0);
    _tile_zero(SUMS_1);
    _tile_zero(SUMS_2);
    _tile_zero(SUMS_3);
    for (size_t group = 0; group < whole; group += TILE_GROUPS) {
        const int8_t *from = b + group * NLC_LANES * 4;
        _tile_loadd(ACTIVATIONS, a + 4 * group, a_stride);
        ADD_TILE(SUMS_0, from);
        if (vectors > 1)
            ADD_TILE(SUMS_1, from + apart);
        if (vectors > 2)
            ADD_TILE(SUMS_2, from + 2 * apart);
        if (vectors > 3)
            ADD_TILE(SUMS_3, from + 3 * apart);
    }
    if (whole < groups) {
        const int8_t *from = b + whole * NLC_LANES * 4;
        _tile_loadd(LAST_ACTIVATIONS, a + 4 * whole, a_stride);
        ADD_LAST_TILE(SUMS_0, from);
        if (vectors > 1)
            ADD_LAST_TILE(SUMS_1, from + apart);
        if (vectors > 2)
            ADD_LAST_TILE(SUMS_2, from + 2 * apart);
        if (vectors > 3)
            ADD_LAST_TILE(SUMS_3, from + 3 * apart);
    }
    _tile_stored(SUMS_0, c, c_stride * 4);
    if (vectors > 1)
        _tile_stored(SUMS_1, c + NLC_LANES, c_stride * 4);
    if (vectors > 2)
        _tile_stored(SUMS_2, c + 2 * NLC_LANES, c_stride * 4);
    if (vectors > 3)
        _tile_stored(SUMS_3, c + 3 * NLC_LANES, c_stride * 4);
}

static void product_in_tiles(const uint8_t *a, size_t a_stride, size_t rows, const int8_t *b, size_t groups,
                             size_t vectors, int32_t *c, size_t c_stride) {
    size_t shaped = 0;
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        const size_t count = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        const uint8_t *from = a + row * a_stride;
        if (count != shaped)
            shape_tiles(count, groups % TILE_GROUPS);
        shaped = count;
        for (size_t vector = 0; vector < vectors; vector += 4) {
            const int8_t *weights = b + vector * groups * NLC_LANES * 4;
            int32_t *to = c + row * c_stride + vector * NLC_LANES;
            switch (vectors - vector) {
            case 1: tile_part(from, a_stride, weights, groups, to, c_stride, 1); break;
            case 2: tile_part(from, a_stride, weights, groups, to, c_stride, 2); break;
            case 3: tile_part(from, a_stride, weights, groups, to, c_stride, 3); break;
            default: tile_part(from, a_stride, weights, groups, to, c_stride, 4); break;
            }
        }
    }
    _tile_release();
}
