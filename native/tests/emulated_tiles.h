/* The instructions on tiles of AMX in plain C, so that machines without them can test what uses them.
 *
 * As the processor does, this refuses shapes that do not fit together, and what lies beyond a tile's shape is 0.
 */
#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t rows, bytes;
    uint8_t content[16][64];
} emulated_tile;

static emulated_tile emulated_tiles[8];

static inline void emulated_require(int condition) {
    if (!condition)
        abort();
}

static inline void emulated_loadconfig(const void *config) {
    const uint8_t *bytes = config;
    memset(emulated_tiles, 0, sizeof emulated_tiles);
    emulated_require(bytes[0] == 1);
    for (int k = 1; k < 16; k++)
        emulated_require(bytes[k] == 0);
    for (int tile = 0; tile < 8; tile++) {
        emulated_tiles[tile].bytes = (size_t)(bytes[16 + 2 * tile] | bytes[17 + 2 * tile] << 8);
        emulated_tiles[tile].rows = bytes[48 + tile];
        emulated_require(emulated_tiles[tile].bytes <= 64 && emulated_tiles[tile].rows <= 16);
        emulated_require(!emulated_tiles[tile].bytes == !emulated_tiles[tile].rows);
    }
    for (int k = 32; k < 48; k++)
        emulated_require(bytes[k] == 0);
    for (int k = 56; k < 64; k++)
        emulated_require(bytes[k] == 0);
}

static inline emulated_tile *emulated_tile_of(int number) {
    emulated_require(number >= 0 && number < 8 && emulated_tiles[number].rows > 0);
    return &emulated_tiles[number];
}

static inline void emulated_zero(int number) {
    emulated_tile *tile = emulated_tile_of(number);
    memset(tile->content, 0, sizeof tile->content);
}

static inline void emulated_load(int number, const void *from, size_t stride) {
    emulated_tile *tile = emulated_tile_of(number);
    memset(tile->content, 0, sizeof tile->content);
    for (size_t row = 0; row < tile->rows; row++)
        memcpy(tile->content[row], (const uint8_t *)from + row * stride, tile->bytes);
}

static inline void emulated_store(int number, void *to, size_t stride) {
    const emulated_tile *tile = emulated_tile_of(number);
    for (size_t row = 0; row < tile->rows; row++)
        memcpy((uint8_t *)to + row * stride, tile->content[row], tile->bytes);
}

static inline void emulated_dpbusd(int sums_number, int a_number, int b_number) {
    emulated_tile *sums = emulated_tile_of(sums_number);
    const emulated_tile *a = emulated_tile_of(a_number), *b = emulated_tile_of(b_number);
    emulated_require(sums_number != a_number && a_number != b_number && sums_number != b_number);
    emulated_require(sums->rows == a->rows && sums->bytes == b->bytes && a->bytes == 4 * b->rows);
    for (size_t row = 0; row < a->rows; row++)
        for (size_t output = 0; output < b->bytes / 4; output++) {
            int32_t sum;
            memcpy(&sum, sums->content[row] + 4 * output, sizeof sum);
            for (size_t k = 0; k < a->bytes; k++)
                sum += a->content[row][k] * (int8_t)b->content[k / 4][4 * output + k % 4];
            memcpy(sums->content[row] + 4 * output, &sum, sizeof sum);
        }
}

/* These names may exist already, of the real instructions. */
#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbusd
#define _tile_loadconfig(config) emulated_loadconfig(config)
#define _tile_release() memset(emulated_tiles, 0, sizeof emulated_tiles)
#define _tile_zero(tile) emulated_zero(tile)
#define _tile_loadd(tile, from, stride) emulated_load(tile, from, stride)
#define _tile_stored(tile, to, stride) emulated_store(tile, to, stride)
#define _tile_dpbusd(sums, a, b) emulated_dpbusd(sums, a, b)

#endif
